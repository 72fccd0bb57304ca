/** Which keys a query sees, as runs [start, stop) in ascending order. */

import { arrayOf } from "./map_data";
import type { Unpacked } from "./pack";

export class Visible {
  private constructor(
    /** (queries + 1): where the runs of each query begin in `ends`. */
    readonly first: Int32Array,
    /** (runs, 2). */
    readonly ends: Int32Array,
  ) {}

  /** For each head, what its queries see; heads of one mask share it. */
  static ofHeads(packed: Unpacked, heads: number, queries: number, keys: number): Visible[] {
    if (!packed.arrays.has("runs_of_head")) return new Array<Visible>(heads).fill(Visible.all(queries, keys));
    const masks = new Map<number, Visible>();
    return Array.from(arrayOf(packed, "runs_of_head", [heads]).data, (mask) => {
      let visible = masks.get(mask);
      if (!visible) {
        const first = integers(packed, `runs.${mask}.first`, [queries + 1]);
        visible = new Visible(first, integers(packed, `runs.${mask}.ends`, [first[queries], 2]));
        masks.set(mask, visible);
      }
      return visible;
    });
  }

  private static all(queries: number, keys: number): Visible {
    const first = Int32Array.from({ length: queries + 1 }, (_, query) => query);
    const ends = Int32Array.from({ length: 2 * queries }, (_, at) => (at % 2 ? keys : 0));
    return new Visible(first, ends);
  }

  /** How many keys of start … stop a query sees. */
  count(query: number, start: number, stop: number): number {
    let sum = 0;
    for (let run = this.first[query]; run < this.first[query + 1]; run++) {
      const from = Math.max(start, this.ends[2 * run]);
      const to = Math.min(stop, this.ends[2 * run + 1]);
      if (to > from) sum += to - from;
    }
    return sum;
  }
}

function integers(packed: Unpacked, name: string, shape: number[]): Int32Array {
  const { data, dtype } = arrayOf(packed, name, shape);
  if (!(data instanceof Int32Array)) throw new Error(`expected "${name}" of int32, got ${dtype}`);
  return data;
}
