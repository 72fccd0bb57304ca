/** Each head of a map from afar, as the page keeps it. */

import type { Overview } from "../contract";
import { arrayOf, floatArrayOf } from "./map_data";
import type { Unpacked } from "./pack";

export function overview(packed: Unpacked, map: number): Overview {
  const mean = packed.arrays.get(`mean.${map}`);
  if (!mean)
    throw new Error(`expected an overview of map ${map} in the page, got ${[...packed.arrays.keys()].join(", ")}`);
  const [heads, rows, columns] = mean.shape;
  return {
    heads,
    rows,
    columns,
    mean: decoded(packed, map, "mean", mean.shape, 0),
    max: decoded(packed, map, "max", mean.shape, 1),
  };
}

/** A code is the root of its part of the largest: (code/255)² · scale. Small weights keep their precision so. */
function decoded(packed: Unpacked, map: number, name: string, shape: number[], which: 0 | 1): Float32Array {
  const { data } = arrayOf(packed, `${name}.${map}`, shape);
  if (data instanceof Float32Array) return data.slice(); // the answer goes away with its buffer
  const [heads] = shape;
  const scale = floatArrayOf(packed, `scale.${map}`, [heads, 2]);
  const each = data.length / heads;
  return Float32Array.from(data, (code, at) => (code / 255) ** 2 * scale[2 * Math.floor(at / each) + which]);
}
