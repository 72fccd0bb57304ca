// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { colourAt, inkOn } from "../src/colours";
import type { Joint, Manifest, MountedView, Source, Steps } from "../src/contract";
import { paletteOf } from "../src/palette";
import { view } from "../src/views/steps";
import { math } from "../src/views/steps/formula";
import { numberText, stagesOf } from "../src/views/steps/stages";
import { rankedChannels } from "../src/views/steps/why";
import { smallExample } from "./dense_source";
import { press, stageOf } from "./mounting";

const [QUERIES, KEYS, DIM, WIDTH] = [3, 5, 2, 7];

/** A causal head with everything: softcap, bias, mask, sink, values. The last query but one sees nothing. */
function steps(sink: number | null = 0.4): Steps {
  const query = Float32Array.from({ length: QUERIES * DIM }, (_, at) => Math.sin(3 * at + 1) * 2);
  const key = Float32Array.from({ length: KEYS * DIM }, (_, at) => Math.cos(5 * at) * 2);
  const value = Float32Array.from({ length: KEYS * WIDTH }, (_, at) => Math.sin(at));
  const scale = 1 / Math.sqrt(DIM);
  const each = (f: (i: number, j: number) => number) =>
    Float32Array.from({ length: QUERIES * KEYS }, (_, at) => f(Math.floor(at / KEYS), at % KEYS));
  const scores = each((i, j) => query[2 * i] * key[2 * j] + query[2 * i + 1] * key[2 * j + 1]);
  const scaled = scores.map((one) => one * scale);
  const capped = scaled.map((one) => 1.5 * Math.tanh(one / 1.5));
  const biased = each((i, j) => capped[i * KEYS + j] - 0.1 * Math.abs(i + 2 - j));
  const masked = each((i, j) => (i === 1 || j > i + 2 ? Number.NEGATIVE_INFINITY : biased[i * KEYS + j]));
  const weights = new Float32Array(QUERIES * KEYS);
  const output = new Float32Array(QUERIES * WIDTH);
  for (let i = 0; i < QUERIES; i++) {
    const powers = Array.from(masked.subarray(i * KEYS, (i + 1) * KEYS), Math.exp);
    const sum = powers.reduce((all, one) => all + one, sink === null ? 0 : Math.exp(sink));
    for (let j = 0; j < KEYS; j++) {
      weights[i * KEYS + j] = sum > 0 ? powers[j] / sum : 0;
      for (let at = 0; at < WIDTH; at++) output[i * WIDTH + at] += weights[i * KEYS + j] * value[j * WIDTH + at];
    }
  }
  const sizes = { queries: QUERIES, keys: KEYS, dim: DIM, valueDim: WIDTH };
  return {
    ...sizes,
    scale,
    softcap: 1.5,
    sink,
    query,
    key,
    value,
    scores,
    scaled,
    capped,
    biased,
    masked,
    weights,
    output,
  };
}

function example(found: Steps = steps(), change: Partial<Manifest["maps"][number]> = {}) {
  const { manifest, source } = smallExample();
  const axis = (title: string, size: number) => ({
    title,
    tokens: Array.from({ length: size }, (_, at) => `${title}${at}`),
    special: [0],
    words: null,
    wordTexts: null,
    spellings: null,
    characters: null,
    characterTexts: null,
  });
  const info = {
    ...manifest.maps[0],
    queries: QUERIES,
    keys: KEYS,
    rowAxes: ["q"],
    columnAxis: "k",
    steps: true,
    ...change,
  };
  const axes = { q: axis("ask", info.queries), k: axis("key<", info.keys) };
  const answered: Source = { ...source, steps: async () => found };
  return { manifest: { ...manifest, axes, maps: [info] }, source: answered };
}

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = () => null;
});
afterEach(() => document.body.replaceChildren());

