import { describe, expect, it } from "vitest";
import type { Axis } from "../src/contract";
import { inTurns, MOST_HITS, partsOf, positionOf, searched } from "../src/find/search";

const axisOf = (tokens: string[], words: number[] | null = null, wordTexts: string[] | null = null): Axis => ({
  title: "tokens",
  tokens,
  spellings: null,
  special: [],
  words,
  wordTexts,
  characters: null,
  characterTexts: null,
});

const run = <T>(work: Generator<void, T>): T => {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
};
const found = (axis: Axis, question: string) =>
  run(searched(axis, question)).hits.map(({ start, stop }) => [start, stop]);

const words = axisOf(
  ["▁The", "▁daugh", "ter", "▁raconté", "▁the", "▁STRASSE", ".", "</s>"],
  [0, 1, 3, 4, 5, 6, 7],
  ["The", "daughter", "raconté", "the", "STRASSE", ".", "</s>"],
);

describe("a text", () => {
  it("is found whatever its case and accents, as the words that hold it", () => {
    expect(found(words, "daughter")).toEqual([[1, 3]]);
    expect(found(words, "RACONTE")).toEqual([[3, 4]]);
    expect(found(words, "straße")).toEqual([[5, 6]]);
    expect(found(words, "the")).toEqual([
      [0, 1],
      [4, 5],
    ]);
  });

  it("of several words is found as words in a row", () => {
    expect(found(words, "the daughter")).toEqual([[0, 3]]);
    expect(found(words, "ter racon")).toEqual([[1, 4]]);
    expect(found(words, "the raconté")).toEqual([]);
  });

  it("is no pattern", () => {
    expect(found(words, ".")).toEqual([[6, 7]]);
    expect(found(words, "t.e")).toEqual([]);
    expect(found(words, "(")).toEqual([]);
  });

  it("is looked for in tokens where words are not known", () => {
    expect(found(axisOf(["Ġcat", "Ġsat", "cats"]), "cat")).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it("of nothing but blanks and quotes is found nowhere", () => {
    expect(partsOf('  ""  ')).toEqual(['""']);
    expect(found(words, "   ")).toEqual([]);
  });
});

describe("a number", () => {
  it("is a position, with separators or without, and a text in quotes", () => {
    expect(["70000", "70,000", " 7 ", "7a", "", '"7"', "-1"].map(positionOf)).toEqual([
      70000,
      70000,
      7,
      null,
      null,
      null,
      null,
    ]);
    expect(found(words, "2")).toEqual([[1, 3]]);
    expect(found(words, "8")).toEqual([]);
    expect(found(axisOf(["12", "7", "127"]), '"7"')).toEqual([
      [1, 2],
      [2, 3],
    ]);
  });
});

describe("a long axis", () => {
  it("is looked through in turns, can be given up, and keeps so many places", async () => {
    const long = axisOf(Array.from({ length: 131_072 }, (_, at) => (at % 2 ? "odd" : "even")));
    const { hits, count } = (await inTurns(searched(long, "od"), new AbortController().signal))!;
    expect(count).toBe(65_536);
    expect(hits.length).toBe(MOST_HITS);
    const controller = new AbortController();
    const given = inTurns(searched(axisOf([...long.tokens]), "od"), controller.signal, 0);
    controller.abort();
    expect(await given).toBeNull();
  });
});
