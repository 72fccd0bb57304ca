/**
 * A map kept as queries, keys and what happens to their scores:
 * weight = exp(softcap · tanh(q·k · scale / softcap) + bias − logsumexp) where the key is visible, else 0.
 * maps/factors.py says where the identity comes from.
 */

import { arrayOf, bytesOf, doubleArrayOf, floatArrayOf, type MapData } from "./map_data";
import type { Packed, Unpacked } from "./pack";
import { Visible } from "./visible";

export interface FactorsMeta {
  heads: number;
  kvHeads: number;
  queries: number;
  keys: number;
  dim: number;
  scale: number;
  softcap: number | null;
}

/** Keys that a block of queries is multiplied with before the next ones are touched: of 64 numbers each, 64 KiB. */
const TILE = 256;

/** What an exponential costs, in multiply-adds of the loop below (measured: 9 ns against 0.5 ns); tanh costs twice that. */
const EXP_WORK = 20;

/** Decoded heads are kept while they take no more bytes than this. */
const DECODED_BYTES = 2 ** 27;

export class FactorsMap implements MapData {
  readonly meta: FactorsMeta;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly received: Float32Array;
  readonly entropy: Float32Array;
  readonly bytes: number;
  readonly visible: Visible[];
  /** Whether any key is hidden from any query. */
  readonly masked: boolean;
  /** (heads, queries), in double precision, as the scores are: an error of it is one of all weights of the row. */
  readonly logsumexp: Float64Array;
  private readonly query: Vectors;
  private readonly key: Vectors;
  private readonly bias: Bias | null;
  private readonly decoded = new Map<number, Float32Array>();

  constructor(readonly packed: Unpacked) {
    const meta = packed.meta as FactorsMeta;
    const { heads, kvHeads, queries, keys, dim } = meta;
    this.meta = meta;
    this.heads = heads;
    this.queries = queries;
    this.keys = keys;
    this.received = floatArrayOf(packed, "received", [heads, keys]);
    this.entropy = floatArrayOf(packed, "entropy", [heads, queries]);
    this.logsumexp = doubleArrayOf(packed, "logsumexp", [heads, queries]);
    this.query = new Vectors(packed, "query", heads, queries, dim);
    this.key = new Vectors(packed, "key", kvHeads, keys, dim);
    this.visible = Visible.ofHeads(packed, heads, queries, keys);
    this.masked = packed.arrays.has("runs_of_head");
    this.bias = Bias.of(packed, queries, keys);
    this.bytes = bytesOf(packed) + Math.min(DECODED_BYTES, 4 * kvHeads * keys * dim);
  }

  work(head: number, query: number, start: number, stop: number): number {
    const each = this.meta.dim + (this.meta.softcap === null ? 1 : 3) * EXP_WORK;
    return this.visible[head].count(query, start, stop) * each;
  }

  addRows(
    head: number,
    queries: Int32Array,
    start: number,
    stop: number,
    share: number,
    out: Float32Array,
    offset: number,
    width: number,
  ): void {
    const { dim, scale } = this.meta;
    const { first, ends } = this.visible[head];
    const keys = this.keysOf(head);
    const scores = new Float64Array(TILE);
    const pair = new Float64Array(2 * TILE);
    const [ones, others] = [pair.subarray(0, TILE), pair.subarray(TILE)];
    const rows = new Float64Array(queries.length * dim);
    queries.forEach((query, row) => {
      this.query.read(head, query, scale, rows, row * dim);
    });
    const add = (row: number, from: number, to: number, scores: Float64Array) =>
      this.addWeights(head, queries[row], from, to, scores, share, out, row * width + offset + from - start);
    const runs = Int32Array.from(queries, (query) => first[query]);
    for (let tile = start; tile < stop; tile += TILE) {
      const end = Math.min(stop, tile + TILE);
      let held = -1; // a row that sees the whole tile, and waits for another such
      for (let row = 0; row < queries.length; row++) {
        const last = first[queries[row] + 1];
        let run = runs[row];
        while (run < last && ends[2 * run + 1] <= tile) run++;
        runs[row] = run;
        if (run < last && ends[2 * run] <= tile && ends[2 * run + 1] >= end) {
          if (held < 0) {
            held = row;
            continue;
          }
          productsOfTwo(rows, held * dim, row * dim, keys, dim, tile, end, pair);
          add(held, tile, end, ones);
          add(row, tile, end, others);
          held = -1;
          continue;
        }
        for (; run < last && ends[2 * run] < end; run++) {
          const from = Math.max(tile, ends[2 * run]);
          const to = Math.min(end, ends[2 * run + 1]);
          products(rows, row * dim, keys, dim, from, to, scores);
          add(row, from, to, scores);
        }
      }
      if (held >= 0) {
        products(rows, held * dim, keys, dim, tile, end, scores);
        add(held, tile, end, scores);
      }
    }
  }