const stageNames = (root: HTMLElement) => [...root.querySelectorAll(".steps-name")].map((one) => one.textContent);
const cellsOf = (root: HTMLElement, stage: number) =>
  [...root.querySelectorAll("[aria-label=stages] tbody tr")[stage].querySelectorAll("td")].map(
    (one) => one.textContent,
  );

describe("stages", () => {
  it("of exp and softmax are those that give the head's own weights", () => {
    for (const sink of [null, 0.4, 60]) {
      const found = steps(sink);
      const [exp, softmax] = stagesOf(found).slice(-2);
      for (const query of [0, 2]) {
        const shares = Array.from(
          exp.values.subarray(query * KEYS, (query + 1) * KEYS),
          (one) => one / exp.sum!(query),
        );
        for (const [key, share] of shares.entries()) expect(share).toBeCloseTo(found.weights[query * KEYS + key], 5);
        expect(softmax.sum!(query) + (softmax.sink?.(query) ?? 0)).toBeCloseTo(1, 5);
      }
    }
  });

  it("that the model has not got are not there", () => {
    const all = stagesOf(steps()).map(({ name }) => name);
    expect(all).toEqual(["q · k", "scale", "softcap", "bias", "mask", "exp", "softmax"]);
    const plain = { ...steps(null), scale: 1, softcap: null, capped: null, biased: null, masked: null };
    expect(stagesOf(plain).map(({ name }) => name)).toEqual(["q · k", "exp", "softmax"]);
    expect(stagesOf(plain).every((stage) => stage.sink === null)).toBe(true);
  });

  it("of a query that sees nothing are zeros, and say so", () => {
    const [mask, exp, softmax] = stagesOf(steps(null)).slice(-3);
    expect(mask.sentence(1)).toContain("5 of 5 keys are hidden");
    expect([exp.sentence(1), softmax.sentence(1)]).toEqual([
      "This query sees no key at all.",
      "It sees nothing: its weights are 0.",
    ]);
    expect([...exp.values.subarray(KEYS, 2 * KEYS)]).toEqual([0, 0, 0, 0, 0]);
  });

  it("have numbers that tell small ones from nothing", () => {
    expect([0, -1.234, 0.05, 123.4, 2e-7, -54321, Number.NEGATIVE_INFINITY].map(numberText)).toEqual([
      "0",
      "−1.23",
      "0.050",
      "123",
      "2.0e-7",
      "−5.4e+4",
      "−∞",
    ]);
  });
});

/** All stages; the view opens with the first. */
function toTheEnd(stage: { view: MountedView }): void {
  for (let times = 0; times < 9; times++) press(stage.view, "j");
}

