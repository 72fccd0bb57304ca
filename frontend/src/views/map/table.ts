/** The cells on screen as a table of texts. */

import type { State, TextTable } from "../../contract";
import { brief, countText, weightTexts } from "../../labels";
import { mapText, type Shown } from "../../shown";
import { strongest } from "../../strongest";
import { type CellGrid, cellUnits } from "./cells";

/** So many cells at most are all told; of more, the strongest. */
const ALL = 400;
const STRONGEST = 200;

export function tableOf(
  state: Readonly<State>,
  shown: Shown,
  cells: CellGrid,
  status: string,
  full = false,
): TextTable {
  const text = weightTexts(full);
  const { rows, columns, values } = cells;
  const order = values.length <= ALL ? Array.from(values.keys()) : strongest(values, STRONGEST);
  const all = countText(values.length);
  const strong = order.length > 0 ? `the ${order.length} strongest of ${all} cells` : `all ${all} cells are 0`;
  const what = values.length <= ALL ? "all cells on screen" : strong;
  return {
    caption: `${mapText(shown.info, state.heads)}: ${what}; ${status}`,
    columns: ["query", shown.rows.axis.title, "key", shown.columns.axis.title, "weight"],
    rows: order.map((at) => {
      const row = cellUnits(rows, Math.floor(at / columns.count));
      const column = cellUnits(columns, at % columns.count);
      return [
        position(shown.rows, row),
        name(shown.rows, row),
        position(shown.columns, column),
        name(shown.columns, column),
        text(values[at]),
      ];
    }),
  };
}

function position(units: Shown["rows"], [first, last]: [number, number]): string {
  const start = units.start(first);
  const stop = units.stop(last - 1);
  return stop - start === 1 ? String(start) : `${start}–${stop - 1}`;
}

/** A unit's text; of several the first and the last. */
function name(units: Shown["rows"], [first, last]: [number, number]): string {
  const start = brief(units.label(first));
  return last - first === 1 ? start : `${start} … ${brief(units.label(last - 1))}`;
}
