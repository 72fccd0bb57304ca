import { expect, it } from "vitest";
import type { App, RegionRequest } from "../src/contract";
import { paletteOf } from "../src/palette";
import { PartnerWeights } from "../src/reader/weights";
import { initialState, makeStore } from "../src/store";
import { smallExample } from "./dense_source";

const WORDS = 70_001;
/** What a server listens to (server/safety.py). */
const HEARD = 2 ** 20;

it("a row over very many words is asked for in parts that a server listens to", async () => {
  const { manifest: small, source } = smallExample();
  const tokens = Array.from({ length: 2 * WORDS }, (_, at) => `t${at}`);
  const words = Array.from({ length: WORDS }, (_, at) => 2 * at);
  const axis = { ...small.axes.source, tokens, special: [], words, wordTexts: words.map(String) };
  const info = { ...small.maps[0], queries: tokens.length, keys: tokens.length, rowAxes: ["a"], columnAxis: "a" };
  const manifest = { ...small, axes: { a: axis }, maps: [info] };
  const asked: RegionRequest[] = [];
  const app: App = {
    manifest,
    source: {
      ...source,
      region: async (request) => {
        asked.push(request);
        const starts = "starts" in request.columns ? request.columns.starts : [];
        return { rows: 1, columns: starts.length, values: Float32Array.from(starts), sampled: 0, every: 1 };
      },
    },
    store: makeStore({ ...initialState(manifest), unit: "words", query: 8 }),
    embedded: false,
    palette: paletteOf("light"),
    say: () => {},
    describe: () => {},
    fail: () => {},
  };
  const { ofQuery } = await new PartnerWeights(app).read(new AbortController().signal);
  expect([...(ofQuery ?? [])]).toEqual(words); // each word's first token stands for its weight here
  expect(asked.length).toBeGreaterThan(1);
  for (const request of asked) expect(JSON.stringify(request).length).toBeLessThan(HEARD);
});
