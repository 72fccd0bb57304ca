import { describe, expect, it } from "vitest";
import { cellEnds, Units, unitsOf } from "../src/units";
import { smallExample } from "./dense_source";

const { manifest } = smallExample();
const axis = manifest.axes.source;

describe("units of an axis", () => {
  it("are its tokens", () => {
    const units = new Units(axis, "tokens", false);
    expect(units.count).toBe(9);
    expect(units.label(3)).toBe("at");
    expect(units.cells(2, 9, 3)).toEqual({ start: 2, stop: 9, count: 3 });
    expect(cellEnds(units.cells(2, 9, 3))).toEqual({ starts: [2, 4, 6], stops: [4, 6, 9], count: 3 });
  });

  it("are its words, and know which tokens they are made of", () => {
    const units = new Units(axis, "words", false);
    expect(units.count).toBe(7);
    expect([units.start(2), units.stop(2), units.label(2)]).toEqual([2, 4, "sat"]);
    expect([0, 3, 8].map((token) => units.unitOf(token))).toEqual([0, 2, 6]);
    expect(units.cells(0, 7, 2)).toEqual({ starts: [0, 4], stops: [4, 9] });
  });

  it("are characters that several tokens make", () => {
    const bytes = {
      title: "tokens",
      tokens: ["▁⟨E4⟩", "⟨BD⟩", "⟨A0⟩", "好", "<s>"],
      spellings: ["Ġä", "½", "ł", "å¥½", "<s>"],
      special: [4],
      words: [0, 4],
      wordTexts: ["你好", "<s>"],
      characters: [0, 3, 4],
      characterTexts: ["你", "好", "<s>"],
    };
    const units = new Units(bytes, "characters", false);
    expect([0, 1, 2].map((unit) => units.label(unit))).toEqual(["你", "好", "<s>"]);
    expect(units.spelling(0)).toBe("Ġä ½ ł");
    expect(units.unitOf(2)).toBe(0);
    expect(new Units(bytes, "characters", true).count).toBe(2);
    expect(new Units(bytes, "tokens", false).label(1)).toBe("⟨BD⟩");
    expect(new Units(axis, "characters", false).label(3)).toBe("at"); // each token is whole characters: tokens will do
  });

  it("leave out special tokens where they are hidden", () => {
    const units = new Units(axis, "words", true);
    expect(units.count).toBe(6);
    expect(units.unitOf(8)).toBe(-1);
    expect(new Units(axis, "tokens", true).count).toBe(8);
  });

  it("are a span where every token is a word, so that a question about a long row stays short", () => {
    const words = Array.from({ length: 7 }, (_, at) => at);
    const plain = {
      title: "tokens",
      tokens: words.map((at) => `token${at}`),
      spellings: null,
      special: [2],
      words,
      wordTexts: words.map((at) => `word${at}`),
      characters: null,
      characterTexts: null,
    };
    const units = new Units(plain, "words", false);
    expect(units.cells(1, 6, 5)).toEqual({ start: 1, stop: 6, count: 5 });
    expect([units.label(3), units.unitOf(3), units.special(2)]).toEqual(["word3", 3, true]);
    expect(new Units(plain, "words", true).cells(1, 3, 2)).toEqual({ starts: [1, 3], stops: [2, 4] });
  });

  it("are called by their place where they are patches of a picture", () => {
    const patches: [number, number, number][] = [
      [0, 2, 3],
      [0, 2, 4],
    ];
    const one = new Units({ ...axis, patches: [null, ...patches, ...Array(6).fill(null)] }, "tokens", false);
    expect([one.name(0), one.name(1)]).toEqual([axis.tokens[0], "patch row 2, column 3"]);
    const two = new Units({ ...axis, patches: [[1, 0, 0], ...patches, ...Array(6).fill(null)] }, "tokens", false);
    expect([two.name(0), two.name(1)]).toEqual([
      "patch row 0, column 0 of picture 2",
      "patch row 2, column 3 of picture 1",
    ]);
  });

  it("are made once for each way of showing an axis", () => {
    const words = unitsOf(axis, "words", false, null);
    expect(unitsOf(axis, "words", false, null)).toBe(words);
    const others = [
      unitsOf(axis, "tokens", false, null),
      unitsOf(axis, "words", true, null),
      unitsOf(axis, "words", false, [0, 4]),
    ];
    expect(others.map(({ count }) => count)).toEqual([9, 6, 3]);
  });
});