  /** Vectors of a head's queries and keys: (queries, dim) and (keys, dim). */
  vectorsOf(head: number): { query: Float32Array; key: Float32Array } {
    const { dim } = this.meta;
    const query = new Float32Array(this.queries * dim);
    for (let at = 0; at < this.queries; at++) this.query.read(head, at, 1, query, at * dim);
    return { query, key: this.keysOf(head).slice() };
  }

  /** What a head's scores get added, query by key; null where there is no bias. */
  biasOf(head: number): ((query: number, key: number) => number) | null {
    const { bias } = this;
    return bias && ((query, key) => bias.at(head, query, key));
  }

  /** Scaled products become scores as the softmax sees them, capped and with bias; and these weights, of which a share is added. */
  private addWeights(
    head: number,
    query: number,
    from: number,
    to: number,
    scores: Float64Array,
    share: number,
    out: Float32Array,
    at: number,
  ): void {
    const { softcap } = this.meta;
    const { bias } = this;
    const denominator = this.logsumexp[head * this.queries + query];
    if (denominator === -Infinity) return; // it sees nothing
    const count = to - from;
    if (softcap !== null)
      for (let key = 0; key < count; key++) scores[key] = softcap * Math.tanh(scores[key] / softcap);
    if (bias) for (let key = 0; key < count; key++) scores[key] += bias.at(head, query, from + key);
    for (let key = 0; key < count; key++) out[at + key] += share * Math.exp(scores[key] - denominator);
  }

  private keysOf(head: number): Float32Array {
    const { heads, kvHeads, dim } = this.meta;
    const at = Math.floor(head / (heads / kvHeads));
    let keys = this.decoded.get(at);
    if (!keys) {
      keys = new Float32Array(this.keys * dim);
      for (let key = 0; key < this.keys; key++) this.key.read(at, key, 1, keys, key * dim);
      const kept = Math.floor(DECODED_BYTES / Math.max(1, keys.byteLength));
      for (const oldest of this.decoded.keys()) {
        if (this.decoded.size < Math.max(1, kept)) break;
        this.decoded.delete(oldest);
      }
      this.decoded.set(at, keys);
    }
    return keys;
  }
}

/** Dot products of one query with keys from … to. Four keys at a time: four sums that do not wait for each other. */
function products(
  query: Float64Array,
  offset: number,
  keys: Float32Array,
  dim: number,
  from: number,
  to: number,
  out: Float64Array,
): void {
  const last = offset + dim;
  let key = from;
  for (; key + 4 <= to; key += 4) {
    let at0 = key * dim;
    let at1 = at0 + dim;
    let at2 = at1 + dim;
    let at3 = at2 + dim;
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    for (let at = offset; at < last; at++) {
      const component = query[at];
      sum0 += component * keys[at0++];
      sum1 += component * keys[at1++];
      sum2 += component * keys[at2++];
      sum3 += component * keys[at3++];
    }
    out[key - from] = sum0;
    out[key - from + 1] = sum1;
    out[key - from + 2] = sum2;
    out[key - from + 3] = sum3;
  }
  for (; key < to; key++) {
    let sum = 0;
    for (let at = 0; at < dim; at++) sum += query[offset + at] * keys[key * dim + at];
    out[key - from] = sum;
  }
}

