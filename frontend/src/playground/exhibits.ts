// The exhibits: what can be turned, and what it changes. Each is a function that fills an element.

import { element } from "../elements";
import { brief, list, matrix, plain, slider } from "./controls";
import { type Learning, watchHead } from "./learning";
import {
  cached,
  PLAIN,
  POLICIES,
  type Policy,
  RULES,
  type Rule,
  type Settings,
  scored,
  sees,
  softmax,
  type Table,
  tiles,
  writes,
} from "./numbers";

/** A head of a real model on a sentence. */
export interface Example {
  tokens: string[];
  query: Table;
  key: Table;
  value: Table;
  from: string;
  learning: Learning;
}

export type Exhibit = (place: HTMLElement, example: Example) => void;

export const EXHIBITS: Record<string, Exhibit> = {
  attention: turnAttention,
  masks: drawMasks,
  tiles: readTiles,
  states: writeStates,
  caches: keepKeys,
  learning: (place, { learning }) => watchHead(place, learning),
};

/** Controls above, and below them what they change. */
function stage(place: HTMLElement, controls: readonly HTMLElement[]): HTMLElement {
  const panel = element("div", "controls");
  panel.append(...controls);
  const shown = element("div", "shown");
  shown.setAttribute("aria-live", "off");
  place.replaceChildren(panel, shown);
  return shown;
}

function turnAttention(place: HTMLElement, { tokens, query, key, from }: Example): void {
  const settings: Settings = { ...PLAIN };
  const turn = (change: Partial<Settings>) => {
    Object.assign(settings, change);
    draw();
  };
  const shown = stage(place, [
    slider(
      {
        name: "sharpness (1 / temperature)",
        from: -3,
        to: 3,
        step: 0.25,
        value: 0,
        says: (power) => `× ${(2 ** power).toFixed(2)}`,
      },
      (power) => turn({ sharpness: 2 ** power }),
    ),
    list("who may look at whom", ["everybody", "causal"], (word) => turn({ causal: word === "causal" })),
    slider(
      {
        name: "window",
        from: 0,
        to: tokens.length,
        step: 1,
        value: 0,
        says: (size) => (size === 0 ? "none" : `${size} keys`),
      },
      (window) => turn({ window }),
    ),
    slider({ name: "slope (ALiBi)", from: 0, to: 2, step: 0.125, value: 0 }, (slope) => turn({ slope })),
    slider(
      { name: "softcap", from: 0, to: 5, step: 0.25, value: 0, says: (cap) => (cap === 0 ? "none" : String(cap)) },
      (softcap) => turn({ softcap }),
    ),
    slider(
      {
        name: "sink",
        from: -5,
        to: 5,
        step: 0.25,
        value: -5,
        says: (score) => (score === -5 ? "none" : String(score)),
      },
      (score) => turn({ sink: score === -5 ? Number.NEGATIVE_INFINITY : score }),
    ),
    slider(
      {
        name: "rotary base",
        from: 0,
        to: 4,
        step: 0.5,
        value: 0,
        says: (power) => (power === 0 ? "no positions" : (10 ** power).toFixed(0)),
      },
      (power) => turn({ base: power === 0 ? 0 : 10 ** power }),
    ),
    slider(
      { name: "positions pressed together", from: 1, to: 8, step: 1, value: 1, says: (by) => `÷ ${by}` },
      (stretch) => turn({ stretch }),
    ),
  ]);
  const draw = () => {
    const visible = sees(settings);
    const weights = softmax(scored(query, key, settings), settings.sink);
    const sums = weights.map((row) => row.reduce((sum, weight) => sum + weight, 0));
    const entropy = weights.map(
      (row) => -row.reduce((sum, weight) => sum + (weight > 0 ? weight * Math.log(weight) : 0), 0),
    );
    const mean = entropy.reduce((sum, one) => sum + one, 0) / entropy.length;
    const sunk = 1 - sums.reduce((sum, one) => sum + one, 0) / sums.length;
    shown.replaceChildren(
      matrix(
        tokens,
        tokens,
        (i, j) => ({ share: weights[i][j], text: brief(weights[i][j]), hidden: !visible(i, j) }),
        `Weights: rows look, columns are looked at (${from})`,
      ),
      element(
        "p",
        "said",
        `A row spreads over ${Math.exp(mean).toFixed(1)} keys in the mean (entropy ${mean.toFixed(2)} nats).${sunk > 0.005 ? ` ${(100 * sunk).toFixed(0)} % of the weight goes to the sink.` : ""}`,
      ),
    );
  };
  draw();
}