describe("the steps view", () => {
  it("shows a row of numbers for each stage, with the sink and the sum", async () => {
    const stage = stageOf(view, { map: 0, query: 2 }, example());
    await stage.settle();
    toTheEnd(stage);
    expect(stageNames(stage.root)).toEqual(["q · k", "scale", "softcap", "bias", "mask", "exp", "softmax"]);
    const { scores, weights } = steps();
    const row = (values: Float32Array) => Array.from(values.subarray(2 * KEYS), numberText);
    expect(cellsOf(stage.root, 0)).toEqual([...row(scores), "", ""]);
    expect(cellsOf(stage.root, 4)[KEYS]).toBe("0.40");
    expect(cellsOf(stage.root, 6).slice(0, KEYS)).toEqual(row(weights));
    const [sink, sum] = cellsOf(stage.root, 6).slice(KEYS).map(Number);
    expect(sink + sum).toBeCloseTo(1, 1);
    expect(stage.root.querySelectorAll("math").length).toBe(8);
    expect(stage.errors).toEqual([]);
  });

  it("goes stage by stage, and says what happens", async () => {
    const stage = stageOf(view, { map: 0 }, example());
    await stage.settle();
    toTheEnd(stage);
    expect(press(stage.view, "k")).toBe(true);
    expect(stage.said.at(-1)).toMatch(/^7\. softmax: Each is divided by their sum.*the sink takes the rest/);
    for (let times = 0; times < 20; times++) press(stage.view, "k");
    expect(stageNames(stage.root)).toEqual(["q · k"]);
    expect(stage.said.at(-1)).toBe(
      "1. q · k: The query times each key: the sum of the 2 products of their components.",
    );
    press(stage.view, "j");
    expect(stage.said.at(-1)).toContain("divided by √2 = 1.41");
    expect((await stage.view.table()).rows.map((row) => row[0])).toEqual(["q · k: sⱼ = q · kⱼ", "scale: sⱼ / √d"]);
  });

  it("opens the dot product of the query and the key that are chosen", async () => {
    const found = steps();
    const stage = stageOf(view, { map: 0, query: 0, key: 3 }, example(found));
    await stage.settle();
    press(stage.view, "ArrowDown");
    press(stage.view, "ArrowRight");
    expect(stage.app.store.state).toMatchObject({ query: 1, key: 4 });
    press(stage.view, "o");
    const product = stage.root.querySelector("details")!;
    expect(product.open).toBe(true);
    const rows = [...product.querySelectorAll("tbody tr")].map((row) =>
      [...row.querySelectorAll("td")].map((one) => one.textContent),
    );
    const [q, k] = [found.query.subarray(2, 4), found.key.subarray(8, 10)];
    expect(rows[2]).toEqual([numberText(q[0] * k[0]), numberText(q[1] * k[1]), numberText(q[0] * k[0] + q[1] * k[1])]);
  });

  it("shows the values times their weights, and their sum", async () => {
    const found = steps();
    const stage = stageOf(view, { map: 0, query: 2 }, example(found));
    await stage.settle();
    toTheEnd(stage);
    const rows = [...stage.root.querySelectorAll("[aria-label=output] tbody tr")];
    expect(rows.length).toBe(KEYS + 1);
    const sums = [...rows[KEYS].querySelectorAll("td")].map((one) => one.textContent);
    expect(sums).toEqual(Array.from(found.output!.subarray(2 * WIDTH), numberText));
  });

  it("tells the numbers of another head once they are there", async () => {
    const { manifest, source } = example();
    const answers = [steps(), steps(60)];
    const late: Source = {
      ...source,
      steps: (_, head) => new Promise((resolve) => setTimeout(() => resolve(answers[head]), 5)),
    };
    const stage = stageOf(view, { map: 0 }, { manifest, source: late });
    await stage.settle();
    stage.app.store.set({ heads: [1] });
    expect(press(stage.view, "k")).toBe(false);
    await stage.view.table();
    toTheEnd(stage);
    const table = await stage.view.table();
    expect(table.caption).toContain("head 1");
    expect(table.rows[6].at(-2)).toBe("1.00"); // the sink takes all
  });

  it("opens with the last word and the first stage", async () => {
    const stage = stageOf(view, { map: 0 }, example());
    await stage.settle();
    expect(stageNames(stage.root)).toEqual(["q · k"]);
    expect(stage.root.querySelector('.steps-queries [aria-pressed="true"]')?.textContent).toBe("ask2");
  });

  it("asks for one query of a long map, and says what the keys that are left out have", async () => {
    const found = steps();
    const part = { ...found, queries: 1, keys: 2, positions: [70, 902], rest: 0.25 };
    const two = (values: Float32Array | null) => values?.slice(0, 2) ?? null;
    for (const name of ["scores", "scaled", "capped", "biased", "masked"] as const)
      Object.assign(part, { [name]: two(found[name]) });
    Object.assign(part, {
      weights: Float32Array.of(0.125, 0.625),
      masked: Float32Array.of(1, 2),
      sink: null,
      hidden: 5,
    });
    const { manifest, source } = example(found, { keys: 1000 });
    const axis = manifest.axes.k;
    axis.tokens = Array.from({ length: 1000 }, (_, at) => `k${at}`);
    const asked: unknown[] = [];
    const one: Source = {
      ...source,
      steps: (_map, _head, _signal, row) => {
        asked.push(row);
        return Promise.resolve(part);
      },
    };
    const stage = stageOf(view, { map: 0, query: 1 }, { manifest, source: one });
    await stage.settle();
    toTheEnd(stage);
    expect(asked).toEqual([{ query: 1, key: null }]);
    const { columns, rows } = await stage.view.table();
    expect(columns).toEqual(["stage", "k70", "k902", "+ 998 others", "Σ"]);
    expect(rows.at(-1)?.slice(1)).toEqual(["0.13", "0.63", "0.25", "1.00"]);
    press(stage.view, "ArrowLeft");
    expect(stage.app.store.state.key).toBe(70);
    expect(stage.root.textContent).toContain("Why “ask1” looks at “k70”");
    stage.app.store.set({ key: 5 });
    expect(asked.at(-1)).toEqual({ query: 1, key: 5 });
  });

  it("draws tokens as text, which stays text", async () => {
    const stage = stageOf(view, { map: 0, query: 0 }, example());
    await stage.settle();
    toTheEnd(stage);
    const parsed = new DOMParser().parseFromString(await stage.view.svg(), "image/svg+xml");
    expect(parsed.querySelector("parsererror")).toBeNull();
    const texts = [...parsed.querySelectorAll("text")].map((one) => one.textContent);
    expect(texts).toContain("key<0");
    expect(texts).toContain("−∞");
  });

  it("is there at any length, but not for weights", () => {
    const { manifest } = example();
    const state = { ...stageOf(view, {}, example()).app.store.state };
    expect(view.unavailable(manifest, state)).toBeNull();
    expect(view.unavailable(example(steps(), { keys: 6500 }).manifest, state)).toBeNull();
    const why = { steps: false, withoutSteps: "its queries and keys are not in this page" };
    expect(view.unavailable(example(steps(), why).manifest, state)).toBe(why.withoutSteps);
    expect(view.unavailable(example(steps(), { steps: false }).manifest, state)).toMatch(
      /^this map is kept as weights/,
    );
  });
});