/**
 * The same of two queries: out has the products of the first, and from TILE on those of the second. Each key is read once for
 * both: 1.5 times as fast as one query after the other.
 */
function productsOfTwo(
  queries: Float64Array,
  one: number,
  two: number,
  keys: Float32Array,
  dim: number,
  from: number,
  to: number,
  out: Float64Array,
): void {
  let key = from;
  for (; key + 4 <= to; key += 4) {
    let at0 = key * dim;
    let at1 = at0 + dim;
    let at2 = at1 + dim;
    let at3 = at2 + dim;
    let one0 = 0;
    let one1 = 0;
    let one2 = 0;
    let one3 = 0;
    let two0 = 0;
    let two1 = 0;
    let two2 = 0;
    let two3 = 0;
    for (let at = 0; at < dim; at++) {
      const first = queries[one + at];
      const second = queries[two + at];
      const key0 = keys[at0++];
      const key1 = keys[at1++];
      const key2 = keys[at2++];
      const key3 = keys[at3++];
      one0 += first * key0;
      one1 += first * key1;
      one2 += first * key2;
      one3 += first * key3;
      two0 += second * key0;
      two1 += second * key1;
      two2 += second * key2;
      two3 += second * key3;
    }
    const at = key - from;
    out[at] = one0;
    out[at + 1] = one1;
    out[at + 2] = one2;
    out[at + 3] = one3;
    out[TILE + at] = two0;
    out[TILE + at + 1] = two1;
    out[TILE + at + 2] = two2;
    out[TILE + at + 3] = two3;
  }
  for (; key < to; key++) {
    out[key - from] = 0;
    out[TILE + key - from] = 0;
    for (let at = 0; at < dim; at++) {
      out[key - from] += queries[one + at] * keys[key * dim + at];
      out[TILE + key - from] += queries[two + at] * keys[key * dim + at];
    }
  }
}

/** (heads, count, dim) as float32, or as codes with a step each. */
class Vectors {
  private readonly values: Packed;
  private readonly steps: Float32Array | null;

  constructor(
    packed: Unpacked,
    name: string,
    heads: number,
    private readonly count: number,
    private readonly dim: number,
  ) {
    this.values = arrayOf(packed, name, [heads, count, dim]);
    this.steps = this.values.dtype === "float32" ? null : floatArrayOf(packed, `${name}_step`, [heads, count]);
  }

  /** One vector times a factor. */
  read(head: number, index: number, factor: number, out: Float32Array | Float64Array, at: number): void {
    const { data } = this.values;
    const place = head * this.count + index;
    const step = this.steps ? this.steps[place] * factor : factor;
    const from = place * this.dim;
    for (let component = 0; component < this.dim; component++) out[at + component] = data[from + component] * step;
  }
}

/** What scores get added: by distance (heads | 1, queries + keys − 1), or in full (heads | 1, queries | 1, keys | 1). */
class Bias {
  private constructor(
    private readonly values: Float32Array,
    private readonly ofHead: number,
    private readonly ofQuery: number,
    private readonly ofKey: number,
    private readonly start: number,
  ) {}

  static of(packed: Unpacked, queries: number, keys: number): Bias | null {
    const relative = packed.arrays.get("bias_relative");
    if (relative) {
      const [heads] = relative.shape;
      const values = floatArrayOf(packed, "bias_relative", [heads, queries + keys - 1]);
      return new Bias(values, heads === 1 ? 0 : queries + keys - 1, -1, 1, queries - 1);
    }
    const full = packed.arrays.get("bias");
    if (!full) return null;
    const [heads, rows, columns] = full.shape;
    const values = floatArrayOf(packed, "bias", [heads, rows === 1 ? 1 : queries, columns === 1 ? 1 : keys]);
    return new Bias(values, heads === 1 ? 0 : rows * columns, rows === 1 ? 0 : columns, columns === 1 ? 0 : 1, 0);
  }

  at(head: number, query: number, key: number): number {
    return this.values[this.start + head * this.ofHead + query * this.ofQuery + key * this.ofKey];
  }
}
