/** A map as it was kept, in memory: what regions and margins are read from. */

import type { Numbers, Packed, Unpacked } from "./pack";

export interface MapData {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** (heads, keys): the mass that a key gets from all queries; exact. */
  readonly received: Float32Array;
  /** (heads, queries): the entropy of each row, in nats; exact. */
  readonly entropy: Float32Array;
  /** Bytes kept. */
  readonly bytes: number;

  /** What it costs to compute this row's weights over keys start … stop, in multiply-adds. */
  work(head: number, query: number, start: number, stop: number): number;

  /**
   * Adds `share` times the weights of these queries over keys start … stop to `out`: row after row of `width` numbers, of which
   * the first key's is at `offset`.
   */
  addRows(
    head: number,
    queries: Int32Array,
    start: number,
    stop: number,
    share: number,
    out: Float32Array,
    offset: number,
    width: number,
  ): void;
}

/** The array of this name, of as many numbers as this shape has. */
export function arrayOf(packed: Unpacked, name: string, shape: readonly number[]): Packed {
  const found = packed.arrays.get(name);
  if (!found)
    throw new Error(`expected an array "${name}" in the map's data, got ${[...packed.arrays.keys()].join(", ")}`);
  if (found.shape.join() !== shape.join())
    throw new Error(`expected "${name}" of shape (${shape.join(", ")}), got (${found.shape.join(", ")})`);
  return found;
}

export function floatArrayOf(packed: Unpacked, name: string, shape: readonly number[]): Float32Array {
  const { data, dtype } = arrayOf(packed, name, shape);
  if (!(data instanceof Float32Array)) throw new Error(`expected "${name}" of float32, got ${dtype}`);
  return data;
}

/** The array of this name and shape in double precision. */
export function doubleArrayOf(packed: Unpacked, name: string, shape: readonly number[]): Float64Array {
  const { data, dtype } = arrayOf(packed, name, shape);
  if (!(data instanceof Float64Array)) throw new Error(`expected "${name}" of float64, got ${dtype}`);
  return data;
}

export function bytesOf(packed: Unpacked): number {
  let sum = 0;
  for (const { data } of packed.arrays.values()) sum += (data as Numbers).byteLength;
  return sum;
}
