import { describe, expect, it } from "vitest";
import { differenceApp, whyNot } from "../src/compare/difference";
import { inked } from "../src/compare/head_colours";
import { pairedStore, twinOf } from "../src/compare/paired_store";
import { together } from "../src/compare/two_documents";
import type { App, Axis, RegionRequest } from "../src/contract";
import { paletteOf } from "../src/palette";
import { initialState, makeStore } from "../src/store";
import { smallExample } from "./dense_source";

const example = smallExample();
const { manifest } = example;
const storeWith = (change: object) => makeStore({ ...initialState(manifest), ...change });

describe("the state of a second picture", () => {
  it("has a map and heads of its own, and the place of the first", () => {
    const store = storeWith({
      with: { map: 1, heads: [1] },
      query: 3,
      key: 5,
      viewport: { top: 1, bottom: 4, left: 0, right: 3 },
    });
    const other = pairedStore(store, manifest);
    expect(other.state).toMatchObject({ map: 1, heads: [1], query: 3, key: 5, viewport: { top: 1 }, with: null });
    const heard: string[] = [];
    other.subscribe((_, changed) => heard.push([...changed].sort().join()));
    store.set({ query: 4 });
    store.set({ heads: [1] }); // the first picture's own affair
    store.set({ with: { map: 1, heads: [0] } });
    expect(heard).toEqual(["query", "heads"]);
  });

  it("moves the first picture where it is moved, and not where that has other axes", () => {
    const store = storeWith({ with: { map: 1, heads: [0] } });
    const other = pairedStore(store, manifest);
    other.set({ query: 2, key: 7, viewport: { top: 0, bottom: 2, left: 0, right: 2 } });
    expect(store.state).toMatchObject({ map: 0, query: 2, key: 7, viewport: { bottom: 2 } });
    store.set({ with: { map: 2, heads: [0] }, viewport: null });
    other.set({ viewport: { top: 0, bottom: 3, left: 0, right: 3 }, heads: [1] });
    expect(store.state.viewport).toBeNull();
    expect(other.state.viewport).toMatchObject({ bottom: 3 });
    expect(store.state.with).toEqual({ map: 2, heads: [1] });
    other.stop();
    store.set({ query: 5 });
    expect(other.state.query).toBe(2);
  });

  it("looks at the token of the same text, the second at the second", () => {
    const axis = (...tokens: string[]) => ({ tokens }) as unknown as Axis;
    const [one, two] = [axis("▁the", "▁old", "▁man", "▁the", "▁hill"), axis("The", "hill", "the", "man", "THE")];
    expect([0, 1, 2, 3, 4].map((token) => twinOf(one, two, token))).toEqual([0, null, 3, 2, 1]);
    expect(twinOf(one, axis(...one.tokens), 1)).toBe(1);
  });
});

describe("a difference", () => {
  const app = (): App => ({
    ...example,
    store: storeWith({ heads: [0] }),
    embedded: false,
    palette: paletteOf("light"),
    say: () => {},
    describe: () => {},
    fail: () => {},
  });

  it("is one map's weights less the other's", async () => {
    const made = differenceApp(app(), { map: 0, heads: [0] }, { map: 1, heads: [0, 1] });
    const { state } = made.store;
    expect(made.manifest.maps[state.map]).toMatchObject({ queries: 10, keys: 9, heads: 1, probabilities: false });
    const cells = { rows: { start: 0, stop: 10, count: 10 }, columns: { start: 0, stop: 9, count: 9 } };
    const asked: RegionRequest = {
      map: state.map,
      heads: [0],
      ...cells,
      how: "mean",
      hideSpecial: false,
      renormalise: false,
      sample: 0,
    };
    const { values } = await made.source.region(asked);
    const a = await example.source.region({ ...asked, map: 0 });
    const b = await example.source.region({ ...asked, map: 1, heads: [0, 1] });
    expect([...values]).toEqual([...a.values].map((value, at) => Math.fround(value - b.values[at])));
    expect(Math.min(...values)).toBeLessThan(-0.01);
    const afar = await made.source.overview(state.map);
    expect(afar).toMatchObject({ heads: 1, rows: 10, columns: 9 });
  });

  it("needs as many rows and columns, and says so", () => {
    expect(whyNot(manifest, 0, 1)).toBeNull();
    expect(whyNot(manifest, 0, 2)).toContain("10 × 9 and 10 × 10");
  });
});

describe("heads in colours", () => {
  it("mix where they look at the same, and leave the ground where none does", () => {
    const strengths = [Float32Array.of(0, 1, 0, 1), Float32Array.of(0, 0, 1, 1)];
    for (const name of ["light", "dark"] as const) {
      const palette = paletteOf(name);
      const pixels = inked(strengths, palette);
      const [none, first, second, both] = [0, 1, 2, 3].map((cell) => [...pixels.subarray(4 * cell, 4 * cell + 3)]);
      expect(none).toEqual([...palette.positive.subarray(0, 3)]);
      expect(new Set([none, first, second, both].map(String)).size).toBe(4);
      const light = (rgb: number[]) => rgb.reduce((sum, one) => sum + one, 0);
      const further = (one: number[], two: number[]) =>
        name === "light" ? light(one) < light(two) : light(one) > light(two);
      expect(further(both, first) && further(both, second)).toBe(true);
    }
  });
});

describe("two documents", () => {
  it("are one, whose questions go to the one that is asked about", async () => {
    const asked: string[] = [];
    const side = (name: string) => ({
      ...smallExample(),
      name,
      transport: { ask: async () => new ArrayBuffer(0), close: () => void asked.push(`${name} closed`) },
      source: {
        ...example.source,
        overview: async (map: number) => {
          asked.push(`${name} ${map}`);
          return example.source.overview(map);
        },
      },
    });
    const both = together(side("one"), side("two"));
    expect(both.manifest.maps.map(({ of, item, kind }) => [of, item, kind])).toEqual([
      ["one", 0, "cross"],
      ["one", 0, "cross"],
      ["one", 0, "decoder"],
      ["two", 1, "cross"],
      ["two", 1, "cross"],
      ["two", 1, "decoder"],
    ]);
    const { maps, axes, opening, alignments } = both.manifest;
    expect(maps.every((info) => axes[info.columnAxis] && info.rowAxes.every((name) => axes[name]))).toBe(true);
    expect(opening.with).toEqual({ map: 3, heads: [0] });
    expect(alignments.map(({ item }) => item)).toEqual([0, 1]);
    await both.source.overview(2);
    await both.source.overview(4);
    const cells = { rows: { start: 0, stop: 10, count: 10 }, columns: { start: 0, stop: 9, count: 9 } };
    const request: RegionRequest = {
      map: 3,
      heads: [1],
      ...cells,
      how: "mean",
      hideSpecial: false,
      renormalise: false,
      sample: 0,
    };
    const found = await both.source.region(request);
    expect(found.values).toEqual((await example.source.region({ ...request, map: 0 })).values);
    both.transport.close();
    expect(asked).toEqual(["one 2", "two 1", "one closed", "two closed"]);
  });
});
