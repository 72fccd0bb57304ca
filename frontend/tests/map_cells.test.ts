import { describe, expect, it } from "vitest";
import type { MapInfo } from "../src/contract";
import { shownBy } from "../src/shown";
import { initialState } from "../src/store";
import { cellEnds, Units } from "../src/units";
import { convertViewport } from "../src/views/map/axes";
import {
  cellOf,
  cellsOf,
  gridOf,
  gridsOf,
  howOf,
  MOST_CELLS,
  massPerUnit,
  preview,
  tokensOf,
} from "../src/views/map/cells";
import { readCells } from "../src/views/map/question";
import { smallExample } from "./dense_source";

const { manifest, source } = smallExample();
const state = initialState(manifest);

const axisOf = (size: number) => ({
  title: "tokens",
  tokens: Array.from({ length: size }, (_, at) => `t${at}`),
  special: [],
  words: null,
  wordTexts: null,
  spellings: null,
  characters: null,
  characterTexts: null,
});

describe("cells", () => {
  it("are single units where these have a pixel, else powers of two that begin at their multiples", () => {
    expect(gridOf(3.2, 17.9, 101, 8, 1)).toEqual({ first: 3, last: 18, step: 1, count: 15 });
    expect(gridOf(3.2, 17.9, 101, 0.3, 1)).toEqual({ first: 0, last: 20, step: 4, count: 5 });
    expect(gridOf(95, 101, 101, 0.3, 1)).toEqual({ first: 92, last: 101, step: 4, count: 3 });
  });

  it("cut the axis without holes, in tokens", () => {
    for (const units of [
      new Units(axisOf(101), "tokens", false),
      new Units(manifest.axes.source, "words", true),
      new Units({ ...axisOf(101), special: [0, 50, 100] }, "tokens", true),
    ]) {
      const grid = gridOf(0, units.count, units.count, 0.3, 1);
      const { starts, stops, count } = cellEnds(cellsOf(units, grid));
      expect(count).toBe(grid.count);
      for (let unit = 0; unit < units.count; unit++) {
        const cell = cellOf(grid, unit);
        expect(starts[cell]).toBeLessThanOrEqual(units.start(unit));
        expect(stops[cell]).toBeGreaterThanOrEqual(units.stop(unit));
        if (cell > 0) expect(stops[cell - 1]).toBeLessThanOrEqual(units.start(unit));
      }
      expect(tokensOf(units, grid)).toBe(stops[count - 1] - starts[0]);
    }
  });

  it("are never more than a source answers", () => {
    const info = { ...manifest.maps[0], queries: 131_072, keys: 131_072 } as MapInfo;
    const units = new Units(axisOf(131_072), "tokens", false);
    const view = { top: 0, bottom: 131_072, left: 0, right: 131_072 };
    const { rows, columns } = gridsOf({ view, x: 0.03, y: 0.02 }, { info, rows: units, columns: units }, MOST_CELLS);
    expect(rows.count * columns.count).toBeLessThanOrEqual(MOST_CELLS);
    expect(rows.count * columns.count).toBeGreaterThan(MOST_CELLS / 8);
  });

  it("of words are their mass, and several words the mean of it", async () => {
    const words = { ...state, unit: "words" as const };
    const axes = shownBy(manifest, words);
    const one = (count: number) => ({ first: 0, last: count, step: 1, count });
    const single = { rows: one(axes.rows.count), columns: one(axes.columns.count) };
    expect(howOf(words, axes, single.rows, single.columns)).toBe("mass");
    const pairs = { rows: { ...single.rows }, columns: { first: 0, last: 7, step: 2, count: 4 } };
    const exact = await readCells(source, words, axes, single, 0);
    const found = await readCells(source, words, axes, pairs, 0);
    for (let row = 0; row < axes.rows.count; row++)
      for (let cell = 0; cell < 4; cell++) {
        const inside = [2 * cell, 2 * cell + 1].filter((word) => word < 7).map((word) => exact.values[row * 7 + word]);
        const mean = inside.reduce((sum, value) => sum + value, 0) / inside.length;
        expect(found.values[row * 4 + cell]).toBeCloseTo(mean, 6);
      }
    expect(howOf({ ...words, how: "max" }, axes, pairs.rows, pairs.columns)).toBe("max");
    expect(howOf(state, shownBy(manifest, state), pairs.rows, pairs.columns)).toBe("mean");
    expect(massPerUnit(Float32Array.of(6, 6, 6), { first: 4, last: 9, step: 2, count: 3 })).toEqual(
      Float32Array.of(3, 3, 6),
    );
  });
});

