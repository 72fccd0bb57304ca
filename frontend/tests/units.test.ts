import { describe, expect, it } from "vitest";
import { cellEnds, Units } from "../src/units";
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

  it("leave out special tokens where they are hidden", () => {
    const units = new Units(axis, "words", true);
    expect(units.count).toBe(6);
    expect(units.unitOf(8)).toBe(-1);
    expect(new Units(axis, "tokens", true).count).toBe(8);
  });
});
