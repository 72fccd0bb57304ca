/** Maps for tests of the engine: random factors, packed as a page keeps them, beside their weights computed one by one. */

import type { Manifest } from "../src/contract";
import { floats, type Packed, pack } from "../src/engine/pack";

/** Numbers from 0 to 1, the same on every run (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Recipe {
  heads: number;
  kvHeads?: number;
  queries: number;
  keys: number;
  dim: number;
  valueDim?: number;
  scale?: number;
  softcap?: number;
  codes?: "int12p" | "int16p";
  sinks?: boolean;
  /** "hiding": −∞ for some keys, and for all keys of query 3, as masks are often given. */
  bias?: "relative" | "full" | "row" | "hiding";
  /** By head. */
  visible?: (head: number, query: number, key: number) => boolean;
  /** Which heads share their mask. */
  maskOf?: number[];
}

export interface MadeMap {
  packed: ArrayBuffer;
  /** By head, (queries, keys). */
  weights: Float64Array[];
  scores: Float64Array[];
  value: Float32Array | null;
}

/** A map of factors and, by loops that know nothing of the engine, its weights. */
export function makeFactors(recipe: Recipe, seed = 1): MadeMap {
  const next = random(seed);
  const normal = () => next() + next() + next() + next() - 2;
  const { heads, queries, keys, dim, valueDim, codes, visible } = recipe;
  const { kvHeads = heads, scale = dim ** -0.5, softcap = null } = recipe;
  const arrays: Record<string, Packed> = {};

  const vectors = (name: string, count: number, rows: number) => {
    const values = Float32Array.from({ length: count * rows * dim }, () => 2 * normal());
    if (!codes) {
      arrays[name] = floats(values, count, rows, dim);
      return (head: number, row: number, at: number) => values[(head * rows + row) * dim + at];
    }
    const top = codes === "int12p" ? 2047 : 32767;
    const steps = Float32Array.from({ length: count * rows }, (_, row) => {
      return Math.max(...values.subarray(row * dim, (row + 1) * dim).map(Math.abs)) / top;
    });
    const data = Int16Array.from(values, (value, at) => Math.round(value / steps[Math.floor(at / dim)]));
    arrays[name] = { dtype: codes, shape: [count, rows, dim], data };
    arrays[`${name}_step`] = floats(steps, count, rows);
    return (head: number, row: number, at: number) => data[(head * rows + row) * dim + at] * steps[head * rows + row];
  };
  const query = vectors("query", heads, queries);
  const key = vectors("key", kvHeads, keys);

  let bias = (_head: number, _i: number, _j: number) => 0;
  if (recipe.bias === "relative") {
    const values = Float32Array.from({ length: heads * (queries + keys - 1) }, normal);
    arrays.bias_relative = floats(values, heads, queries + keys - 1);
    bias = (head, i, j) => values[head * (queries + keys - 1) + j - i + queries - 1];
  } else if (recipe.bias === "full" || recipe.bias === "hiding") {
    const hides = (at: number) => at % 5 === 0 || Math.floor(at / keys) % queries === 3;
    const values = Float32Array.from({ length: heads * queries * keys }, (_, at) => {
      return recipe.bias === "hiding" && hides(at) ? -Infinity : normal();
    });
    arrays.bias = floats(values, heads, queries, keys);
    bias = (head, i, j) => values[(head * queries + i) * keys + j];
  } else if (recipe.bias === "row") {
    const values = Float32Array.from({ length: keys }, normal);
    arrays.bias = floats(values, 1, 1, keys);
    bias = (_head, _i, j) => values[j];
  }
  const sinks = recipe.sinks ? Float32Array.from({ length: heads }, normal) : null;
  if (sinks) arrays.sinks = floats(sinks, heads);
  if (visible) addRuns(arrays, recipe, visible);

  const weights: Float64Array[] = [];
  const scores: Float64Array[] = [];
  const logsumexp = new Float64Array(heads * queries);
  for (let head = 0; head < heads; head++) {
    const group = Math.floor(head / (heads / kvHeads));
    const found = new Float64Array(queries * keys);
    for (let i = 0; i < queries; i++) {
      for (let j = 0; j < keys; j++) {
        let score = 0;
        for (let at = 0; at < dim; at++) score += query(head, i, at) * key(group, j, at);
        score *= scale;
        if (softcap !== null) score = softcap * Math.tanh(score / softcap);
        score += bias(head, i, j);
        found[i * keys + j] = visible && !visible(head, i, j) ? -Infinity : score;
      }
    }
    scores.push(found);
    const own = found.map(Math.exp);
    for (let i = 0; i < queries; i++) {
      let sum = sinks ? Math.exp(sinks[head]) : 0;
      for (let j = 0; j < keys; j++) sum += own[i * keys + j];
      for (let j = 0; j < keys; j++) own[i * keys + j] /= sum || 1;
      logsumexp[head * queries + i] = Math.log(sum);
    }
    weights.push(own);
  }
  arrays.logsumexp = { dtype: "float64", shape: [heads, queries], data: logsumexp };
  let value: Float32Array | null = null;
  if (valueDim !== undefined) {
    value = Float32Array.from({ length: kvHeads * keys * valueDim }, normal);
    arrays.value = floats(value, kvHeads, keys, valueDim);
  }
  addMargins(arrays, weights, queries, keys);
  const meta = { kind: "factors", heads, kvHeads, queries, keys, dim, scale, softcap };
  return { packed: pack(meta, arrays), weights, scores, value };
}

