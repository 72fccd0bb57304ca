/** Tables of numbers with their colours. */

import { colourAt, inkOn } from "../../colours";
import type { Palette } from "../../contract";
import { element } from "../../elements";
import { numberText } from "./stages";

/** A cell with a number, coloured by its share of the largest. */
export function numberCell(value: number, largest: number, palette: Palette): HTMLTableCellElement {
  const cell = element("td", "", numberText(value));
  if (!Number.isFinite(value)) {
    cell.classList.add("steps-none");
    return cell;
  }
  const share = largest > 0 ? value / largest : 0;
  const [background, text] = [colourAt(share, palette), inkOn(share, palette)];
  cell.style.background = background;
  cell.style.color = text;
  return cell;
}

export function headCell(text: string, scope: "row" | "col"): HTMLTableCellElement {
  const cell = element("th", "", text);
  cell.scope = scope;
  return cell;
}

export interface Line {
  name: string;
  values: ArrayLike<number>;
  /** Coloured by their share of this. */
  largest: number;
  /** Said in a last column. */
  sum?: string;
}

/** Vectors below one another: components across. */
export function vectorTable(
  caption: string,
  corner: string,
  lines: readonly Line[],
  sumName: string | null,
  palette: Palette,
) {
  const table = element("table", "steps-table");
  table.createCaption().textContent = caption;
  const head = table.createTHead().insertRow();
  const size = lines[0]?.values.length ?? 0;
  head.append(headCell(corner, "col"));
  for (let at = 0; at < size; at++) head.append(headCell(String(at), "col"));
  if (sumName !== null) head.append(headCell(sumName, "col"));
  const body = table.createTBody();
  for (const { name, values, largest, sum } of lines) {
    const row = body.insertRow();
    row.append(headCell(name, "row"), ...Array.from(values, (value) => numberCell(value, largest, palette)));
    if (sumName !== null) row.append(element("td", "steps-sum", sum ?? ""));
  }
  return table;
}
