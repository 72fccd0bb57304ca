/** The cells that a part of a map is read in, and what is shown of it before it has been read. */

import type { Cells, How, Overview, State } from "../../contract";
import type { Shown } from "../../shown";
import { beginsOf, type Units } from "../../units";
import type { Frame } from "./viewport";

/**
 * Cells of an axis: units first … last, `step` to a cell and what is left to the last. Steps are powers of two and cells begin
 * at multiples of them, so that the same weights stay together while the map is moved.
 */
export interface Grid {
  first: number;
  last: number;
  step: number;
  count: number;
}

/** Of so many weights the mean still shows each of them. */
const FEW = 4;

/** Values of cells, row by row. */
export interface CellGrid {
  rows: Grid;
  columns: Grid;
  values: Float32Array;
  /** At most so many queries were read in a cell; 0 where all were. */
  sampled: number;
  /** Of so many neighbouring rows of cells one was read; 1 where each was. */
  every: number;
  /** Whether it has been read for these cells, or only stands for them until they are. */
  read: boolean;
}

/** A source answers at most 2^20 cells. */
export const MOST_CELLS = 1 << 20;
/** What is drawn while the map moves has fewer. */
const MOST_PREVIEW_CELLS = 1 << 18;

export function gridOf(low: number, high: number, count: number, pixels: number, smallest: number): Grid {
  let step = 1;
  while (step * pixels < smallest && step < count) step *= 2;
  const first = Math.max(0, Math.floor(low / step) * step);
  const last = Math.min(count, Math.ceil(high / step) * step);
  return { first, last, step, count: Math.max(0, Math.ceil((last - first) / step)) };
}

/** Cells of at least a pixel, and larger ones where there would be too many. */
export function gridsOf({ view, x, y }: Frame, axes: Shown, most: number): { rows: Grid; columns: Grid } {
  for (let smallest = 1; ; smallest *= 1.5) {
    const rows = gridOf(view.top, view.bottom, axes.rows.count, y, smallest);
    const columns = gridOf(view.left, view.right, axes.columns.count, x, smallest);
    if (rows.count * columns.count <= most) return { rows, columns };
  }
}

export function sameGrids(one: { rows: Grid; columns: Grid }, other: { rows: Grid; columns: Grid }): boolean {
  const same = (a: Grid, b: Grid) => a.first === b.first && a.last === b.last && a.step === b.step;
  return same(one.rows, other.rows) && same(one.columns, other.columns);
}

/** The cells of a grid in tokens. */
export function cellsOf(units: Units, { first, last, step, count }: Grid): Cells {
  const plain = units.count === units.axis.tokens.length;
  if (plain && (last - first) % step === 0) return { start: first, stop: last, count };
  const starts: number[] = [];
  const stops: number[] = [];
  for (let unit = first; unit < last; unit += step) {
    starts.push(units.start(unit));
    stops.push(units.stop(Math.min(unit + step, last) - 1));
  }
  return { starts, stops };
}

/** Words and characters are made of tokens by mass; several in a cell show the mean or the largest as tokens do. */
export function howOf(state: Pick<State, "unit" | "how">, axes: Shown, rows: Grid, columns: Grid): How {
  const made = [axes.rows.axis, axes.columns.axis].some((axis) => beginsOf(axis, state.unit) !== null);
  const weights = rows.step * columns.step;
  // Of signed weights the largest would hide the others.
  const many = weights > FEW && axes.info.probabilities;
  const how = state.how === "auto" ? (many ? "max" : "mean") : state.how;
  if (!made) return how;
  return how === "max" && weights > 1 ? "max" : "mass";
}

/** The mass of a cell of several words as what one of them gets. */
export function massPerUnit(values: Float32Array, columns: Grid): Float32Array {
  if (columns.step === 1) return values;
  return values.map((value, at) => {
    const begin = columns.first + (at % columns.count) * columns.step;
    return value / (Math.min(begin + columns.step, columns.last) - begin);
  });
}

/** Tokens in the cells of a grid: first and one past the last. */
export function tokensOf(units: Units, grid: Grid): number {
  return grid.count === 0 ? 0 : units.stop(grid.last - 1) - units.start(grid.first);
}

/** An overview's chosen heads, averaged. */
export function averaged(overview: Overview, heads: readonly number[], how: "mean" | "max"): Float32Array {
  const size = overview.rows * overview.columns;
  const found = new Float32Array(size);
  for (const head of heads) {
    const values = overview[how].subarray(head * size, (head + 1) * size);
    for (let at = 0; at < size; at++) found[at] += values[at] / heads.length;
  }
  return found;
}

/**
 * What is known of a part of a map: for each cell the earlier grid that has its middle, the first of them that does, and
 * where none has, the overview; null where nothing at all is known.
 */
export function preview(
  frame: Frame,
  axes: Shown,
  earlier: readonly CellGrid[],
  overview: { rows: number; columns: number; values: Float32Array } | null,
  mass: boolean,
): CellGrid | null {
  const { rows, columns } = gridsOf(frame, axes, MOST_PREVIEW_CELLS);
  const layers = earlier.filter((cells) => overlaps(cells.rows, rows) && overlaps(cells.columns, columns));
  if (layers.length === 0 && overview === null) return null;
  const values = new Float32Array(rows.count * columns.count);
  if (overview) {
    const down = middles(rows).map((unit) => overviewCell(axes.rows.start(unit), axes.info.queries, overview.rows));
    const across = middles(columns).map((unit) =>
      overviewCell(axes.columns.start(unit), axes.info.keys, overview.columns),
    );
    const tokens = middles(columns).map((unit) => (mass ? axes.columns.stop(unit) - axes.columns.start(unit) : 1));
    for (let row = 0; row < rows.count; row++) {
      const from = down[row] * overview.columns;
      const to = row * columns.count;
      for (let column = 0; column < columns.count; column++)
        values[to + column] = overview.values[from + across[column]] * tokens[column];
    }
  }
  for (const cells of [...layers].reverse()) {
    const down = middles(rows).map((unit) => cellOf(cells.rows, unit));
    const across = middles(columns).map((unit) => cellOf(cells.columns, unit));
    for (let row = 0; row < rows.count; row++) {
      if (down[row] < 0) continue;
      const from = down[row] * cells.columns.count;
      const to = row * columns.count;
      for (let column = 0; column < columns.count; column++)
        if (across[column] >= 0) values[to + column] = cells.values[from + across[column]];
    }
  }
  return { rows, columns, values, sampled: 0, every: 1, read: false };
}

/** The cell that a unit is in; -1 where the grid does not reach it. */
export function cellOf(grid: Grid, unit: number): number {
  return unit < grid.first || unit >= grid.last ? -1 : Math.floor((unit - grid.first) / grid.step);
}

/** First and one past the last unit of a cell. */
export function cellUnits(grid: Grid, cell: number): [number, number] {
  const first = grid.first + cell * grid.step;
  return [first, Math.min(first + grid.step, grid.last)];
}

function middles(grid: Grid): Int32Array {
  return Int32Array.from({ length: grid.count }, (_, cell) => {
    const [first, last] = cellUnits(grid, cell);
    return (first + last - 1) >> 1;
  });
}

function overlaps(one: Grid, other: Grid): boolean {
  return one.first < other.last && other.first < one.last;
}

function overviewCell(token: number, tokens: number, cells: number): number {
  // Cell c begins at floor(c·tokens/cells): the last one that begins at the token or before it.
  return Math.min(cells - 1, Math.floor(((token + 1) * cells - 1) / tokens));
}
