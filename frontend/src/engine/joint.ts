/** A head's queries and keys in one plane; viewer/answers/joint.py says what is computed. */

import type { Joint } from "../contract";
import type { FactorsMap } from "./factors";

/** Queries, and keys, that are placed; of more, evenly spaced ones. */
const MOST_PLACES = 512;
/** Each squares a matrix: after as many, all but the first axis is gone where the second is a thousandth less. */
const SQUARES = 13;

export function joint(map: FactorsMap, head: number, query: number | null, key: number | null): Joint {
  const { dim, scale } = map.meta;
  const vectors = map.vectorsOf(head);
  const [sampled, looked] = [sampleOf(map.queries), sampleOf(map.keys)];
  const own = rowsOf(vectors.query, dim);
  const middle = new Float64Array(dim);
  const keyOf = rowsOf(vectors.key, dim);
  for (const place of looked)
    keyOf(place).forEach((value, at) => {
      middle[at] += value / looked.length;
    });
  const other = (place: number) => keyOf(place).map((value, at) => value - middle[at]);
  const sizes = [sizeOf(sampled, own), sizeOf(looked, other)];
  const spread = new Float64Array(dim * dim);
  addSpread(spread, sampled, own, sizes[0]);
  addSpread(spread, looked, other, sizes[1]);
  const whole = traceOf(spread, dim) || 1;
  const first = axisOf(spread, dim);
  const second = axisOf(spread, dim);
  const queryPlaces = withPlace(sampled, query);
  const keyPlaces = withPlace(looked, key);
  const placed = (places: readonly number[], of: (place: number) => Float64Array, size: number) =>
    Float32Array.from(places.flatMap((place) => [first, second].map(({ axis }) => product(axis, of(place)) / size)));
  return {
    queryPlaces,
    keyPlaces,
    share: [first.value / whole, second.value / whole],
    strength: scale * sizes[0] * sizes[1],
    queries: placed(queryPlaces, own, sizes[0]),
    keys: placed(keyPlaces, other, sizes[1]),
  };
}

function sampleOf(count: number): number[] {
  const placed = Math.min(count, MOST_PLACES);
  if (placed === count) return Array.from({ length: count }, (_, at) => at);
  return Array.from({ length: placed }, (_, at) => Math.floor(((2 * at + 1) * count) / (2 * placed)));
}

function withPlace(sample: readonly number[], place: number | null): number[] {
  return [...new Set(place === null ? sample : [...sample, place])].sort((one, two) => one - two);
}

function rowsOf(vectors: Float32Array, dim: number): (place: number) => Float64Array {
  return (place) => Float64Array.from(vectors.subarray(place * dim, (place + 1) * dim));
}

function product(one: Float64Array, two: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += one[at] * two[at];
  return sum;
}

/** The root of the mean square of their lengths; 1 where all are nothing. */
function sizeOf(places: readonly number[], of: (place: number) => Float64Array): number {
  return Math.sqrt(places.reduce((sum, place) => sum + product(of(place), of(place)), 0) / places.length) || 1;
}

function addSpread(
  spread: Float64Array,
  places: readonly number[],
  of: (place: number) => Float64Array,
  size: number,
): void {
  for (const place of places) {
    const vector = of(place);
    const dim = vector.length;
    for (let i = 0; i < dim; i++) {
      const share = vector[i] / (size * size * places.length);
      for (let j = 0; j < dim; j++) spread[i * dim + j] += share * vector[j];
    }
  }
}

function traceOf(matrix: Float64Array, dim: number): number {
  let sum = 0;
  for (let at = 0; at < dim; at++) sum += matrix[at * dim + at];
  return sum;
}

/** The axis of most spread, its largest component above 0; it is taken out of the matrix, so that the next one comes next. */
function axisOf(spread: Float64Array, dim: number): { axis: Float64Array; value: number } {
  const row = (matrix: Float64Array, at: number) => matrix.subarray(at * dim, (at + 1) * dim);
  let power = spread;
  for (let round = 0; round < SQUARES; round++) {
    const size = traceOf(power, dim) || 1;
    const next = new Float64Array(dim * dim);
    // A symmetric matrix times itself: rows by rows.
    for (let i = 0; i < dim; i++)
      for (let j = 0; j <= i; j++)
        next[i * dim + j] = next[j * dim + i] = product(row(power, i), row(power, j)) / (size * size);
    power = next;
  }
  // What is left is the axis times itself: of its columns the one with the largest on the diagonal has that component above 0.
  let most = 0;
  for (let at = 1; at < dim; at++) if (power[at * dim + at] > power[most * dim + most]) most = at;
  const axis = row(power, most).slice();
  const length = Math.sqrt(product(axis, axis));
  for (let at = 0; at < dim && length > 0; at++) axis[at] /= length;
  const value = axis.reduce((sum, one, at) => sum + one * product(row(spread, at), axis), 0);
  for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) spread[i * dim + j] -= value * axis[i] * axis[j];
  return { axis, value };
}