/** Weights kept one by one, in float32 or as codes of 16 bits. */
export function makeDense(heads: number, queries: number, keys: number, codes: boolean, signed = false): MadeMap {
  const next = random(heads + queries + keys);
  const low = signed ? -0.5 : 0;
  const step = (signed ? 1.5 : 1) / 65535;
  const data = codes ? new Uint16Array(heads * queries * keys) : new Float32Array(heads * queries * keys);
  for (let at = 0; at < data.length; at++) data[at] = codes ? Math.floor(next() * 65536) : next() - (signed ? 0.25 : 0);
  const each = queries * keys;
  const weights = Array.from({ length: heads }, (_, head) =>
    Float64Array.from(data.subarray(head * each, (head + 1) * each), (one) => (codes ? low + one * step : one)),
  );
  const arrays: Record<string, Packed> = {
    weights: { dtype: codes ? "uint16" : "float32", shape: [heads, queries, keys], data },
  };
  addMargins(arrays, weights, queries, keys);
  return { packed: pack({ kind: "dense", heads, queries, keys, low, step }, arrays), weights, scores: [], value: null };
}

/** A manifest of maps of these sizes, each with two axes of its own; some tokens are special. */
export function manifestOfMaps(maps: { heads: number; queries: number; keys: number }[]): Manifest {
  const axis = (size: number, special: number[]) => {
    const tokens = Array.from({ length: size }, (_, at) => `t${at}`);
    return {
      title: "tokens",
      tokens,
      special,
      words: null,
      wordTexts: null,
      spellings: null,
      characters: null,
      characterTexts: null,
    };
  };
  return {
    version: 1,
    title: "maps",
    notes: [],
    axes: Object.fromEntries(
      maps.flatMap(({ queries, keys }, at) => [
        [`rows-${at}`, axis(queries, [0, queries - 1])],
        [`columns-${at}`, axis(keys, [0, Math.floor(keys / 2), keys - 1])],
      ]),
    ),
    maps: maps.map(({ heads, queries, keys }, at) => ({
      name: `map ${at}`,
      of: null,
      kind: "self",
      layer: at,
      item: 0,
      heads,
      queries,
      keys,
      rowAxes: [`rows-${at}`],
      columnAxis: `columns-${at}`,
      probabilities: true,
      hides: false,
      error: 0,
      steps: true,
      statistics: {},
    })),
    items: ["one"],
    definitions: {},
    alignments: [],
    images: [],
    opening: {},
  };
}

function addRuns(arrays: Record<string, Packed>, recipe: Recipe, visible: NonNullable<Recipe["visible"]>): void {
  const { heads, queries, keys, maskOf = Array.from({ length: heads }, (_, head) => head) } = recipe;
  arrays.runs_of_head = { dtype: "int32", shape: [heads], data: Int32Array.from(maskOf) };
  for (const mask of new Set(maskOf)) {
    const head = maskOf.indexOf(mask);
    const first = [0];
    const ends: number[] = [];
    for (let query = 0; query < queries; query++) {
      for (let key = 0; key < keys; key++) {
        if (!visible(head, query, key)) continue;
        if (key > 0 && visible(head, query, key - 1)) ends[ends.length - 1] = key + 1;
        else ends.push(key, key + 1);
      }
      first.push(ends.length / 2);
    }
    arrays[`runs.${mask}.first`] = { dtype: "int32", shape: [queries + 1], data: Int32Array.from(first) };
    arrays[`runs.${mask}.ends`] = { dtype: "int32", shape: [ends.length / 2, 2], data: Int32Array.from(ends) };
  }
}

function addMargins(arrays: Record<string, Packed>, weights: Float64Array[], queries: number, keys: number): void {
  const received = new Float32Array(weights.length * keys);
  const entropy = new Float32Array(weights.length * queries);
  weights.forEach((own, head) => {
    own.forEach((weight, at) => {
      received[head * keys + (at % keys)] += weight;
      if (weight > 0) entropy[head * queries + Math.floor(at / keys)] -= weight * Math.log(weight);
    });
  });
  arrays.received = floats(received, weights.length, keys);
  arrays.entropy = floats(entropy, weights.length, queries);
}
