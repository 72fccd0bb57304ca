// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { together } from "../src/compare/two_documents";
import type { Axis, FindingInfo, Manifest, Source } from "../src/contract";
import { initialState } from "../src/store";
import { view } from "../src/views/finding";
import { view as map } from "../src/views/map";
import { view as text } from "../src/views/text";
import { denseSource, smallExample } from "./dense_source";
import { press, type Stage, stageOf } from "./mounting";

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = () => null;
  HTMLCanvasElement.prototype.toDataURL = () => "data:,";
});
afterEach(() => document.body.replaceChildren());

function axis(title: string, tokens: string[]): Axis {
  const plain = { spellings: null, words: null, wordTexts: null, characters: null, characterTexts: null };
  return { title, tokens, special: [], ...plain };
}

/** The small example with a finding beside it: map 3, of two heads. */
function example(
  finding: object,
  rows: string[],
  columns: string[],
  heads: number[][],
): { manifest: Manifest; source: Source } {
  const { manifest } = smallExample();
  const info = {
    ...{
      ...manifest.maps[0],
      name: "found",
      kind: "map" as const,
      layer: null,
      heads: heads.length,
      meaning: "numbers",
    },
    ...{ queries: rows.length, keys: columns.length, rowAxes: ["rows"], columnAxis: "columns", statistics: {} },
  };
  const whole: Manifest = {
    ...manifest,
    maps: [...manifest.maps, info],
    axes: { ...manifest.axes, rows: axis("rows", rows), columns: axis("columns", columns) },
    finding: { maps: [3], ...finding } as FindingInfo,
  };
  const nothing = manifest.maps.map(({ queries, keys }) => [0, 1].map(() => new Float32Array(queries * keys)));
  return { manifest: whole, source: denseSource(whole, [...nothing, heads.map((one) => Float32Array.from(one))]) };
}

const passages = (change: object = {}) =>
  example(
    {
      ...{ kind: "passages", axis: "source", statistics: ["lift", "mass", "density"], rest: 4, rows: 3, heads: 2 },
      passages: [
        { name: "cat", runs: [[0, 2]], tokens: 2, first: [1, 0, 1] },
        { name: "</mark><script>", runs: [[5, 8]], tokens: 3, first: [1, 2, 1] },
      ],
      ...change,
    },
    ["lift", "mass", "density"],
    ["cat", "mat", "(rest)"],
    [
      [2, 0.5, 0, 0.2, 0.5, 0.3, 0.1, 0.2, 0],
      [1, 1.5, 0, 0.4, 0.1, 0.5, 0.2, 0.1, 0],
    ],
  );

const lines = ({ root }: Stage) => [...root.querySelectorAll<HTMLButtonElement>(".finding-line")];
const namesOf = (stage: Stage) => lines(stage).map((one) => one.querySelector(".finding-name")!.textContent);

