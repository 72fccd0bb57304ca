// @vitest-environment jsdom
import { describe, expect, it, vi } from "vitest";
import { view } from "../src/views/map";
import { denseSource, smallExample, softmaxRows } from "./dense_source";
import { drawn, mounted, sized, status } from "./map_stage";
import { press, stageOf } from "./mounting";

sized();

describe("the crosshair", () => {
  it("is moved by keys, says where it is, and is pinned", async () => {
    const stage = mounted();
    await drawn();
    const { store, source } = stage.app;
    expect(press(stage.view, "ArrowDown")).toBe(true);
    expect([store.state.query, store.state.key]).toEqual([0, 0]);
    press(stage.view, "ArrowDown");
    press(stage.view, "ArrowRight");
    expect([store.state.query, store.state.key]).toEqual([1, 1]);
    const cell = { start: 1, stop: 2, count: 1 };
    const request = { map: 0, heads: [0], rows: cell, columns: cell, how: "mean" as const, hideSpecial: false };
    const { values } = await source.region({ ...request, renormalise: false, sample: 0 });
    expect(stage.said.at(-1)?.replace(/[\u2068\u2069]/g, "")).toBe(
      `tokens produced: ▁chat  (1), tokens consumed: ▁Le, source tokens: ▁cat  (1), weight ${values[0].toFixed(2)}`,
    );
    press(stage.view, "End");
    expect([store.state.query, store.state.key]).toEqual([1, 8]);
    stage.view.keydown(new KeyboardEvent("keydown", { key: "Home", ctrlKey: true }));
    expect([store.state.query, store.state.key]).toEqual([0, 0]);
    press(stage.view, "PageDown");
    expect(store.state.query).toBe(9);
    stage.view.keydown(new KeyboardEvent("keydown", { key: "ArrowUp", shiftKey: true }));
    expect(store.state.query).toBe(0);
    press(stage.view, "Enter");
    expect(store.state.pinned).toBe(true);
    press(stage.view, "Escape");
    expect(store.state.pinned).toBe(false);
    expect(press(stage.view, "Escape")).toBe(false);
    expect(press(stage.view, "q")).toBe(false);
  });

  it("leaves the browser's own keys alone", async () => {
    const stage = mounted();
    await drawn();
    expect(stage.view.keydown(new KeyboardEvent("keydown", { key: "+", ctrlKey: true }))).toBe(false);
    expect(stage.view.keydown(new KeyboardEvent("keydown", { key: "ArrowLeft", altKey: true }))).toBe(false);
  });

  it("follows the pointer, stays where it is clicked, and goes when the pointer leaves", async () => {
    const stage = mounted();
    await drawn();
    const canvas = stage.root.querySelector(".map-canvas") as HTMLElement;
    canvas.setPointerCapture = () => {};
    const send = (type: string, x: number, y: number) =>
      canvas.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: y, pointerId: 1, pointerType: "mouse" }));
    send("pointermove", 300, 300);
    const { query, key } = stage.app.store.state;
    expect(query).not.toBeNull();
    send("pointerleave", 0, 0);
    expect(stage.app.store.state.query).toBeNull();
    send("pointerdown", 300, 300);
    send("pointerup", 300, 300);
    send("pointermove", 500, 400);
    expect(stage.app.store.state).toMatchObject({ query, key, pinned: true });
    send("pointerleave", 0, 0);
    expect(stage.app.store.state).toMatchObject({ query, key, pinned: true });
    send("pointerdown", 300, 300);
    send("pointerup", 300, 300);
    expect(stage.app.store.state.pinned).toBe(false);
  });

  it("asks the source for nothing while cells are single weights", async () => {
    const example = smallExample();
    const region = vi.spyOn(example.source, "region");
    const stage = stageOf(view, {}, example);
    await drawn();
    const before = region.mock.calls.length;
    for (let step = 0; step < 8; step++) press(stage.view, "ArrowRight");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(region.mock.calls.length).toBe(before);
  });
});

describe("a crosshair over cells of many weights", () => {
  it("has the exact weight, row and column read when it rests", async () => {
    const tall = vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(120);
    const size = 211;
    const tokens = Array.from({ length: size }, (_, at) => `t${at}`);
    const { manifest: small } = smallExample();
    const axis = {
      title: "tokens",
      tokens,
      special: [],
      words: null,
      wordTexts: null,
      spellings: null,
      characters: null,
      characterTexts: null,
    };
    const info = { ...small.maps[0], heads: 1, queries: size, keys: size, rowAxes: ["a"], columnAxis: "a" };
    const manifest = { ...small, axes: { a: axis }, maps: [info] };
    const weights = softmaxRows(size, size, (i, j) => -Math.abs(i - j) / 9);
    const source = denseSource(manifest, [[weights]]);
    const stage = stageOf(view, { query: 100, key: 103 }, { manifest, source });
    const region = vi.spyOn(source, "region");
    await drawn();
    expect(status(stage)).toMatch(/^each cell is the mean of \d+ × \d+ weights$/);
    const one = (at: number) => ({ start: at, stop: at + 1, count: 1 });
    await vi.waitFor(() => expect(region.mock.calls.map(([{ rows }]) => rows)).toContainEqual(one(100)));
    expect(region.mock.calls.map(([{ columns }]) => columns)).toContainEqual(one(103));
    await vi.waitFor(() =>
      expect(stage.said.at(-1)).toContain(`weight ${weights[100 * size + 103].toFixed(3)}, mean of`),
    );
    expect(tall).toHaveBeenCalled();
  });
});
