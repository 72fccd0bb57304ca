/** The stages of one head's computation that the model has, each with its numbers, its formula, and what happens in it. */

import type { Steps } from "../../contract";
import { weightText } from "../../labels";
import { type Formula, sub } from "./formula";

export interface Stage {
  name: string;
  formula: Formula;
  /** The formula where only text can stand. */
  plain: string;
  /** (queries, keys). */
  values: Float32Array;
  /** Weights are parts of one; scores are any numbers. */
  weights: boolean;
  /** What the sink is at this stage; null where it does not stand here. */
  sink: ((query: number) => number) | null;
  /** What the keys that are not told are at this stage, in all; null where none are left out, or where it cannot be said. */
  others: ((query: number) => number) | null;
  /** The sum over the keys, and the sink while it counts. */
  sum: ((query: number) => number) | null;
  /** What happens, said of one query. */
  sentence(query: number): string;
}

/** A number with its sign and enough digits; −∞ as such. */
export function numberText(value: number): string {
  if (value === Number.NEGATIVE_INFINITY) return "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text =
    size >= 1000 || size < 0.0005
      ? size.toExponential(1)
      : size.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
  return value < 0 ? `−${text}` : text;
}

/** `count`: how many keys there are, told or not. */
export function stagesOf(steps: Steps, count = steps.keys): Stage[] {
  const { queries, keys, dim, scale, softcap, sink, rest = 0 } = steps;
  const row = (values: Float32Array, query: number) => values.subarray(query * keys, (query + 1) * keys);
  const stages: Stage[] = [];
  const s = sub("s", "j");
  const scores = (stage: Pick<Stage, "name" | "formula" | "plain" | "values" | "sentence">) =>
    stages.push({ ...stage, weights: false, sink: null, others: null, sum: null });

  scores({
    name: "q · k",
    formula: [s, "=", "q", "·", sub("k", "j")],
    plain: "sⱼ = q · kⱼ",
    values: steps.scores,
    sentence: () => `The query times each key: the sum of the ${dim} products of their components.`,
  });
  if (scale !== 1) {
    const root = Math.abs(scale * Math.sqrt(dim) - 1) < 1e-4;
    scores({
      name: "scale",
      formula: root ? [["mfrac", s, ["msqrt", "d"]]] : [s, "·", numberText(scale)],
      plain: root ? "sⱼ / √d" : `sⱼ · ${numberText(scale)}`,
      values: steps.scaled,
      sentence: () => {
        const why = root ? `divided by √${dim} = ${numberText(Math.sqrt(dim))}` : `multiplied by ${numberText(scale)}`;
        return `Each score is ${why}, so that its size does not grow with the number of components.`;
      },
    });
  }
  if (steps.capped && softcap !== null) {
    const cap = String(Number(softcap.toPrecision(4)));
    scores({
      name: "softcap",
      formula: [cap, "·", "tanh", ["mfrac", s, cap]],
      plain: `${cap} · tanh(sⱼ / ${cap})`,
      values: steps.capped,
      sentence: () => `Each score is bent to stay between −${cap} and ${cap}.`,
    });
  }
  if (steps.biased) {
    scores({
      name: "bias",
      formula: [s, "+", sub("b", "j")],
      plain: "sⱼ + bⱼ",
      values: steps.biased,
      sentence: () => "What the model adds to the score of this query and each key, by where they stand.",
    });
  }
  if (steps.masked) {
    const { masked } = steps;
    scores({
      name: "mask",
      formula: [s, "or", "−∞"],
      plain: "sⱼ or −∞",
      values: masked,
      sentence: (query) => {
        const seen = row(masked, query).filter((value) => value === Number.NEGATIVE_INFINITY).length;
        const hidden = steps.hidden ?? seen;
        return `${hidden} of ${count} keys ${hidden === 1 ? "is" : "are"} hidden from this query: −∞ there, which no weight survives.`;
      },
    });
  }

  const last = stages[stages.length - 1];
  if (sink !== null) last.sink = () => sink;
  const largest = (query: number) =>
    row(last.values, query).reduce((most, value) => Math.max(most, value), sink ?? Number.NEGATIVE_INFINITY);
  const power = (value: number, most: number) => (most === Number.NEGATIVE_INFINITY ? 0 : Math.exp(value - most));
  const exponentials = last.values.map((value, at) => power(value, largest(Math.floor(at / keys))));
  const sinkPower = (query: number) => (sink === null ? 0 : power(sink, largest(query)));
  // The keys that are not told have `rest` of the whole.
  const total = (query: number) =>
    (row(exponentials, query).reduce((sum, one) => sum + one, 0) + sinkPower(query)) / (1 - Math.min(rest, 0.999999));
  const left = steps.positions != null && keys < count;
  const most = sub("s", "max");
  stages.push({
    name: "exp",
    formula: [sub("e", "j"), "=", ["msup", "e", ["mrow", s, "−", most]]],
    plain: "eⱼ = exp(sⱼ − max)",
    values: exponentials,
    weights: true,
    sink: sink === null ? null : sinkPower,
    others: left ? (query) => rest * total(query) : null,
    sum: total,
    sentence: (query) =>
      largest(query) === Number.NEGATIVE_INFINITY
        ? "This query sees no key at all."
        : `The largest, ${numberText(largest(query))}, is taken from each, so that nothing overflows; then e to that power. Their sum is ${numberText(total(query))}${sink === null ? "" : ", the sink's part in it"}.`,
  });
  stages.push({
    name: "softmax",
    formula: [sub("w", "j"), "=", ["mfrac", sub("e", "j"), ["mrow", "Σ", "e"]]],
    plain: "wⱼ = eⱼ / Σe",
    values: steps.weights,
    weights: true,
    sink: sink === null ? null : (query) => (total(query) === 0 ? 0 : sinkPower(query) / total(query)),
    others: left ? () => rest : null,
    sum: (query) => row(steps.weights, query).reduce((sum, one) => sum + one, rest),
    sentence: (query) => {
      const sum = row(steps.weights, query).reduce((all, one) => all + one, rest);
      if (sum === 0) return "It sees nothing: its weights are 0.";
      const remaining = sink === null ? "" : "; the sink takes the rest, and has no value to give";
      return `Each is divided by their sum: the weights, which sum to ${weightText(sum)}${remaining}.`;
    },
  });
  if (queries * keys !== steps.weights.length)
    throw new Error(`expected ${queries} × ${keys} weights, got ${steps.weights.length}`);
  return stages;
}