describe("what is shown before it has been read", () => {
  const info = { ...manifest.maps[0], queries: 13, keys: 11 } as MapInfo;
  const axes = { info, rows: new Units(axisOf(13), "tokens", false), columns: new Units(axisOf(11), "tokens", false) };
  const frame = { view: { top: 0, bottom: 13, left: 0, right: 11 }, x: 20, y: 20 };
  const overview = { rows: 3, columns: 2, values: Float32Array.of(0, 1, 10, 11, 20, 21) };

  it("is the overview's cell of each token", () => {
    const found = preview(frame, axes, [], overview, false);
    const cell = (token: number, tokens: number, cells: number) =>
      [...Array(cells).keys()].find(
        (at) => token >= Math.floor((at * tokens) / cells) && token < Math.floor(((at + 1) * tokens) / cells),
      ) ?? -1;
    for (let row = 0; row < 13; row++)
      for (let column = 0; column < 11; column++)
        expect(found?.values[row * 11 + column]).toBe(10 * cell(row, 13, 3) + cell(column, 11, 2));
    expect(found?.read).toBe(false);
  });

  it("is an earlier answer where there is one, and the newest of several", () => {
    const grid = { first: 4, last: 8, step: 1, count: 4 };
    const cells = (value: number) => ({ rows: grid, columns: grid, values: new Float32Array(16).fill(value) });
    const earlier = [7, 9].map((value) => ({ ...cells(value), sampled: 0, every: 1, read: true }));
    const found = preview(frame, axes, earlier, overview, false);
    expect(found?.values[5 * 11 + 5]).toBe(7);
    expect(found?.values[0]).toBe(0);
    expect(found?.values[12 * 11 + 10]).toBe(21);
    expect(preview(frame, axes, [], null, false)).toBeNull();
  });
});

describe("a viewport", () => {
  it("shows the same tokens when the units change, and comes back", () => {
    const tokens = shownBy(manifest, state);
    const words = shownBy(manifest, { ...state, unit: "words" });
    const view = { top: 1, bottom: 4, left: 2, right: 4 };
    const there = convertViewport(view, tokens, words);
    expect(there).toEqual({ top: 1, bottom: 3, left: 2, right: 3 });
    expect(there && convertViewport(there, words, tokens)).toEqual(view);
  });

  it("leaves out hidden tokens, and is the whole of an axis of other tokens", () => {
    const tokens = shownBy(manifest, state);
    const hidden = shownBy(manifest, { ...state, special: "hidden" });
    expect(convertViewport({ top: 5, bottom: 10, left: 0, right: 9 }, tokens, hidden)).toEqual({
      top: 5,
      bottom: 9,
      left: 0,
      right: 8,
    });
    const other = shownBy(manifest, { ...state, map: 2 });
    expect(convertViewport({ top: 2, bottom: 5, left: 3, right: 5 }, tokens, other)).toEqual({
      top: 2,
      bottom: 5,
      left: 0,
      right: 10,
    });
  });
});

describe("hidden special tokens", () => {
  it("are hidden under the labels of either row axis where the source leaves them out", async () => {
    const hidden = { ...state, special: "hidden" as const, rowAxis: 1 };
    const axes = shownBy(manifest, hidden);
    const one = (count: number) => ({ first: 0, last: count, step: 1, count });
    const part = { rows: one(axes.rows.count), columns: one(axes.columns.count) };
    const { values } = await readCells(source, hidden, axes, part, 0);
    // No row is left that the source has emptied.
    for (let row = 0; row < axes.rows.count; row++)
      expect(values.subarray(row * 8, (row + 1) * 8).some((value) => value > 0)).toBe(true);
    expect(axes.rows.label(0)).toBe("▁Le");
  });
});
