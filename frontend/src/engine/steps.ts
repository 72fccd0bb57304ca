/** One head's computation, stage by stage. */

import type { Steps, StepsRow } from "../contract";
import type { FactorsMap } from "./factors";
import { floatArrayOf } from "./map_data";

/** Weights of a map whose steps are given for all queries at once: their numbers are read by people. */
const MOST_WEIGHTS = 2 ** 20;
/** Keys that are told of one query of a long map. */
const TOLD = 24;

/** Of all queries and keys; or of a row, with the keys that it gives most to. */
export function steps(map: FactorsMap, head: number, row: StepsRow | null = null): Steps {
  const { meta } = map;
  const { dim, scale, softcap } = meta;
  if (!row && map.queries * map.keys > MOST_WEIGHTS)
    throw new Error(
      `expected a map of at most ${MOST_WEIGHTS} weights, got ${map.queries} × ${map.keys}; ask for one query`,
    );
  const { query, key } = map.vectorsOf(head);
  const told = row ? toldBy(map, head, row) : null;
  const rows = row ? [row.query] : Array.from({ length: map.queries }, (_, at) => at);
  const columns = told?.positions ?? Array.from({ length: map.keys }, (_, at) => at);
  const [queries, keys] = [rows.length, columns.length];
  const stage = (each: (i: number, j: number, at: number) => number) => {
    const values = new Float64Array(queries * keys);
    let at = 0;
    for (const i of rows) for (const j of columns) values[at] = each(i, j, at++);
    return values;
  };
  const scores = stage((i, j) => {
    let sum = 0;
    for (let at = 0; at < dim; at++) sum += query[i * dim + at] * key[j * dim + at];
    return sum;
  });
  const scaled = stage((_i, _j, at) => scores[at] * scale);
  const capped = softcap === null ? null : stage((_i, _j, at) => softcap * Math.tanh(scaled[at] / softcap));
  const bias = map.biasOf(head);
  const biased = bias && stage((i, j, at) => (capped ?? scaled)[at] + bias(i, j));
  const last = biased ?? capped ?? scaled;
  const visible = map.visible[head];
  const masked = map.masked ? stage((i, j, at) => (visible.count(i, j, j + 1) ? last[at] : -Infinity)) : null;
  const weights = stage((i, _j, at) => {
    const denominator = map.logsumexp[head * map.queries + i];
    return denominator === -Infinity ? 0 : Math.exp((masked ?? last)[at] - denominator);
  });
  const value = valuesOf(map, head);
  const sink = map.packed.arrays.has("sinks") ? floatArrayOf(map.packed, "sinks", [map.heads])[head] : -Infinity;
  const all = told?.weights ?? weights;
  return {
    queries,
    keys,
    dim,
    scale,
    softcap,
    sink: Number.isFinite(sink) ? sink : null,
    query: picked(query, rows, dim),
    key: picked(key, columns, dim),
    value: value && picked(value.vectors, columns, value.dim),
    valueDim: value ? value.dim : 0,
    scores: Float32Array.from(scores),
    scaled: Float32Array.from(scaled),
    capped: capped && Float32Array.from(capped),
    biased: biased && Float32Array.from(biased),
    masked: masked && Float32Array.from(masked),
    weights: Float32Array.from(weights),
    output: value && outputOf(all, value.vectors, queries, map.keys, value.dim),
    positions: told?.positions ?? null,
    rest: told ? Math.max(0, sumOf(all) - sumOf(weights)) : 0,
    ...(told && map.masked ? { hidden: map.keys - visible.count(rows[0], 0, map.keys) } : {}),
  };
}

/** All weights of a row, and the keys that it gives most to, in their order, with the one that is asked for. */
function toldBy(
  map: FactorsMap,
  head: number,
  { query, key }: StepsRow,
): { weights: Float32Array; positions: number[] } {
  const weights = new Float32Array(map.keys);
  map.addRows(head, Int32Array.of(query), 0, map.keys, 1, weights, 0, map.keys);
  const most = Array.from(weights.keys())
    .sort((one, two) => weights[two] - weights[one] || one - two)
    .slice(0, TOLD);
  const positions = new Set(key === null ? most : [...most, key]);
  return { weights, positions: [...positions].sort((one, two) => one - two) };
}

function picked(vectors: Float32Array, places: readonly number[], dim: number): Float32Array {
  const made = new Float32Array(places.length * dim);
  places.forEach((place, at) => {
    made.set(vectors.subarray(place * dim, (place + 1) * dim), at * dim);
  });
  return made;
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at];
  return sum;
}

/** A head's values, (keys, dim), where they were kept. */
function valuesOf(map: FactorsMap, head: number): { vectors: Float32Array; dim: number } | null {
  const { heads, kvHeads } = map.meta;
  const kept = map.packed.arrays.get("value");
  if (!kept) return null;
  const dim = kept.shape[2];
  const all = floatArrayOf(map.packed, "value", [kvHeads, map.keys, dim]);
  const at = Math.floor(head / (heads / kvHeads)) * map.keys * dim;
  return { vectors: all.slice(at, at + map.keys * dim), dim };
}

function outputOf(
  weights: ArrayLike<number>,
  value: Float32Array,
  queries: number,
  keys: number,
  dim: number,
): Float32Array {
  const output = new Float32Array(queries * dim);
  for (let i = 0; i < queries; i++) {
    for (let at = 0; at < dim; at++) {
      let sum = 0;
      for (let j = 0; j < keys; j++) sum += weights[i * keys + j] * value[j * dim + at];
      output[i * dim + at] = sum;
    }
  }
  return output;
}
