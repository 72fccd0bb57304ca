import { describe, expect, it } from "vitest";
import { lookAt, pinHere, pinsOf, pinsText, standsOn, toggled } from "../src/pins";
import { initialState } from "../src/store";
import { smallExample } from "./dense_source";

const { manifest } = smallExample();
const state = initialState(manifest);

describe("pins", () => {
  it("are what is under the crosshair, once each", () => {
    expect(pinHere({ map: 0, query: null, key: null })).toBeNull();
    const pair = pinHere({ map: 0, query: 3, key: 5 })!;
    const row = pinHere({ map: 0, query: 3, key: null })!;
    const both = toggled(toggled([], pair), row);
    expect(both).toEqual([pair, row]);
    expect(toggled(both, { ...pair })).toEqual([row]);
  });

  it("stand on maps of the same axes", () => {
    expect(standsOn(manifest, { map: 0, query: 3, key: 5 }, 1)).toBe(true);
    expect(standsOn(manifest, { map: 0, query: 3, key: 5 }, 2)).toBe(false);
    expect(standsOn(manifest, { map: 0, query: 3, key: null }, 2)).toBe(true);
  });

  it("are looked at where they stand, else on their own map", () => {
    expect(lookAt({ map: 0, query: 3, key: 5 }, { ...state, map: 1 }, manifest)).toEqual({
      query: 3,
      key: 5,
      pinned: true,
    });
    const gone = lookAt({ map: 0, query: 3, key: 5 }, { ...state, map: 2, heads: [1] }, manifest);
    expect(gone).toMatchObject({ map: 0, heads: [1], query: 3, key: 5, viewport: null });
  });

  it("go through links, without those that are not there", () => {
    const pins = [
      { map: 0, query: 3, key: 5 },
      { map: 2, query: null, key: 9 },
      { map: 1, query: 0, key: null },
    ];
    expect(pinsText(pins)).toBe("0.3-5,2.-9,1.0-");
    expect(pinsOf(pinsText(pins), manifest)).toEqual(pins);
    expect(pinsOf("0.3-5,0.3-5,0.99-1,0.1-99,7.1-1,0.-,x,0.1-1.5", manifest)).toEqual([pins[0]]);
  });
});
