/** What is on screen, said in words. */

import { LEAST } from "../../colours";
import { areColoured } from "../../compare/head_colours";
import type { Manifest, State, Viewport } from "../../contract";
import { brief, countText, errorText, isolated, weightText } from "../../labels";
import { mapText, type Shown } from "../../shown";
import { beginsOf, singular, type Units } from "../../units";
import { rowNames } from "./axes";
import { type CellGrid, cellUnits, type Grid, howOf, tokensOf } from "./cells";

/** What a cell shows, and how exactly; without a full stop. */
export function statusText(
  state: Readonly<State>,
  shown: Shown,
  cells: CellGrid | null,
  reading: boolean,
  marginsSampled: number,
): string {
  if (shown.rows.count === 0 || shown.columns.count === 0)
    return "every token is special, and special tokens are hidden";
  if (!cells) return "reading …";
  const known = "what is known from afar, until it has been read";
  const parts = [cells.read ? cellText(state, shown, cells.rows, cells.columns) : known];
  const inCell = tokensOf(shown.rows, cells.rows) / Math.max(cells.rows.count, 1);
  if (cells.read && cells.sampled > 0 && inCell > cells.sampled)
    parts.push(`read from 1 query in ${countText(Math.max(2, Math.round(inCell / cells.sampled)))}`);
  if (cells.read && cells.every > 1)
    parts.push(`1 row of cells in ${countText(cells.every)} read, which stands for the others`);
  if (reading && cells.read) parts.push("reading the rest …");
  if (marginsSampled > 0) {
    const queries = marginsSampled === 1 ? "1 query" : `${countText(marginsSampled)} queries`;
    parts.push(`margins estimated from at most ${queries} in each cell`);
  }
  if (state.heads.length > 1)
    parts.push(
      areColoured(state) ? `${state.heads.length} heads, a colour each` : `mean of ${state.heads.length} heads`,
    );
  if (shown.info.error > 0) parts.push(`error at most ${errorText(shown.info.error)}`);
  if (state.pair !== "all") {
    const [row, column] = state.pair.toUpperCase().split("-");
    parts.push(`rows of sentence ${row}, columns of sentence ${column}`);
  }
  if (state.special === "hidden") {
    parts.push("special tokens hidden");
    if (state.renormalise) parts.push("rows renormalised over the other tokens");
  }
  if (state.limits) parts.push(`colours from ${state.limits[0]} to ${state.limits[1]}, as chosen`);
  else if (state.scale === "log") parts.push(`colours by logarithm, down to ${errorText(LEAST)}`);
  if (state.scale === "row") parts.push("each row coloured by its own largest");
  return parts.join(" · ");
}

export function cellText(state: Readonly<State>, shown: Shown, rows: Grid, columns: Grid): string {
  const single = rows.step === 1 && columns.step === 1;
  const how = howOf(state, shown, rows, columns);
  const size = `${countText(rows.step)} × ${countText(columns.step)}`;
  const tokens = [shown.rows, shown.columns].every(({ count, axis }) => count === axis.tokens.length);
  if (how === "mass" && !(single && tokens)) {
    const one = singular(state.unit);
    return single
      ? `each cell is the weight of a ${one} on a ${one}: keys summed, queries averaged`
      : `each cell is the mean of ${size} ${state.unit}`;
  }
  if (single) return shown.info.meaning === undefined ? "each cell is one weight" : "each cell is one number";
  const words = state.unit === "tokens" ? "weights" : `in ${state.unit}`;
  return how === "max" ? `each cell is the largest of ${size} ${words}` : `each cell is the mean of ${size} ${words}`;
}

/** One weight, read exactly. */
export interface Reading {
  row: number;
  column: number;
  weight: number;
}

/** What is under the crosshair, a line each. */
export function readOut(
  manifest: Manifest,
  state: Readonly<State>,
  shown: Shown,
  at: { row: number; column: number },
  cell: { value: number; rows: [number, number]; columns: [number, number]; cells: CellGrid } | null,
  exact: Reading | null,
): string[] {
  const columnTitle = shown.columns.axis.title;
  // Where a text looks at itself, both axes have one name.
  const as = (title: string, part: string) => (shown.rows.axis.title === columnTitle ? `${title} (${part})` : title);
  const names = rowNames(manifest, shown, at.row).map(({ title, text }) => `${as(title, "query")}: ${isolated(text)}`);
  const position = (first: number, stop: number) =>
    stop - first > 1 ? `${countText(first)}–${countText(stop - 1)}` : countText(first);
  names[0] += `  (${position(shown.rows.start(at.row), shown.rows.stop(at.row))})`;
  const column = isolated(brief(shown.columns.name(at.column)));
  const place = position(shown.columns.start(at.column), shown.columns.stop(at.column));
  const lines = [...names, `${as(columnTitle, "key")}: ${column}  (${place})`];
  const single = cell && cell.rows[1] - cell.rows[0] === 1 && cell.columns[1] - cell.columns[0] === 1;
  if (!cell?.cells.read) lines.push("reading …");
  else if (single) lines.push(`weight ${weightText(cell.value)}`);
  else {
    if (exact && exact.row === at.row && exact.column === at.column) lines.push(`weight ${weightText(exact.weight)}`);
    lines.push(`${cellName(state, shown, cell)} ${weightText(cell.value)}`);
  }
  return lines;
}

function cellName(
  state: Readonly<State>,
  shown: Shown,
  cell: { rows: [number, number]; columns: [number, number]; cells: CellGrid },
): string {
  const size = `${countText(cell.rows[1] - cell.rows[0])} × ${countText(cell.columns[1] - cell.columns[0])}`;
  return howOf(state, shown, cell.cells.rows, cell.cells.columns) === "max" ? `largest of ${size}` : `mean of ${size}`;
}

/** The cell of a grid that has these units, with what it shows. */
export function cellAt(cells: CellGrid | null, row: number, column: number) {
  if (!cells) return null;
  const down = row - cells.rows.first;
  const across = column - cells.columns.first;
  if (down < 0 || across < 0 || row >= cells.rows.last || column >= cells.columns.last) return null;
  const r = Math.floor(down / cells.rows.step);
  const c = Math.floor(across / cells.columns.step);
  return {
    value: cells.values[r * cells.columns.count + c],
    rows: cellUnits(cells.rows, r),
    columns: cellUnits(cells.columns, c),
    cells,
  };
}

/** What an axis counts: "source tokens", or their words or characters. */
export function axisTitle({ axis, unit }: Units): string {
  return beginsOf(axis, unit) ? `${axis.title}, as ${unit}` : axis.title;
}

/** Which tokens are on screen. */
export function partText(shown: Shown, view: Viewport): string {
  const range = (units: Units, low: number, high: number) => {
    if (units.count === 0) return "none";
    const first = units.start(Math.max(Math.floor(low), 0));
    const last = units.stop(Math.min(Math.ceil(high), units.count) - 1) - 1;
    return `${countText(first)} to ${countText(last)} of ${countText(units.axis.tokens.length)}`;
  };
  return (
    `rows, ${axisTitle(shown.rows)}, ${range(shown.rows, view.top, view.bottom)}; ` +
    `columns, ${axisTitle(shown.columns)}, ${range(shown.columns, view.left, view.right)}`
  );
}

/** For those who do not see the picture. */
export function pictureText(state: Readonly<State>, shown: Shown, view: Viewport, status: string): string {
  return `attention map, ${mapText(shown.info, state.heads)}: ${partText(shown, view)}; ${status}`;
}
