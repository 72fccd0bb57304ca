/** Cells of an axis as the positions in them. */

import type { Cells } from "../contract";
import { cellEnds } from "../units";

/** The positions of all cells, one cell after another. */
export interface Members {
  count: number;
  /** (count + 1): where each cell's positions begin. */
  first: Int32Array;
  positions: Int32Array;
}

/** What each cell holds, without positions that are left out. */
export function membersOf(cells: Cells, omitted: ReadonlySet<number>): Members {
  const { starts, stops, count } = cellEnds(cells);
  const first = new Int32Array(count + 1);
  let size = 0;
  for (let cell = 0; cell < count; cell++) size += stops[cell] - starts[cell];
  const positions = new Int32Array(size);
  let at = 0;
  for (let cell = 0; cell < count; cell++) {
    for (let position = starts[cell]; position < stops[cell]; position++)
      if (!omitted.has(position)) positions[at++] = position;
    first[cell + 1] = at;
  }
  return { count, first, positions: positions.subarray(0, at) };
}

/** Of each cell at most so many positions, evenly spaced: of n, sample j of s is floor((2j+1)·n/(2s)). */
export function sampled(members: Members, sample: number): Members {
  const { count } = members;
  const first = new Int32Array(count + 1);
  for (let cell = 0; cell < count; cell++)
    first[cell + 1] = first[cell] + Math.min(sample, members.first[cell + 1] - members.first[cell]);
  const positions = new Int32Array(first[count]);
  for (let cell = 0; cell < count; cell++) {
    const n = members.first[cell + 1] - members.first[cell];
    const s = first[cell + 1] - first[cell];
    for (let j = 0; j < s; j++)
      positions[first[cell] + j] = members.positions[members.first[cell] + Math.floor(((2 * j + 1) * n) / (2 * s))];
  }
  return { count, first, positions };
}

export function largest(members: Members): number {
  let most = 0;
  for (let cell = 0; cell < members.count; cell++) most = Math.max(most, members.first[cell + 1] - members.first[cell]);
  return most;
}

/** The cell of each position. */
export function cellOfEach(members: Members): Int32Array {
  const cells = new Int32Array(members.positions.length);
  for (let cell = 0; cell < members.count; cell++) cells.fill(cell, members.first[cell], members.first[cell + 1]);
  return cells;
}

/** Runs [start, stop) that cover all positions, and little else: neighbours closer than `gap` share one. Flat, ascending. */
export function spansOf(members: Members, gap: number): Int32Array {
  const ascending = members.positions.slice().sort();
  const spans: number[] = [];
  for (const position of ascending) {
    if (spans.length === 0 || position >= spans[spans.length - 1] + gap) spans.push(position, position + 1);
    else spans[spans.length - 1] = Math.max(spans[spans.length - 1], position + 1);
  }
  return Int32Array.from(spans);
}
