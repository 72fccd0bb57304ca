// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { together } from "../src/compare/two_documents";
import type { EffectRow, EffectsInfo, Manifest, Source } from "../src/contract";
import { statisticText } from "../src/labels";
import { initialState, makeStore } from "../src/store";
import { view } from "../src/views/effects";
import { scaleOf, signed } from "../src/views/effects/scale";
import { view as ribbon } from "../src/views/ribbon";
import { denseSource, smallExample } from "./dense_source";
import { press, stageOf } from "./mounting";

const SITES = ["0.0", "0.1", "group"];
const PROMPTS = 17;

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = () => null;
});
afterEach(() => document.body.replaceChildren());

function row(site: number, effect: number, change: Partial<EffectRow> = {}): EffectRow {
  const measured = { error: 0.25, low: effect - 0.5, high: effect + 0.5, adjusted: 0.001 };
  const rest = { prompts: PROMPTS, unchanged: 1, changed: 1 + effect, otherSign: 0.0625 };
  return { site, effect, ...measured, ...rest, ...change };
}

/** The small example with two measures of three sites beside it: maps 3 and 4, of which the first two sites are heads of map 1. */
function example(): { manifest: Manifest; source: Source; values: Float32Array } {
  const { manifest } = smallExample();
  const axis = (title: string, tokens: string[]) => ({
    ...{ title, tokens, special: [], spellings: null },
    ...{ words: null, wordTexts: null, characters: null, characterTexts: null },
  });
  const maps = ["loss", "kl"].map((name) => ({
    ...{ ...manifest.maps[0], name, kind: "map" as const, layer: null, item: 1, heads: 1, probabilities: false },
    ...{ hides: false, queries: 3, keys: PROMPTS, rowAxes: ["sites"], columnAxis: "prompts", statistics: {} },
  }));
  const effects: EffectsInfo = {
    estimated: false,
    sites: SITES.map((name, head) => (head < 2 ? { name, map: 1, head } : { name, map: null, head: null })),
    prompts: Array.from({ length: PROMPTS }, (_, at) => ({ name: `prompt ${at}`, text: at % 2 ? `text ${at}` : "" })),
    measures: [
      {
        ...{ map: 3, name: "loss", adjusted: "Holm over 3 sites" },
        rows: [row(1, -3), row(2, 1.5, { absent: [4], prompts: PROMPTS - 1 }), row(0, 0.01, { adjusted: 0.4 })],
      },
      { map: 4, name: "kl", adjusted: "Holm over 3 sites", rows: [row(0, 2), row(1, 1), row(2, 0.5)] },
    ],
  };
  const whole: Manifest = {
    ...manifest,
    ...{ maps: [...manifest.maps, ...maps], items: [...manifest.items, "effects"], effects },
    axes: {
      ...manifest.axes,
      sites: axis("sites", SITES),
      prompts: axis(
        "prompts",
        effects.prompts.map(({ name }) => name),
      ),
    },
  };
  const values = Float32Array.from({ length: 3 * PROMPTS }, (_, at) => ((at * 7) % 23) - 11);
  const nothing = manifest.maps.map(({ queries, keys }) => [0, 1].map(() => new Float32Array(queries * keys)));
  return { manifest: whole, source: denseSource(whole, [...nothing, [values], [values.map((one) => -one)]]), values };
}

const lines = (root: HTMLElement) => [...root.querySelectorAll<HTMLElement>(".effects-sites > li")];
const toggles = (root: HTMLElement) => [...root.querySelectorAll<HTMLButtonElement>(".effects-toggle")];
const numbers = (root: HTMLElement) =>
  [...root.querySelectorAll(".effects-prompts .effects-number")].map((one) => one.textContent);