const MASKS: Record<string, (i: number, j: number) => boolean> = {
  everybody: () => true,
  causal: (i, j) => j <= i,
  "a window of 3": (i, j) => j <= i && i - j < 3,
  "blocks of 4": (i, j) => Math.floor(i / 4) === Math.floor(j / 4),
  "two documents": (i, j) => j <= i && i < 5 === j < 5,
  "first and last": (i, j) => j <= i && (j < 2 || i - j < 3),
  nobody: () => false,
};

function drawMasks(place: HTMLElement, { tokens, query, key }: Example): void {
  let visible = tokens.map((_, i) => tokens.map((_, j) => MASKS.causal(i, j)));
  const shown = stage(place, [
    list("begin with", ["causal", ...Object.keys(MASKS).filter((name) => name !== "causal")], (name) => {
      visible = tokens.map((_, i) => tokens.map((_, j) => MASKS[name](i, j)));
      draw();
    }),
  ]);
  const draw = () => {
    const focus = shown.contains(document.activeElement)
      ? [...shown.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement)
      : -1;
    const weights = softmax(scored(query, key, PLAIN, (i, j) => visible[i][j]));
    const count = visible.flat().filter(Boolean).length;
    const alone = visible.filter((row) => !row.includes(true)).length;
    shown.replaceChildren(
      matrix(
        tokens,
        tokens,
        (i, j) => ({ share: weights[i][j], text: brief(weights[i][j]), hidden: !visible[i][j] }),
        "Press a cell, or draw over cells, to hide or to show them",
        (i, j, on) => {
          visible[i][j] = on;
          draw();
        },
      ),
      element(
        "p",
        "said",
        `${count} of ${tokens.length ** 2} pairs are computed.${alone ? ` ${alone} row${alone > 1 ? "s" : ""} may see nothing: its weights are 0, not NaN.` : ""}`,
      ),
    );
    if (focus >= 0) shown.querySelectorAll("button")[focus].focus();
  };
  draw();
}

function readTiles(place: HTMLElement, { tokens, query, key, value }: Example): void {
  const state = { row: tokens.length - 1, size: 3, step: 1 };
  const values = value.map((row) => row.slice(0, 2));
  const turn = (change: Partial<typeof state>) => {
    Object.assign(state, change);
    draw();
  };
  const shown = stage(place, [
    slider(
      { name: "token that looks", from: 0, to: tokens.length - 1, step: 1, value: state.row, says: (at) => tokens[at] },
      (row) => turn({ row }),
    ),
    slider({ name: "keys in a tile", from: 1, to: tokens.length, step: 1, value: state.size }, (size) =>
      turn({ size }),
    ),
    slider({ name: "tiles read", from: 1, to: tokens.length, step: 1, value: 1 }, (step) => turn({ step })),
  ]);
  const draw = () => {
    const scores = scored([query[state.row]], key, PLAIN)[0];
    const steps = tiles(scores, values, state.size);
    const at = Math.min(state.step, steps.length) - 1;
    const now = steps[at];
    const shares = scores.map((score, j) => (j < now.to ? Math.exp(score - now.top) / now.total : 0));
    const exact = softmax([scores])[0];
    shown.replaceChildren(
      matrix(
        ["score", "weight so far", "weight in the end"],
        tokens,
        (line, j) => {
          const seen = j < now.to;
          const numbers = [scores[j], shares[j], exact[j]];
          return {
            share: line === 0 ? 0 : numbers[line],
            text: line < 2 && !seen ? "" : brief(numbers[line]),
            hidden: line < 2 && !seen,
            chosen: j >= now.from && j < now.to,
          };
        },
        `Tile ${at + 1} of ${steps.length}`,
      ),
      plain(
        ["top", "correction", "total"],
        steps.slice(0, at + 1).map((_, number) => `tile ${number + 1}`),
        ["top", "correction", "total"].map((name) => steps.slice(0, at + 1).map((step) => step[name as "top"])),
        "What is carried from tile to tile",
      ),
      element(
        "p",
        "said",
        `Output if this were all: (${now.output.map((one) => one.toFixed(3)).join(", ")}). ${at === steps.length - 1 ? "It is all: this is the softmax, and no tile was read twice." : "Later tiles will rescale it."}`,
      ),
    );
  };
  draw();
}

