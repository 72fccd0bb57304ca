import { describe, expect, it } from "vitest";
import type { State } from "../src/contract";
import { addressOf, stateOf } from "../src/shell/address";
import { fileName, tabSeparated } from "../src/shell/saving";
import { initialState } from "../src/store";
import { smallExample } from "./dense_source";

const { manifest } = smallExample();
const start = initialState(manifest);

describe("the address", () => {
  it("is empty where nothing differs from the start", () => {
    expect(addressOf(start, start)).toBe("");
    expect(stateOf("", manifest, start)).toEqual(start);
  });

  it("gives back every part of a state", () => {
    const state: State = {
      view: "ribbon",
      map: 2,
      heads: [0, 1],
      unit: "words",
      special: "hidden",
      renormalise: true,
      rowAxis: 1,
      scale: "log",
      how: "max",
      viewport: { top: 0.5, bottom: 3.125, left: -1, right: 7 },
      query: 3,
      key: 0,
      pinned: true,
      direction: "to",
      threshold: 0.3,
      limits: [0.001, 0.25],
      sort: "entropy",
      thumbnails: "mean",
      pins: [
        { map: 0, query: 3, key: 5 },
        { map: 2, query: null, key: 9 },
      ],
      find: "the cat & <b>",
      pair: "b-a",
      with: { map: 1, heads: [0, 1] },
      compare: "difference",
      several: "colours",
    };
    const address = addressOf(state, start);
    expect(Object.keys(state).every((name) => address.includes(`${name}=`))).toBe(true);
    expect(stateOf(address, manifest, start)).toEqual(state);
    expect(stateOf(addressOf(start, state), manifest, state)).toEqual(start);
  });

  it("leaves out what is not there or in no known words", () => {
    for (const wrong of [
      "#view=__proto__&map=3&heads=7&unit=letters&special=1",
      "#map=-1&heads=&rowAxis=2&query=10&key=9&threshold=2&sort=constructor",
      "#viewport=1,2,3&pinned=yes&scale=<script>&viewport=0,0,0,0",
      "#viewport=5,2,0,4",
      "#viewport=0,1e9,0,4",
      "#map=1.5&heads=0,x&threshold=NaN",
      "#%E0%A4%A&&&==",
      "#pins=0.99-1,x&with=9.0&pair=c-d&compare=1&several=",
      "#with=1.7",
      "#with=1.",
      `#heads=${"9".repeat(400)}`,
    ])
      expect(stateOf(wrong, manifest, start), wrong).toEqual(start);
  });

  it("of another map does not keep the place of the first", () => {
    const opened: State = { ...start, heads: [1], query: 8, viewport: { top: 1, bottom: 2, left: 1, right: 2 } };
    expect(stateOf("#map=2", manifest, opened)).toMatchObject({ map: 2, heads: [0], query: null, viewport: null });
  });
});

describe("what is saved", () => {
  it("has names that every file system takes", () => {
    expect(fileName(["The cat/../sat <b>", "cross layer 0, head 1", "map"], "png")).toBe(
      "The-cat-sat-b_cross-layer-0-head-1_map.png",
    );
    expect(fileName(["\u202e\u0000..", ""], "svg")).toBe("attention.svg");
    expect(fileName(["x".repeat(500)], "svg").length).toBeLessThan(70);
    expect(fileName(["猫は座った"], "svg")).toBe("猫は座った.svg");
  });

  it("keeps cells of a table in their columns", () => {
    const table = { caption: "", columns: ["a", "b"], rows: [["x\ty", "1\n2"]] };
    expect(tabSeparated(table)).toBe("a\tb\nx y\t1 2");
  });
});
