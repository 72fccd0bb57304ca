import { describe, expect, it } from "vitest";
import type { Manifest } from "../src/contract";
import { isOfPair, shownBy } from "../src/shown";
import { initialState } from "../src/store";
import { smallExample } from "./dense_source";

const { manifest } = smallExample();
const tokens = ["[CLS]", "the", "cat", "[SEP]", "it", "sl", "##ept", "[SEP]"];
const texts = {
  title: "tokens",
  tokens,
  spellings: null,
  special: [0, 3, 7],
  words: [0, 1, 2, 3, 4, 5, 7],
  wordTexts: ["[CLS]", "the", "cat", "[SEP]", "it", "slept", "[SEP]"],
  characters: null,
  characterTexts: null,
};
const spans: [number, number][] = [
  [0, 4],
  [4, 8],
];
const pair: Manifest = {
  ...manifest,
  axes: { text: { ...texts, bands: [{ name: "segments", spans, texts: ["sentence A", "sentence B"] }] } },
  maps: [{ ...manifest.maps[0], queries: 8, keys: 8, rowAxes: ["text"], columnAxis: "text", kind: "self" }],
};
const state = initialState(pair);

const seen = (change: object) => {
  const { rows, columns } = shownBy(pair, { ...state, ...change });
  const labels = (units: typeof rows) => Array.from({ length: units.count }, (_, at) => units.label(at)).join(" ");
  return [labels(rows), labels(columns)];
};

describe("a pair of sentences", () => {
  it("is seen by what one looks at in the other, in any unit", () => {
    expect(seen({ pair: "a-b" })).toEqual(["[CLS] the cat [SEP]", "it sl ##ept [SEP]"]);
    expect(seen({ pair: "b-a", unit: "words" })).toEqual(["it slept [SEP]", "[CLS] the cat [SEP]"]);
    expect(seen({ pair: "b-b", special: "hidden" })).toEqual(["it sl ##ept", "it sl ##ept"]);
    expect(seen({ pair: "all" })[0]).toBe(tokens.join(" "));
    const { columns } = shownBy(pair, { ...state, pair: "a-b" });
    expect(columns.cells(0, 4, 4)).toEqual({ starts: [4, 5, 6, 7], stops: [5, 6, 7, 8] });
    expect([columns.unitOf(5), columns.unitOf(2)]).toEqual([1, -1]);
  });

  it("is what both sides say; elsewhere the filter does nothing", () => {
    expect(isOfPair(pair, pair.maps[0], state)).toBe(true);
    expect(isOfPair(manifest, manifest.maps[0], state)).toBe(false);
    expect(shownBy(manifest, { ...initialState(manifest), pair: "a-b" }).rows.count).toBe(10);
  });
});
