import { describe, expect, it } from "vitest";
import type { Manifest } from "../src/contract";
import { closer, levelsOf, nextLevel } from "../src/nesting";
import { stepsOf } from "../src/places";
import { unitNamesOf } from "../src/shown";
import { initialState } from "../src/store";
import { singular, Units } from "../src/units";
import { smallExample } from "./dense_source";

/** The small example, its source with two sentences, and a passage in the middle: tokens 2 to 4. */
function example(): Manifest {
  const { manifest } = smallExample();
  const bands = [{ name: "passages", spans: [[2, 5]] as [number, number][], texts: ["what it did"] }];
  const axes = { ...manifest.axes, source: { ...manifest.axes.source, sentences: [0, 4, 8], bands } };
  return { ...manifest, axes };
}

describe("units that stand in one another", () => {
  const manifest = example();
  const axis = manifest.axes.source;

  it("are spans that somebody named, what lies between them, and special tokens each by itself", () => {
    const units = new Units(axis, "passages", false);
    expect(Array.from({ length: units.count }, (_, at) => [units.start(at), units.stop(at), units.label(at)])).toEqual([
      [0, 2, "(rest)"],
      [2, 5, "what it did"],
      [5, 8, "(rest)"],
      [8, 9, "</s>"],
    ]);
    expect(units.special(3)).toBe(true);
    expect(new Units(axis, "passages", true).count).toBe(3);
  });

  it("are sentences, with the texts of the words that begin in them", () => {
    const units = new Units(axis, "sentences", false);
    expect([0, 1, 2].map((at) => units.label(at))).toEqual(["The cat sat", "on the mat.", "</s>"]);
  });

  it("go from the largest to tokens", () => {
    expect(unitNamesOf(manifest, manifest.maps[0])).toEqual(["tokens", "words", "sentences", "passages"]);
    expect(levelsOf(manifest, manifest.maps[0]).at(-1)).toBe("tokens");
    expect(levelsOf(manifest, manifest.maps[0])[0]).toBe("sentences");
    expect(singular("passages")).toBe("passage");
    expect(singular("class")).toBe("class");
  });

  it("are looked at closer: what is chosen fills the picture", () => {
    const state = { ...initialState(manifest), unit: "passages", key: 3 };
    expect(closer(manifest, state, "words")).toEqual({
      unit: "words",
      viewport: { top: 0, bottom: 8, left: 2, right: 4 },
    });
    expect(closer(manifest, { ...state, key: null }, "words")).toEqual({ unit: "words", viewport: null });
    const out = nextLevel(manifest, { ...state, unit: "words" }, -1);
    expect(out).toEqual({ unit: "passages", viewport: null });
    expect(nextLevel(manifest, { ...state, unit: "tokens" }, 1)).toBeNull();
  });
});

describe("passes of the model", () => {
  it("are those in which the same module ran for the same sequence, in order", () => {
    const { manifest } = smallExample();
    const [first, other, own] = manifest.maps;
    const later = [3, 1].map((step) => ({ ...first, step }));
    const maps = [first, other, own, ...later, { ...first, item: 1, step: 2 }];
    expect(stepsOf({ ...manifest, maps }, 3)).toEqual([
      { step: 0, map: 0 },
      { step: 1, map: 4 },
      { step: 3, map: 3 },
    ]);
    expect(stepsOf({ ...manifest, maps }, 1)).toEqual([{ step: 0, map: 1 }]);
  });
});
