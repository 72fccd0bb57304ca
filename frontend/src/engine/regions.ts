/** Regions of a map and what stands beside it, row block by row block. Generators: whoever runs them may stop between blocks. */

import type { Margins, MarginsRequest, Region, RegionRequest } from "../contract";
import { cellOfEach, largest, type Members, membersOf, sampled, spansOf } from "./cells";
import type { MapData } from "./map_data";

/** Positions of special tokens. */
export interface Special {
  rows: ReadonlySet<number>;
  columns: ReadonlySet<number>;
}

/** Most work of one answer, in multiply-adds: about two seconds. Where a cell of one query each costs more, that is done. */
export const MOST_WORK = 4e9;

/** Weights of some heads whose mean has an entropy of its own: as in viewer/document/document.py. */
const AVERAGED_ENTROPY = 2 ** 22;

/** Weights of a block of rows: 1 MiB, which stays in the second cache. */
const BLOCK = 2 ** 18;
const BLOCK_ROWS = 64;

/** Keys between cells that are computed rather than jumped over. */
const GAP = 32;

const NONE: ReadonlySet<number> = new Set();

export function* region(
  map: MapData,
  special: Special,
  request: RegionRequest,
  mostWork = MOST_WORK,
): Generator<void, Region> {
  const { heads, how, renormalise } = request;
  const omitted = request.hideSpecial ? special : { rows: NONE, columns: NONE };
  const columns = membersOf(request.columns, omitted.columns);
  const spans = renormalise ? Int32Array.of(0, map.keys) : spansOf(columns, GAP);
  const all = membersOf(request.rows, omitted.rows);
  const { members: rows, sample } = fitting(map, heads, all, spans, request.sample, mostWork);

  const totals = new Float64Array(rows.count * columns.count).fill(how === "max" ? -Infinity : 0);
  const { width, place } = layOut(spans);
  const places = columns.positions.map(place);
  const cellOf = cellOfEach(rows);
  for (const block of averagedRows(map, heads, rows.positions, spans, width)) {
    if (block) {
      for (let row = 0; row < block.count; row++) {
        const weights = block.weights.subarray(row * width, (row + 1) * width);
        if (renormalise) divideBySum(weights, omitted.columns);
        const at = cellOf[block.start + row] * columns.count;
        if (how === "max") keepLargest(weights, columns.first, places, totals, at);
        else addSums(weights, columns.first, places, totals, at);
      }
    }
    yield;
  }
  return {
    rows: rows.count,
    columns: columns.count,
    values: finished(totals, rows, columns, how),
    sampled: sample,
    every: 1,
  };
}

/**
 * Received mass and one head's entropy were measured when the map was kept: of several heads, received is their mean. The
 * entropy of heads averaged is no function of theirs: it is computed here where that is soon done, and else the mean of theirs.
 */
export function* margins(map: MapData, special: Special, request: MarginsRequest): Generator<void, Margins> {
  const { heads } = request;
  const omitted = request.hideSpecial ? special : { rows: NONE, columns: NONE };
  const columns = membersOf(request.columns, omitted.columns);
  const rows = membersOf(request.rows, omitted.rows);
  const received = meansOf(columns, (key) => meanOfHeads(map.received, heads, map.keys, key));
  const entropy = (query: number) => meanOfHeads(map.entropy, heads, map.queries, query);
  if (heads.length === 1 || heads.length * map.queries * map.keys > AVERAGED_ENTROPY)
    return { received, entropy: meansOf(rows, entropy), sampled: 0 };

  const entropies = new Float64Array(rows.positions.length);
  for (const block of averagedRows(map, heads, rows.positions, Int32Array.of(0, map.keys), map.keys)) {
    if (block) {
      for (let row = 0; row < block.count; row++)
        entropies[block.start + row] = entropyOf(block.weights.subarray(row * map.keys, (row + 1) * map.keys));
    }
    yield;
  }
  return { received, entropy: meansOf(rows, (_, at) => entropies[at]), sampled: 0 };
}

/** The rows that are read: all that were asked for, or as many of each cell as the work allows. `sample` is 0 for all. */
function fitting(
  map: MapData,
  heads: readonly number[],
  all: Members,
  spans: Int32Array,
  wanted: number,
  mostWork: number,
): { members: Members; sample: number } {
  const full = largest(all);
  const take = (sample: number) => (sample >= full ? all : sampled(all, sample));
  const workOf = (members: Members) => {
    let sum = 0;
    for (const head of heads)
      for (const query of members.positions)
        for (let span = 0; span < spans.length; span += 2) sum += map.work(head, query, spans[span], spans[span + 1]);
    return sum;
  };
  let fits = wanted > 0 ? Math.min(wanted, full) : full;
  if (fits > 1 && workOf(take(fits)) > mostWork) {
    let exceeds = fits;
    fits = 1;
    while (exceeds - fits > 1) {
      const middle = (fits + exceeds) >> 1;
      if (workOf(take(middle)) > mostWork) exceeds = middle;
      else fits = middle;
    }
  }
  return { members: take(fits), sample: fits < full ? fits : 0 };
}