describe("passages", () => {
  it("stand ranked, with their numbers of the heads that are chosen", async () => {
    const stage = stageOf(view, { map: 3, heads: [0, 1], query: 0 }, passages({ effects: [-0.5, 0.25] }));
    await stage.settle();
    expect(namesOf(stage)).toEqual(["cat", "</mark><script>"]);
    const first = lines(stage)[0].textContent;
    expect(first).toContain("lift 1.50 · mass 0.30 · density 0.15 · effect −0.50");
    expect(first).toContain("2 tokens · first in 1 of 2 heads");
    expect(Number.parseFloat(stage.root.querySelector<HTMLElement>(".finding-even")!.style.left)).toBeCloseTo(
      100 / 1.5,
      3,
    );
    stage.app.store.set({ heads: [1] });
    await stage.settle();
    expect(namesOf(stage)).toEqual(["</mark><script>", "cat"]);
    expect(lines(stage)[0].textContent).not.toContain("first in");
    expect(stage.errors).toEqual([]);
  });

  it("say that they are read until they are, and what comes late is not taken for what is looked at", async () => {
    const made = passages();
    const waiting: (() => void)[] = [];
    const source: Source = {
      ...made.source,
      async region(request, signal) {
        const found = await made.source.region(request, signal);
        if (request.heads.length === 1) await new Promise<void>((done) => waiting.push(done));
        return found;
      },
    };
    const stage = stageOf(view, { map: 3, heads: [0, 1], query: 0 }, { ...made, source });
    const reading = () => stage.root.querySelector(".finding")!.hasAttribute("data-reading");
    await Promise.resolve();
    expect(reading()).toBe(true);
    await stage.settle();
    expect(reading()).toBe(false);
    stage.app.store.set({ heads: [1] });
    await stage.settle();
    expect(reading()).toBe(true);
    stage.app.store.set({ heads: [0, 1] });
    expect(reading()).toBe(false);
    for (const answer of waiting) answer();
    await stage.settle();
    expect(namesOf(stage)).toEqual(["cat", "</mark><script>"]);
    expect(reading()).toBe(false);
  });

  it("are ranked by another number with r, walked through by arrows, and marked in their text", async () => {
    const stage = stageOf(view, { map: 3, heads: [0, 1], query: 0 }, passages());
    await stage.settle();
    press(stage.view, "r");
    expect(stage.app.store.state.query).toBe(1);
    expect(stage.said.at(-1)).toBe("ranked by mass");
    press(stage.view, "End");
    expect(stage.app.store.state.key).toBe(1);
    const marks = [...stage.root.querySelectorAll<HTMLElement>("mark")];
    expect(marks.map((one) => one.textContent)).toEqual(["The cat", "the mat."]);
    expect(marks.map((one) => one.hasAttribute("data-chosen"))).toEqual([false, true]);
    expect(stage.said.at(-1)).toBe("</mark><script>: lift 1.00, mass 0.30, density 0.15");
    marks[0].click();
    expect(stage.app.store.state.key).toBe(0);
    expect(stage.root.querySelector(".finding-text")!.textContent).toBe("The cat sat on the mat. </s> ");
  });

  it("are a table and a picture, in which texts are texts", async () => {
    const stage = stageOf(view, { map: 3, heads: [0, 1], query: 0 }, passages({ effects: [-0.5, 0.25] }));
    await stage.settle();
    const table = await stage.view.table();
    expect(table.columns).toEqual(["passage", "tokens", "lift", "mass", "density", "effect"]);
    expect(table.rows[1]).toEqual(["</mark><script>", "3", "1.00", "0.30", "0.15", "0.25"]);
    const parsed = new DOMParser().parseFromString(await stage.view.svg(), "image/svg+xml");
    expect(parsed.querySelector("parsererror, script")).toBeNull();
    const texts = [...parsed.querySelectorAll("text")];
    expect(texts.map((one) => one.textContent)).toContain("cat");
    const width = Number(parsed.documentElement.getAttribute("width"));
    for (const one of texts)
      expect(Number(one.getAttribute("x")) + 6 * one.textContent!.length, one.textContent!).toBeLessThan(width);
  });

  it("say how well they agree with effects, and where their text is not known", async () => {
    const made = passages({ agreement: { lift: -0.5 } });
    delete (made.manifest.finding as { axis?: string }).axis;
    const stage = stageOf(view, { map: 3, heads: [0, 1], query: 0 }, made);
    await stage.settle();
    expect(stage.root.querySelector(".finding-said")!.textContent).toContain("ranks agree with effects: lift −0.50");
    expect(stage.root.querySelector(".finding-text")!.textContent).toContain("record with tokenizer=");
  });
});