describe("numbers on colour", () => {
  it("can be read at every share, in both themes", () => {
    const light = (hex: string) => (hex === "#ffffff" ? 1 : 0);
    for (const name of ["light", "dark"] as const)
      for (let share = -1; share <= 1; share += 0.01) {
        const [background, text] = [colourAt(share, paletteOf(name)), inkOn(share, paletteOf(name))];
        const parts = background.match(/\d+/g)!.map((part) => Number(part) / 255);
        const linear = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        const [high, low] = [Math.max(luminance, light(text)), Math.min(luminance, light(text))];
        expect((high + 0.05) / (low + 0.05)).toBeGreaterThan(4.5);
      }
  });
});

describe("why a query looks at a key", () => {
  it("ranks channels from the highest down, with their signs, and sums those between", () => {
    const products = Float32Array.from({ length: 20 }, (_, at) => (at % 2 ? -at : at));
    const found = rankedChannels(products);
    expect(found.map(({ name }) => name)).toEqual([
      ...[18, 16, 14, 12, 10, 8, 6, 4].map((at) => `channel ${at}`),
      "8 between",
      ...[13, 15, 17, 19].map((at) => `channel ${at}`),
    ]);
    expect(found.reduce((sum, { value }) => sum + value, 0)).toBe(products.reduce((sum, value) => sum + value, 0));
    expect(rankedChannels([1, -2, 3]).map(({ value }) => value)).toEqual([3, 1, -2]);
  });
});

describe("formulas", () => {
  it("are MathML with names, numbers and signs told apart", () => {
    const made = math([["mfrac", "s", ["msqrt", "d"]], "−∞", "·", "or"]);
    expect(made.namespaceURI).toBe("http://www.w3.org/1998/Math/MathML");
    expect([...made.querySelectorAll("*")].map((one) => one.localName)).toEqual([
      "mfrac",
      "mi",
      "msqrt",
      "mi",
      "mn",
      "mo",
      "mtext",
    ]);
  });
});