/** Some rows of the map, averaged over heads: (count, width). */
interface Block {
  start: number;
  count: number;
  weights: Float32Array;
}

/** Blocks of rows in order; null in between, where work may pause. A block is only good until the next. */
function* averagedRows(
  map: MapData,
  heads: readonly number[],
  queries: Int32Array,
  spans: Int32Array,
  width: number,
): Generator<Block | null, void> {
  const rows = Math.max(1, Math.min(BLOCK_ROWS, Math.floor(BLOCK / Math.max(1, width)), queries.length));
  const weights = new Float32Array(rows * width);
  for (let start = 0; start < queries.length; start += rows) {
    const read = queries.subarray(start, start + rows);
    weights.fill(0);
    for (const head of heads) {
      let offset = 0;
      for (let span = 0; span < spans.length; span += 2) {
        map.addRows(head, read, spans[span], spans[span + 1], 1 / heads.length, weights, offset, width);
        offset += spans[span + 1] - spans[span];
      }
      yield null;
    }
    yield { start, count: read.length, weights };
  }
}

/** Spans one after another: how wide they are together, and where among them a key stands. */
function layOut(spans: Int32Array): { width: number; place: (key: number) => number } {
  const before: number[] = [];
  let width = 0;
  for (let span = 0; span < spans.length; span += 2) {
    before.push(width);
    width += spans[span + 1] - spans[span];
  }
  const place = (key: number) => {
    let low = 0;
    let high = before.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (spans[2 * middle] <= key) low = middle;
      else high = middle - 1;
    }
    return before[low] + key - spans[2 * low];
  };
  return { width, place };
}

function divideBySum(weights: Float32Array, omitted: ReadonlySet<number>): void {
  const kept = omitted.size > 0 ? weights.slice() : weights;
  for (const key of omitted) kept[key] = 0; // taking them from the sum of all would leave little but rounding errors
  let sum = 0;
  for (const weight of kept) sum += weight;
  if (sum !== 0) for (let key = 0; key < weights.length; key++) weights[key] /= sum;
}

function addSums(weights: Float32Array, first: Int32Array, places: Int32Array, totals: Float64Array, at: number): void {
  for (let cell = 0; cell < first.length - 1; cell++) {
    let sum = 0;
    for (let member = first[cell]; member < first[cell + 1]; member++) sum += weights[places[member]];
    totals[at + cell] += sum;
  }
}

function keepLargest(
  weights: Float32Array,
  first: Int32Array,
  places: Int32Array,
  totals: Float64Array,
  at: number,
): void {
  for (let cell = 0; cell < first.length - 1; cell++) {
    let most = totals[at + cell];
    for (let member = first[cell]; member < first[cell + 1]; member++) {
      const weight = weights[places[member]];
      if (weight > most) most = weight;
    }
    totals[at + cell] = most;
  }
}

/** Sums become means; cells of nothing are 0. */
function finished(totals: Float64Array, rows: Members, columns: Members, how: RegionRequest["how"]): Float32Array {
  const values = new Float32Array(totals.length);
  for (let row = 0; row < rows.count; row++) {
    const queries = rows.first[row + 1] - rows.first[row];
    for (let column = 0; column < columns.count; column++) {
      const keys = columns.first[column + 1] - columns.first[column];
      const at = row * columns.count + column;
      if (queries === 0 || keys === 0) continue;
      values[at] = how === "max" ? totals[at] : totals[at] / (how === "mean" ? queries * keys : queries);
    }
  }
  return values;
}

function meansOf(members: Members, value: (position: number, at: number) => number): Float32Array {
  const means = new Float32Array(members.count);
  for (let cell = 0; cell < members.count; cell++) {
    let sum = 0;
    for (let at = members.first[cell]; at < members.first[cell + 1]; at++) sum += value(members.positions[at], at);
    means[cell] = sum / Math.max(1, members.first[cell + 1] - members.first[cell]);
  }
  return means;
}

function meanOfHeads(values: Float32Array, heads: readonly number[], each: number, at: number): number {
  let sum = 0;
  for (const head of heads) sum += values[head * each + at];
  return sum / heads.length;
}

function entropyOf(weights: Float32Array): number {
  let sum = 0;
  for (const weight of weights) if (weight > 0) sum -= weight * Math.log(weight);
  return sum;
}