describe("the effects", () => {
  it("stand with the strongest first, and say how sure they are", () => {
    const { root } = stageOf(view, { map: 3 }, example());
    expect(toggles(root).map((one) => one.getAttribute("aria-label"))).toEqual([
      "0.1: −3.00 ± 0.25, surely not 0; prompts",
      "group: +1.50 ± 0.25, surely not 0; prompts",
      "0.0: +0.010 ± 0.25; prompts",
    ]);
    expect(lines(root).map((one) => one.querySelector(".effects-dot")!.className)).toEqual([
      "effects-dot sure",
      "effects-dot sure",
      "effects-dot",
    ]);
    const [bar] = root.querySelectorAll<HTMLElement>(".effects-interval");
    const scale = scaleOf(example().manifest.effects!.measures[0].rows);
    expect(Number.parseFloat(bar.style.left)).toBeCloseTo(100 * scale.at(-3.5), 4);
    expect(Number.parseFloat(bar.style.width)).toBeCloseTo(100 * (scale.at(-2.5) - scale.at(-3.5)), 4);
  });

  it("open their prompts with a click, sorted the way of the effect, and the other way round", async () => {
    const made = example();
    const stage = stageOf(view, { map: 3 }, made);
    toggles(stage.root)[0].click();
    await stage.settle();
    const own = [...made.values.slice(PROMPTS, 2 * PROMPTS)].sort((one, two) => one - two);
    expect(numbers(stage.root)).toEqual(own.slice(0, 12).map((value) => signed(value)));
    expect(stage.app.store.state).toMatchObject({ map: 3, query: 1, pinned: true });
    expect(toggles(stage.root).map((one) => one.getAttribute("aria-expanded"))).toEqual(["true", "false", "false"]);
    const more = [...stage.root.querySelectorAll<HTMLButtonElement>(".effects-prompts button")].at(-1)!;
    expect(more.textContent).toBe("5 more");
    more.click();
    expect(numbers(stage.root).length).toBe(PROMPTS);
    expect(document.activeElement?.tagName).toBe("LI");
    press(stage.view, "r");
    expect(numbers(stage.root)).toEqual(own.reverse().map((value) => signed(value)));
    toggles(stage.root)[0].click();
    expect(stage.root.querySelector(".effects-prompts")).toBeNull();
    expect(stage.errors).toEqual([]);
  });

  it("leave out prompts that have none, and name those whose text is not known", async () => {
    const stage = stageOf(view, { map: 3, query: 2 }, example());
    await stage.settle();
    const said = [...stage.root.querySelectorAll(".effects-prompts .effects-text")].map((one) => one.textContent);
    expect(stage.root.querySelector(".effects-prompts button")!.textContent).toBe("16 prompts, highest first");
    expect(said.some((text) => text === "prompt 4")).toBe(false);
    expect(said).toContain("text 5 prompt 5");
    expect(said).toContain("prompt 2");
  });

  it("lead to the map of a head where there is one", () => {
    const stage = stageOf(view, { map: 3, view: "effects", query: 1 }, example());
    const names = [...stage.root.querySelectorAll<HTMLButtonElement>("button.effects-name")];
    expect(names.map((one) => one.getAttribute("aria-label"))).toEqual(["0.1: open its map", "0.0: open its map"]);
    names[0].click();
    expect(stage.app.store.state).toMatchObject({ view: "map", map: 1, heads: [1], query: null });
  });

  it("are walked through by keys, one stop of the tab key", () => {
    const stage = stageOf(view, { map: 3, view: "effects" }, example());
    press(stage.view, "ArrowDown");
    expect(document.activeElement).toBe(toggles(stage.root)[1]);
    expect(stage.described.at(-1)).toContain("group: +1.50 ± 0.25 on loss · interval +1.00 to +2.00");
    press(stage.view, "End");
    expect(toggles(stage.root).map((one) => one.tabIndex)).toEqual([-1, -1, 0]);
    press(stage.view, "Enter");
    expect(stage.app.store.state.query).toBe(0);
    press(stage.view, "o");
    expect(stage.app.store.state).toMatchObject({ view: "map", map: 1, heads: [0] });
    expect(press(stage.view, "x")).toBe(false);
  });

  it("are those of the measure whose map is looked at", () => {
    const stage = stageOf(view, { map: 3 }, example());
    stage.app.store.set({ map: 4 });
    expect(toggles(stage.root)[0].getAttribute("aria-label")).toBe("0.0: +2.00 ± 0.25, surely not 0; prompts");
  });

  it("are a table, and a picture in which texts are texts", async () => {
    const made = example();
    made.manifest.effects!.sites[1].name = "</svg><script>";
    const stage = stageOf(view, { map: 3 }, made);
    const table = await stage.view.table();
    expect(table.rows[1]).toEqual(["group", "+1.50", "0.25", "+1.00", "+2.00", "0.0010", "+1.00", "+2.50", "16"]);
    const parsed = new DOMParser().parseFromString(await stage.view.svg(), "image/svg+xml");
    expect(parsed.querySelector("parsererror, script")).toBeNull();
    expect([...parsed.querySelectorAll("text")].map((one) => one.textContent)).toContain("−3.00 ± 0.25");
    expect(parsed.querySelectorAll("circle").length).toBe(3);
  });
});

describe("what a map of effects is", () => {
  it("is looked at when the view is chosen from elsewhere, and stays where it is looked at", () => {
    const { manifest } = example();
    const state = initialState(manifest);
    expect(view.enter!(manifest, state)).toMatchObject({ map: 3, heads: [0], query: 1 });
    expect(view.enter!(manifest, { ...state, map: 4 })).toEqual({});
  });

  it("is no attention", () => {
    const { manifest } = example();
    const state = initialState(manifest);
    expect(ribbon.unavailable(manifest, { ...state, map: 3 })).toBe("effects are no attention");
    expect(ribbon.unavailable(manifest, state)).toBeNull();
    expect(view.unavailable(manifest, state)).toBeNull();
    expect(view.unavailable(smallExample().manifest, state)).toBe("nothing was replaced: there are no effects here");
  });

  it("gives heads numbers with errors", () => {
    expect(statisticText({ errors: { effect: [0.125, null] } }, "effect", 0, -1.5)).toBe("-1.50 ± 0.13");
    expect(statisticText({ errors: { effect: [0.125, null] } }, "effect", 1, -1.5)).toBe("-1.50");
    expect(statisticText({}, "entropy", 0, 1.5)).toBe("1.50");
  });
});

it("of the second of two documents keep their maps and those of their heads", () => {
  const transport = { ask: async () => new ArrayBuffer(0), close: () => {} };
  const one = { ...smallExample(), transport, name: "one" };
  const two = { ...example(), transport, name: "two" };
  const count = one.manifest.maps.length;
  const { effects } = together(one, two).manifest;
  expect(effects!.measures.map(({ map }) => map)).toEqual([3 + count, 4 + count]);
  expect(effects!.sites.map(({ map }) => map)).toEqual([1 + count, 1 + count, null]);
  expect(together(two, one).manifest.effects).toEqual(two.manifest.effects);
  expect(together(one, one).manifest.effects).toBeUndefined();
});

it("who has left hears no more of the change that made it leave", () => {
  const store = makeStore(initialState(smallExample().manifest));
  const heard: string[] = [];
  store.subscribe(() => leave());
  const leave = store.subscribe(() => heard.push("left"));
  store.set({ map: 1 });
  expect(heard).toEqual([]);
});