describe("words in a sound", () => {
  const times = () =>
    example(
      {
        ...{
          kind: "times",
          seconds: 0.5,
          entropy: [0.1, 1.3, 0.2],
          path: [
            [0, 1, 2, 2],
            [0, 1, 2, 3],
          ],
        },
        words: [
          ["Ask", 0, 0.5],
          ["nothing", 0.5, 2],
        ],
        tokens: [
          [0, 0.5],
          [0.5, 1],
          [1, 2],
        ],
        sound: { low: [-100, -20], high: [50, 30], seconds: 2 },
      },
      ["Ask", "noth", "ing"],
      ["0", "1", "2", "3"],
      [[3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 3]],
    );

  it("stand where they were said, and their row is told when they are chosen", async () => {
    const stage = stageOf(view, { map: 3, heads: [0], query: 0 }, times());
    await stage.settle();
    const words = [...stage.root.querySelectorAll<HTMLButtonElement>(".finding-words button")];
    expect(words.map((one) => one.getAttribute("aria-label"))).toEqual([
      "Ask, 0.00 s to 0.50 s",
      "nothing, 0.50 s to 2.00 s",
    ]);
    const { left, width } = words[1].parentElement!.style;
    expect(Number.parseFloat(width) / Number.parseFloat(left)).toBeCloseTo(3, 4);
    press(stage.view, "ArrowRight");
    expect(stage.app.store.state.query).toBe(1);
    expect(document.activeElement).toBe(words[1]);
    expect(stage.said.at(-1)).toContain("entropy 1.30 nats of 1.39: it looked everywhere, and says no time");
    stage.app.store.set({ query: 2 }); // the second token of the word
    expect(words[1].getAttribute("aria-pressed")).toBe("true");
    expect(stage.root.querySelectorAll("svg polygon").length).toBe(1);
    expect(stage.errors).toEqual([]);
  });

  it("are a table, and a picture with the words in it; without a sound it says what to give", async () => {
    const made = times();
    delete (made.manifest.finding as { sound?: object }).sound;
    const stage = stageOf(view, { map: 3, heads: [0], query: 0 }, made);
    await stage.settle();
    expect(stage.root.querySelector(".finding-said")!.textContent).toContain("give sound=(samples, samples a second)");
    expect((await stage.view.table()).rows[1]).toEqual(["nothing", "0.50", "2.00"]);
    const parsed = new DOMParser().parseFromString(await stage.view.svg(), "image/svg+xml");
    expect([...parsed.querySelectorAll("text")].map((one) => one.textContent)).toContain("nothing");
  });
});

describe("contacts", () => {
  const contacts = () =>
    example(
      {
        kind: "contacts",
        axis: "columns",
        apart: 2,
        pairs: [
          [0, 3, 0.9],
          [1, 3, 0.2],
        ],
        known: [true, false],
      },
      ["M", "K", "V", "L"],
      ["M", "K", "V", "L"],
      [Array.from({ length: 16 }, (_, at) => at / 16)],
    );

  it("lead to their place in the map, below the diagonal", async () => {
    const stage = stageOf(view, { map: 3, view: "finding", heads: [0] }, contacts());
    await stage.settle();
    expect(namesOf(stage)).toEqual(["M 1 – L 4", "K 2 – L 4"]);
    expect(lines(stage)[0].textContent).toContain("✓ touches in the structure");
    expect(stage.root.querySelector(".finding-said")!.textContent).toContain("1 of them touch in the known structure");
    lines(stage)[0].click();
    expect(stage.app.store.state).toMatchObject({ view: "map", query: 3, key: 0, pinned: true });
    expect((await stage.view.table()).rows).toEqual([
      ["M 1", "L 4", "0.90", "yes"],
      ["K 2", "L 4", "0.20", "no"],
    ]);
  });
});

