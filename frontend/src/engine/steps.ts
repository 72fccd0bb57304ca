/** One head's computation, stage by stage. */

import type { Steps } from "../contract";
import type { FactorsMap } from "./factors";
import { floatArrayOf } from "./map_data";

/** Weights of a map whose steps are given: their numbers are read by people. */
const MOST_WEIGHTS = 2 ** 20;

export function steps(map: FactorsMap, head: number): Steps {
  const { queries, keys, meta } = map;
  const { dim, scale, softcap } = meta;
  if (queries * keys > MOST_WEIGHTS)
    throw new Error(
      `expected a map of at most ${MOST_WEIGHTS} weights, got ${queries} × ${keys}; its steps are not shown`,
    );
  const { query, key } = map.vectorsOf(head);
  const stage = (each: (i: number, j: number, at: number) => number) => {
    const values = new Float64Array(queries * keys);
    for (let i = 0, at = 0; i < queries; i++) for (let j = 0; j < keys; j++, at++) values[at] = each(i, j, at);
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
    const denominator = map.logsumexp[head * queries + i];
    return denominator === -Infinity ? 0 : Math.exp((masked ?? last)[at] - denominator);
  });
  const value = valuesOf(map, head);
  const sink = map.packed.arrays.has("sinks") ? floatArrayOf(map.packed, "sinks", [map.heads])[head] : -Infinity;
  return {
    queries,
    keys,
    dim,
    scale,
    softcap,
    sink: Number.isFinite(sink) ? sink : null,
    query,
    key,
    value: value?.vectors ?? null,
    valueDim: value ? value.dim : 0,
    scores: Float32Array.from(scores),
    scaled: Float32Array.from(scaled),
    capped: capped && Float32Array.from(capped),
    biased: biased && Float32Array.from(biased),
    masked: masked && Float32Array.from(masked),
    weights: Float32Array.from(weights),
    output: value && outputOf(weights, value.vectors, queries, keys, value.dim),
  };
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
  weights: Float64Array,
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