describe("queries and keys in one plane", () => {
  const plane: Joint = {
    queryPlaces: [0, 1, 2],
    keyPlaces: [0, 1, 2, 3, 4],
    share: [0.5, 0.25],
    strength: 2,
    queries: Float32Array.of(1, 0, 0, 1, -1, 0.5),
    keys: Float32Array.of(1, 1, -1, 0, 0, -1, 0.5, 0.5, 0.25, 1),
  };
  const opened = async (change: object = {}) => {
    const made = example();
    const asked: unknown[] = [];
    made.source.joint = async (...question) => {
      asked.push(question.filter((one) => !(one instanceof AbortSignal)));
      return plane;
    };
    const stage = stageOf(view, change, made);
    await stage.settle();
    const details = stage.root.querySelector<HTMLDetailsElement>(".steps-joint")!;
    return { ...stage, asked, details };
  };
  const names = (details: Element) => [...details.querySelectorAll("text")].map((one) => one.textContent);

  it("are asked for when they are opened, and not before", async () => {
    const { details, asked, settle, app } = await opened({ query: 2, key: 3 });
    expect(asked).toEqual([]);
    details.open = true;
    await settle();
    expect(asked).toEqual([[0, 0, { query: 2, key: 3 }]]);
    expect(details.querySelectorAll("circle").length).toBe(3);
    expect(details.querySelectorAll("rect").length).toBe(5);
    // 2 · (−1 · 0.5 + 0.5 · 0.5)
    expect(details.textContent).toContain("which have 75 % of it");
    expect(details.textContent).toContain("these two axes give “ask2” and “key<3” −0.50");
    expect(names(details)).toEqual(expect.arrayContaining(["ask2", "key<3"]));
    app.store.set({ query: 0 });
    await settle();
    expect(asked.length).toBe(1);
    expect(names(details)).toContain("ask0");
  });

  it("keep those of what is looked at, when others come after it was turned back to", async () => {
    const made = example();
    const late: (() => void)[] = [];
    const some = (...places: number[]): Joint => ({ ...plane, queryPlaces: places });
    made.source.joint = async (_map, _head, _signal, at) => {
      if (at?.query !== 1) return some(0, 2);
      await new Promise<void>((done) => late.push(done));
      return some(1);
    };
    const stage = stageOf(view, { query: 2, key: 3 }, made);
    await stage.settle();
    const details = stage.root.querySelector<HTMLDetailsElement>(".steps-joint")!;
    details.open = true;
    await stage.settle();
    stage.app.store.set({ query: 1 });
    await stage.settle();
    stage.app.store.set({ query: 2 });
    await stage.settle();
    for (const answer of late) answer();
    await stage.settle();
    expect(late.length).toBe(1);
    expect(names(details)).toContain("ask2");
    expect(stage.errors).toEqual([]);
  });

  it("name what is under the pointer, here and in the table, and are chosen by a click", async () => {
    const { details, settle, app, root } = await opened({ query: 2, key: 3 });
    details.open = true;
    await settle();
    const over = (one: Element | null) => one?.dispatchEvent(new Event("pointerover", { bubbles: true }));
    expect(names(details)).not.toContain("ask1");
    over(details.querySelector("circle[data-at='1']"));
    expect(names(details)).toContain("ask1");
    over(root.querySelector(".steps-queries button[data-at='0']"));
    expect(names(details)).toContain("ask0");
    expect(names(details)).not.toContain("ask1");
    details.querySelector("rect[data-at='4']")?.dispatchEvent(new Event("click", { bubbles: true }));
    expect(app.store.state).toMatchObject({ query: 2, key: 4 });
  });
});