describe("caches", () => {
  it("are a line a policy, with how few keys do, and a text that says the numbers", async () => {
    const made = example(
      {
        ...{ kind: "cache", policies: ["tova", "snapkv"], budgets: [10, 40], prompt: 50, share: 0.95, bytes: 256 },
        enough: [
          [10, 40],
          [null, null],
        ],
      },
      ["tova", "snapkv"],
      ["10", "40"],
      [
        [0.5, 0.96, 0.25, 0.75],
        [1, 1, 0.25, 0.5],
      ],
    );
    const stage = stageOf(view, { map: 3, heads: [0, 1], query: 0 }, made);
    await stage.settle();
    expect(lines(stage)[0].textContent).toContain("2 of 2 heads keep 95 % with 40 of 50 keys or fewer");
    expect(lines(stage)[1].textContent).toContain("no head keeps 95 %");
    const picture = stage.root.querySelector(".finding-chart svg")!;
    expect(picture.getAttribute("aria-label")).toContain("tova 0.75 at 10, 0.98 at 40; snapkv 0.25 at 10, 0.63 at 40");
    expect(picture.querySelectorAll("polyline").length).toBe(2);
    press(stage.view, "ArrowDown");
    expect(stage.app.store.state.query).toBe(1);
    expect(stage.said.at(-1)).toContain("snapkv: no head keeps");
    expect((await stage.view.table()).rows.length).toBe(4);
    const exported = new DOMParser().parseFromString(await stage.view.svg(), "image/svg+xml");
    const texts = [...exported.querySelectorAll("text")].map((one) => one.textContent);
    expect(texts).toContain("tova: 2 of 2 heads keep 95 % with 40 of 50 keys or fewer"); // whose line is whose
  });
});

describe("surveys", () => {
  const survey = () =>
    example(
      {
        kind: "survey",
        texts: [
          ["a.tsv:3", "Go! → Va !"],
          ["a.tsv:9", "</li><script>"],
        ],
        statistics: [
          {
            ...{ name: "previous_token", quantity: "share", meaning: "weight on the token before", edges: [0, 0.5, 1] },
            heads: [
              [0, 0, 0.25, 0.01, 30, [100, 20], [[0.9, 0]], [[0.1, 1]]],
              [1, 0, 0.75, null, 30, [10, 100], [], []],
            ],
          },
        ],
      },
      ["encoder 0", "cross 0"],
      ["head 0"],
      [[0.25, 0.75]],
    );

  it("have their heads sorted, and a head's distribution and texts behind it", async () => {
    const stage = stageOf(view, { map: 3, heads: [0] }, survey());
    await stage.settle();
    expect(lines(stage).map((one) => one.textContent)).toEqual(["cross 0.00.75", "encoder 0.00.25 ± 0.010"]);
    expect(stage.root.querySelector(".finding-said")!.textContent).toContain("weight on the token before");
    lines(stage)[1].click();
    const told = stage.root.querySelector(".finding-told")!;
    expect(told.querySelectorAll("rect").length).toBe(2);
    expect([...told.querySelectorAll("li")].map((one) => one.textContent)).toEqual([
      "0.90  Go! → Va !",
      "0.10  </li><script>",
    ]);
    expect(stage.said.at(-1)).toBe("encoder 0.0: 0.25 ± 0.010");
    lines(stage)[1].click();
    expect(stage.root.querySelector(".finding-told")).toBeNull();
    expect((await stage.view.table()).rows[0]).toEqual(["cross 0.0", "0.75", "", "30"]);
  });
});

describe("a finding", () => {
  it("is looked at with all heads when its view is chosen, and is no attention", () => {
    const { manifest } = passages();
    const state = initialState(manifest);
    expect(view.enter!(manifest, state)).toMatchObject({ map: 3, heads: [0, 1], query: 0 });
    expect(view.enter!(manifest, { ...state, map: 3 })).toEqual({});
    expect(text.unavailable(manifest, { ...state, map: 3 })).toBe("what was measured is no attention");
    expect(map.unavailable(manifest, { ...state, map: 3 })).toBeNull();
    expect(view.unavailable(smallExample().manifest, state)).toBe("nothing was measured: there is no finding here");
    expect(view.meaning({} as never, manifest)).toContain("Lift is 1");
  });

  it("of the second of two documents keeps its maps and its text", () => {
    const transport = { ask: async () => new ArrayBuffer(0), close: () => {} };
    const one = { ...smallExample(), transport, name: "one" };
    const two = { ...passages(), transport, name: "two" };
    const { finding, axes } = together(one, two).manifest;
    expect(finding).toMatchObject({ maps: [6], axis: "beside-source" });
    expect(axes["beside-source"].title).toBe("source tokens");
    expect(together(one, one).manifest.finding).toBeUndefined();
  });
});
