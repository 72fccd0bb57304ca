// What the exhibits compute: the same numbers as regard.attention and the textbook, in plain loops over small tables.

export type Table = readonly (readonly number[])[];

/** What can be turned in scaled dot-product attention; the defaults change nothing. */
export interface Settings {
  /** Scores are divided by √dim and multiplied by this: 2 is half the temperature. */
  sharpness: number;
  causal: boolean;
  /** How many keys a query sees, its own and those before it; 0 for all. */
  window: number;
  /** What a score loses for each token of distance (ALiBi). */
  slope: number;
  /** Scores are bent so that none exceeds this; 0 for none. */
  softcap: number;
  /** The score of a place for nothing; −∞ for none. */
  sink: number;
  /** The base of rotary positions; 0 for none. */
  base: number;
  /** By how much positions are pressed together (position interpolation). */
  stretch: number;
}

export const PLAIN: Settings = {
  sharpness: 1,
  causal: false,
  window: 0,
  slope: 0,
  softcap: 0,
  sink: Number.NEGATIVE_INFINITY,
  base: 0,
  stretch: 1,
};

/** Rows turned by their positions: entry i makes a pair with entry i + dim/2. */
export function rotated(rows: Table, base: number, stretch: number): number[][] {
  return rows.map((row, position) => {
    const half = row.length / 2;
    const turned = [...row];
    for (let i = 0; i < half; i++) {
      const angle = (position / stretch) * base ** (-i / half);
      const [first, second] = [row[i], row[i + half]];
      turned[i] = first * Math.cos(angle) - second * Math.sin(angle);
      turned[i + half] = second * Math.cos(angle) + first * Math.sin(angle);
    }
    return turned;
  });
}

/** Whether query i may see key j. */
export type Sees = (i: number, j: number) => boolean;

export function sees({ causal, window }: Settings): Sees {
  return (i, j) => (!causal || j <= i) && (window === 0 || (j <= i && i - j < window));
}

/** Scores as the softmax gets them: −∞ where a key is hidden. */
export function scored(query: Table, key: Table, settings: Settings, visible: Sees = sees(settings)): number[][] {
  const { sharpness, slope, softcap, base, stretch } = settings;
  const [q, k] = base > 0 ? [rotated(query, base, stretch), rotated(key, base, stretch)] : [query, key];
  return q.map((row, i) =>
    k.map((other, j) => {
      if (!visible(i, j)) return Number.NEGATIVE_INFINITY;
      let score = (sharpness * dot(row, other)) / Math.sqrt(row.length);
      if (softcap > 0) score = softcap * Math.tanh(score / softcap);
      return score - slope * Math.abs(i - j);
    }),
  );
}

/** Each row to shares; with a sink they sum to less than 1, and a row that sees nothing is 0. */
export function softmax(scores: Table, sink = Number.NEGATIVE_INFINITY): number[][] {
  return scores.map((row) => {
    const top = Math.max(sink, ...row);
    if (top === Number.NEGATIVE_INFINITY) return row.map(() => 0);
    const powers = row.map((score) => Math.exp(score - top));
    const total = powers.reduce((sum, power) => sum + power, Math.exp(sink - top));
    return powers.map((power) => power / total);
  });
}

/** What is kept after a tile, and what the output would be if it were the last. */
export interface Tile {
  from: number;
  to: number;
  top: number;
  /** By what earlier sums were multiplied. */
  correction: number;
  total: number;
  mixed: number[];
  output: number[];
}

/** A softmax that reads its row tile by tile. */
export function tiles(scores: readonly number[], values: Table, size: number): Tile[] {
  const steps: Tile[] = [];
  let [top, total] = [Number.NEGATIVE_INFINITY, 0];
  let mixed = values[0].map(() => 0);
  for (let from = 0; from < scores.length; from += size) {
    const part = scores.slice(from, from + size);
    const highest = Math.max(top, ...part);
    const correction = top === Number.NEGATIVE_INFINITY ? 0 : Math.exp(top - highest);
    const powers = part.map((score) => Math.exp(score - highest));
    total = total * correction + powers.reduce((sum, power) => sum + power, 0);
    mixed = mixed.map((old, column) =>
      powers.reduce((sum, power, at) => sum + power * values[from + at][column], old * correction),
    );
    top = highest;
    const output = mixed.map((sum) => sum / total);
    steps.push({ from, to: Math.min(from + size, scores.length), top, correction, total, mixed, output });
  }
  return steps;
}

/** A write into a state (dim, value_dim): what it was, what it gave for the key, and what it is. */
export interface Write {
  before: number[][];
  found: number[];
  after: number[][];
}

export const RULES = ["linear", "gated", "delta", "gated delta"] as const;
export type Rule = (typeof RULES)[number];

/** Tokens written one after another: added, faded first, or only what is new. Keys have length 1. */
export function writes(keys: Table, values: Table, rule: Rule, beta: number, decay: number): Write[] {
  let state = keys[0].map(() => values[0].map(() => 0));
  return keys.map((key, t) => {
    const before = state;
    const kept = rule.startsWith("gated") ? before.map((row) => row.map((entry) => decay * entry)) : before;
    const found = values[t].map((_, column) => key.reduce((sum, part, at) => sum + part * kept[at][column], 0));
    const written = values[t].map((value, column) => (rule.endsWith("delta") ? beta * (value - found[column]) : value));
    state = kept.map((row, at) => row.map((entry, column) => entry + key[at] * written[column]));
    return { before, found, after: state };
  });
}

export const POLICIES = [
  "all",
  "the last",
  "the first two and the last",
  "the most looked at",
  "what the newest looks at",
] as const;
export type Policy = (typeof POLICIES)[number];

/** Weights as each token gives them to what its cache still has beside its own key; NaN where a key has gone, or is not there yet. */
export function cached(scores: Table, policy: Policy, room: number): number[][] {
  const received = scores.map(() => 0);
  let held: number[] = [];
  return scores.map((row, t) => {
    const seen = [...held, t];
    const shares = softmax([seen.map((at) => row[at])])[0];
    for (const [place, at] of seen.entries()) received[at] += shares[place];
    held = stays(seen, shares, received, policy, room);
    const weights = row.map(() => Number.NaN);
    for (const [place, at] of seen.entries()) weights[at] = shares[place];
    return weights;
  });
}

/** What is kept for the next token: StreamingLLM, H2O and TOVA, as the textbook has them. */
function stays(
  seen: readonly number[],
  shares: readonly number[],
  received: readonly number[],
  policy: Policy,
  room: number,
): number[] {
  const newest = seen[seen.length - 1];
  if (policy === "all" || seen.length <= room) return [...seen];
  if (policy === "the last") return seen.slice(-room);
  if (policy === "the first two and the last") return seen.filter((at) => at < 2 || at > newest - (room - 2));
  if (policy === "what the newest looks at") {
    const best = [...seen.keys()].sort((one, other) => shares[other] - shares[one] || one - other).slice(0, room);
    return seen.filter((_, place) => best.includes(place));
  }
  const recent = seen.slice(-2);
  const heavy = seen.slice(0, -2).sort((one, other) => received[other] - received[one] || one - other);
  return [...heavy.slice(0, room - 2), ...recent].sort((one, other) => one - other);
}

export function dot(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, part, at) => sum + part * other[at], 0);
}
