/** Weights that are kept one by one. */

import { arrayOf, bytesOf, floatArrayOf, type MapData } from "./map_data";
import type { Numbers, Unpacked } from "./pack";

interface Meta {
  heads: number;
  queries: number;
  keys: number;
  /** A code of 16 bits is the weight low + code · step. */
  low: number;
  step: number;
}

export class DenseMap implements MapData {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly received: Float32Array;
  readonly entropy: Float32Array;
  readonly bytes: number;
  private readonly weights: Numbers;
  private readonly low: number;
  private readonly step: number;

  constructor(packed: Unpacked) {
    const { heads, queries, keys, low, step } = packed.meta as Meta;
    this.heads = heads;
    this.queries = queries;
    this.keys = keys;
    this.received = floatArrayOf(packed, "received", [heads, keys]);
    this.entropy = floatArrayOf(packed, "entropy", [heads, queries]);
    const { data, dtype } = arrayOf(packed, "weights", [heads, queries, keys]);
    this.weights = data;
    this.low = dtype === "float32" ? 0 : low;
    this.step = dtype === "float32" ? 1 : step;
    this.bytes = bytesOf(packed);
  }

  work(_head: number, _query: number, start: number, stop: number): number {
    return stop - start;
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
    const { weights, low, step } = this;
    for (let row = 0; row < queries.length; row++) {
      let from = (head * this.queries + queries[row]) * this.keys + start;
      let to = row * width + offset;
      for (let key = start; key < stop; key++) out[to++] += share * (low + weights[from++] * step);
    }
  }
}
