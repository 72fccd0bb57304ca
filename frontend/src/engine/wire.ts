/** Answers as packed bytes, and back. */

import type { Joint, Margins, Overview, Region, Steps } from "../contract";
import { floats, floatsOf, type Packed, pack, unpack } from "./pack";

export function packRegion({ rows, columns, values, sampled, every }: Region): ArrayBuffer {
  return pack({ rows, columns, sampled, every }, { values: floats(values, rows, columns) });
}

export function unpackRegion(bytes: ArrayBuffer): Region {
  const answer = unpack(bytes);
  const { rows, columns, sampled, every } = answer.meta as Omit<Region, "values">;
  return { rows, columns, sampled, every, values: floatsOf(answer, "values") };
}

export function packMargins({ received, entropy, sampled }: Margins): ArrayBuffer {
  return pack({ sampled }, { received: floats(received, received.length), entropy: floats(entropy, entropy.length) });
}

export function unpackMargins(bytes: ArrayBuffer): Margins {
  const answer = unpack(bytes);
  const { sampled } = answer.meta as { sampled: number };
  return { sampled, received: floatsOf(answer, "received"), entropy: floatsOf(answer, "entropy") };
}

export function packOverview({ heads, rows, columns, mean, max }: Overview): ArrayBuffer {
  const shape = [heads, rows, columns];
  return pack({ heads, rows, columns }, { mean: floats(mean, ...shape), max: floats(max, ...shape) });
}

export function unpackOverview(bytes: ArrayBuffer): Overview {
  const answer = unpack(bytes);
  const { heads, rows, columns } = answer.meta as Omit<Overview, "mean" | "max">;
  return { heads, rows, columns, mean: floatsOf(answer, "mean"), max: floatsOf(answer, "max") };
}

type Stage = "query" | "key" | "value" | "scores" | "scaled" | "capped" | "biased" | "masked" | "weights" | "output";
type Scalars = Omit<Steps, Stage>;

export function packSteps(steps: Steps): ArrayBuffer {
  const { queries, keys, dim, scale, softcap, sink, valueDim, positions, rest, hidden } = steps;
  const part = { ...(positions ? { positions, rest: rest ?? 0 } : {}), ...(hidden === undefined ? {} : { hidden }) };
  const scalars: Scalars = { queries, keys, dim, scale, softcap, sink, valueDim, ...part };
  const arrays: Record<string, Packed> = {};
  const add = (name: Stage, rows: number, columns: number) => {
    const values = steps[name];
    if (values) arrays[name] = floats(values, rows, columns);
  };
  add("query", queries, dim);
  add("key", keys, dim);
  add("value", keys, valueDim);
  for (const name of ["scores", "scaled", "capped", "biased", "masked", "weights"] as const) add(name, queries, keys);
  add("output", queries, valueDim);
  return pack(scalars, arrays);
}

export function unpackSteps(bytes: ArrayBuffer): Steps {
  const answer = unpack(bytes);
  const known = (name: Stage) => floatsOf(answer, name);
  const maybe = (name: Stage) => (answer.arrays.has(name) ? floatsOf(answer, name) : null);
  return {
    ...(answer.meta as Scalars),
    query: known("query"),
    key: known("key"),
    value: maybe("value"),
    scores: known("scores"),
    scaled: known("scaled"),
    capped: maybe("capped"),
    biased: maybe("biased"),
    masked: maybe("masked"),
    weights: known("weights"),
    output: maybe("output"),
  };
}

export function packJoint({ queryPlaces, keyPlaces, queries, keys, share, strength }: Joint): ArrayBuffer {
  return pack(
    { queryPlaces, keyPlaces },
    {
      queries: floats(queries, queryPlaces.length, 2),
      keys: floats(keys, keyPlaces.length, 2),
      share: floats(Float32Array.from(share), 2),
      strength: floats(Float32Array.of(strength), 1),
    },
  );
}

export function unpackJoint(bytes: ArrayBuffer): Joint {
  const answer = unpack(bytes);
  const places = answer.meta as Pick<Joint, "queryPlaces" | "keyPlaces">;
  const [first, second] = floatsOf(answer, "share");
  const [strength] = floatsOf(answer, "strength");
  const coordinates = { queries: floatsOf(answer, "queries"), keys: floatsOf(answer, "keys") };
  return { ...places, ...coordinates, share: [first, second], strength };
}
