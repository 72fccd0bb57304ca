/** The crosshair: where it is, and where keys move it. */

import type { State } from "../../contract";
import { between } from "../../screen";
import type { Shown } from "../../shown";
import type { CellGrid } from "./cells";
import type { Layout } from "./layout";

export interface Place {
  row: number;
  column: number;
}

/** The units under the crosshair; null where there is none, or where its tokens are hidden. */
export function placeOf(state: Pick<State, "query" | "key">, shown: Shown): Place | null {
  if (state.query === null || state.key === null) return null;
  const row = shown.rows.unitOf(state.query);
  const column = shown.columns.unitOf(state.key);
  return row < 0 || column < 0 ? null : { row, column };
}

/** The tokens of a place: the first of each unit. */
export function tokensAt({ row, column }: Place, shown: Shown): { query: number; key: number } {
  return { query: shown.rows.start(row), key: shown.columns.start(column) };
}

/** Where a key moves the crosshair, by cells as they are on screen; null for keys that do not move it. */
export function moved(event: KeyboardEvent, from: Place | null, layout: Layout, cells: CellGrid | null): Place | null {
  const { view } = layout.frame;
  const down = cells?.rows.step ?? 1;
  const across = cells?.columns.step ?? 1;
  const many = event.shiftKey ? 10 : 1;
  const page = Math.max(1, Math.floor(view.bottom - view.top));
  const { rows, columns } = layout.extent;
  const steps: Record<string, [number, number]> = {
    ArrowUp: [-down * many, 0],
    ArrowDown: [down * many, 0],
    ArrowLeft: [0, -across * many],
    ArrowRight: [0, across * many],
    PageUp: [-page, 0],
    PageDown: [page, 0],
    Home: [event.ctrlKey ? -rows : 0, -columns],
    End: [event.ctrlKey ? rows : 0, columns],
  };
  const step = steps[event.key];
  if (!step || rows === 0 || columns === 0) return null;
  // The first key brings the crosshair to the corner of what is on screen.
  if (!from && event.key.startsWith("Arrow")) return { row: Math.ceil(view.top), column: Math.ceil(view.left) };
  const start = from ?? { row: Math.ceil(view.top), column: Math.ceil(view.left) };
  return {
    row: between(start.row + step[0], 0, rows - 1),
    column: between(start.column + step[1], 0, columns - 1),
  };
}