const BOARD_KEYS = [
  [1, 0],
  [0.6, 0.8],
  [1, 0],
  [0, 1],
];
const BOARD_VALUES = [
  [3, 0],
  [0, 4],
  [5, 1],
  [2, 2],
];

function writeStates(place: HTMLElement): void {
  const state = { rule: "delta" as Rule, beta: 1, decay: 0.75, step: 0 };
  const turn = (change: Partial<typeof state>) => {
    Object.assign(state, change);
    draw();
  };
  const shown = stage(place, [
    list("rule", [state.rule, ...RULES.filter((rule) => rule !== state.rule)], (rule) => turn({ rule: rule as Rule })),
    slider(
      { name: "write", from: 0, to: BOARD_KEYS.length - 1, step: 1, value: 0, says: (at) => `number ${at + 1}` },
      (step) => turn({ step }),
    ),
    slider({ name: "β, how much is written", from: 0, to: 1, step: 0.125, value: 1 }, (beta) => turn({ beta })),
    slider({ name: "decay", from: 0, to: 1, step: 0.125, value: 0.75 }, (decay) => turn({ decay })),
  ]);
  const names = ["dim 0", "dim 1"];
  const draw = () => {
    const { before, found, after } = writes(BOARD_KEYS, BOARD_VALUES, state.rule, state.beta, state.decay)[state.step];
    const [key, value] = [BOARD_KEYS[state.step], BOARD_VALUES[state.step]];
    const read = value.map((_, column) => key.reduce((sum, part, row) => sum + part * after[row][column], 0));
    shown.replaceChildren(
      plain(names, ["value 0", "value 1"], before, "State before"),
      plain(names, ["value 0", "value 1"], after, "State after"),
      element(
        "p",
        "said",
        `Key (${key.join(", ")}), value (${value.join(", ")}). Before, the state gave (${found.map((one) => one.toFixed(2)).join(", ")}) for this key; now it gives (${read.map((one) => one.toFixed(2)).join(", ")}).`,
      ),
    );
  };
  draw();
}

function keepKeys(place: HTMLElement, { tokens, query, key }: Example): void {
  const state = { policy: POLICIES[2] as Policy, room: 5 };
  const scores = scored(query, key, { ...PLAIN, causal: true });
  const full = softmax(scores);
  const turn = (change: Partial<typeof state>) => {
    Object.assign(state, change);
    draw();
  };
  const shown = stage(place, [
    list("what is kept", [state.policy, ...POLICIES.filter((name) => name !== state.policy)], (policy) =>
      turn({ policy: policy as Policy }),
    ),
    slider(
      { name: "room for", from: 3, to: tokens.length, step: 1, value: state.room, says: (size) => `${size} keys` },
      (room) => turn({ room }),
    ),
  ]);
  const draw = () => {
    const weights = cached(scores, state.policy, state.room);
    const mass = weights.map((row, t) =>
      row.reduce((sum, weight, at) => sum + (Number.isNaN(weight) ? 0 : full[t][at]), 0),
    );
    const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
    shown.replaceChildren(
      matrix(
        tokens,
        tokens,
        (t, at) => {
          const hidden = Number.isNaN(weights[t][at]);
          return { share: hidden ? 0 : weights[t][at], text: hidden ? "" : brief(weights[t][at]), hidden };
        },
        "A row a token, its own key beside those that are kept; hatched keys have gone, or are not there yet",
      ),
      element(
        "p",
        "said",
        `With all keys, those that are here would have ${percent(mass.reduce((sum, one) => sum + one, 0) / mass.length)} of the weight in the mean, and ${percent(Math.min(...mass))} in the worst row. What that does to the output, weights alone do not say.`,
      ),
    );
  };
  draw();
}
