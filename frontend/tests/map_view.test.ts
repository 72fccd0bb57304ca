// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Region, RegionRequest, Source, State } from "../src/contract";
import { view } from "../src/views/map";
import { denseSource, smallExample, softmaxRows } from "./dense_source";
import { press, stageOf } from "./mounting";

const SIZE = { width: 900, height: 700 };

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = () => null;
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(SIZE.width);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(SIZE.height);
});
afterEach(() => {
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

function mounted(change: Partial<State> = {}, source?: Source) {
  const example = smallExample();
  return stageOf(view, change, source ? { ...example, source } : example);
}
/** Time for a question and its answer, and the frames that draw them. */
async function drawn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}
const status = ({ described }: { described: string[] }) => described.at(-1);

describe("the map view says what is shown", () => {
  it("in its status line and to screen readers", async () => {
    const stage = mounted();
    await drawn();
    expect(status(stage)).toBe("each cell is one weight");
    const picture = stage.root.querySelector("[role=img]");
    expect(picture?.getAttribute("aria-label")).toBe(
      "attention map, cross layer 0, head 0: rows, tokens produced, 0 to 9 of 10; columns, source tokens, 0 to 8 of 9; " +
        "each cell is one weight",
    );
    stage.app.store.set({ special: "hidden", renormalise: true, heads: [0, 1], scale: "log" });
    await drawn();
    expect(status(stage)).toBe(
      "each cell is one weight · mean of 2 heads · special tokens hidden · rows renormalised over the other tokens · " +
        "colours by logarithm, down to 1e-6",
    );
    stage.app.store.set({ unit: "words", special: "dimmed", heads: [1], scale: "row" });
    await drawn();
    expect(status(stage)).toMatch(
      /^each cell is the weight of a word on a word: keys summed, queries averaged · each row coloured by its own largest$/,
    );
    expect(stage.errors).toEqual([]);
  });

  it("with samples and errors", async () => {
    const example = smallExample();
    const size = 4096;
    const tokens = Array.from({ length: size }, (_, at) => String(at));
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
    const info = {
      ...example.manifest.maps[0],
      queries: size,
      keys: size,
      rowAxes: ["a"],
      columnAxis: "a",
      error: 3e-4,
    };
    const manifest = { ...example.manifest, axes: { a: axis }, maps: [info] };
    const asked: RegionRequest[] = [];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const source: Source = {
      ...example.source,
      overview: async () => ({
        heads: 2,
        rows: 2,
        columns: 2,
        mean: new Float32Array(8),
        max: new Float32Array(8),
      }),
      margins: async () => ({ received: new Float32Array(512), entropy: new Float32Array(512), sampled: 3 }),
      region: async (request) => {
        asked.push(request);
        if (request.sample === 0) await released;
        const count = (cells: RegionRequest["rows"]) => ("starts" in cells ? cells.starts.length : cells.count);
        const [rows, columns] = [count(request.rows), count(request.columns)];
        return { rows, columns, values: new Float32Array(rows * columns), sampled: request.sample || 2, every: 1 };
      },
    };
    const stage = stageOf(view, { how: "mean" }, { manifest, source });
    await drawn();
    expect(asked[0].sample).toBe(1);
    expect(asked[0].rows).toEqual({ start: 0, stop: size, count: 512 });
    expect(status(stage)).toBe(
      "each cell is the mean of 8 × 8 weights · read from 1 query in 8 · reading the rest … · " +
        "margins estimated from at most 3 queries in each cell · error at most 3e-4",
    );
    release();
    await vi.waitFor(() => expect(asked.map(({ sample }) => sample)).toEqual([1, 0]), { timeout: 3000 });
    await drawn();
    expect(status(stage)).toBe(
      "each cell is the mean of 8 × 8 weights · read from 1 query in 4 · " +
        "margins estimated from at most 3 queries in each cell · error at most 3e-4",
    );
    stage.app.store.set({ how: "max" });
    await drawn();
    expect(status(stage)).toMatch(/^each cell is the largest of 8 × 8 weights/);
  });
});

describe("a quick answer", () => {
  it("is shown with what was read of it, and asked for again", async () => {
    const example = smallExample();
    const asked: (boolean | undefined)[] = [];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const source: Source = {
      ...example.source,
      region: async (request, signal) => {
        asked.push(request.quick);
        if (!request.quick) await released;
        return {
          ...(await example.source.region(request, signal)),
          ...(request.quick ? { every: 4, sampled: 1 } : {}),
        };
      },
    };
    const stage = stageOf(view, {}, { manifest: example.manifest, source });
    await drawn();
    expect(status(stage)).toContain("1 row of cells in 4 read, which stands for the others · reading the rest …");
    release();
    await vi.waitFor(() => expect(asked).toEqual([true, undefined]), { timeout: 3000 });
    await drawn();
    expect(status(stage)).toBe("each cell is one weight");
  });

  it("that is whole is not asked for again", async () => {
    const example = smallExample();
    const region = vi.fn(example.source.region);
    const stage = stageOf(view, {}, { manifest: example.manifest, source: { ...example.source, region } });
    await drawn();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(region).toHaveBeenCalledTimes(1);
    expect(status(stage)).toBe("each cell is one weight");
  });
});

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

describe("the place", () => {
  const part = { top: 1, bottom: 4, left: 2, right: 4 };

  it("is kept by its tokens when units change, here and while another view was shown", async () => {
    const stage = mounted({ viewport: part });
    await drawn();
    stage.app.store.set({ unit: "words" });
    expect(stage.app.store.state.viewport).toEqual({ top: 1, bottom: 3, left: 2, right: 3 });
    stage.view.destroy();
    expect(stage.root.childElementCount).toBe(0);
    stage.app.store.set({ unit: "tokens" });
    view.mount(stage.root, stage.app);
    expect(stage.app.store.state.viewport).toEqual(part);
  });

  it("is kept when the head changes", async () => {
    const stage = mounted({ viewport: part });
    await drawn();
    stage.app.store.set({ heads: [1] });
    await drawn();
    expect(stage.app.store.state.viewport).toEqual(part);
  });
});

describe("answers", () => {
  it("to earlier questions are dropped, and their questions withdrawn", async () => {
    const example = smallExample();
    const waiting: { request: RegionRequest; signal: AbortSignal | undefined; answer: (region: Region) => void }[] = [];
    const source: Source = {
      ...example.source,
      region: (request, signal) =>
        new Promise((resolve) => {
          waiting.push({ request, signal, answer: resolve });
        }),
    };
    const stage = mounted({}, source);
    await drawn();
    stage.app.store.set({ heads: [1] });
    await drawn();
    const [first, second] = waiting;
    expect([first.request.heads, second.request.heads]).toEqual([[0], [1]]);
    expect([first.signal?.aborted, second.signal?.aborted]).toEqual([true, false]);
    const filled = (value: number) => ({
      rows: 10,
      columns: 9,
      values: new Float32Array(90).fill(value),
      sampled: 0,
      every: 1,
    });
    second.answer(filled(0.25));
    await drawn();
    first.answer(filled(0.75));
    await drawn();
    expect((await stage.view.table()).rows[0][4]).toBe("0.25");
  });

  it("that fail are reported, once", async () => {
    const stage = mounted({}, { ...smallExample().source, region: () => Promise.reject(new Error("too large")) });
    await drawn();
    expect(stage.errors).toEqual([new Error("too large")]);
  });
});

describe("what is handed out", () => {
  it("is a table of the cells on screen, with their tokens", async () => {
    const stage = mounted({ viewport: { top: 0, bottom: 2, left: 0, right: 3 } });
    await drawn();
    const { rows, columns } = await stage.view.table();
    expect(columns).toEqual(["query", "tokens produced", "key", "source tokens", "weight"]);
    const region = await stage.app.source.region({
      map: 0,
      heads: [0],
      rows: { start: 0, stop: 10, count: 10 },
      columns: { start: 0, stop: 9, count: 9 },
      how: "mean",
      hideSpecial: false,
      renormalise: false,
      sample: 0,
    });
    for (const [query, , key, , weight] of rows) {
      const value = region.values[Number(query) * 9 + Number(key)];
      expect(Number(weight)).toBeCloseTo(value, value < 0.0995 ? 3 : 2);
    }
    expect(rows.some((row) => row[1] === "▁chat" && row[3] === "▁cat")).toBe(true);
  });

  it("is a document with text as text, cells as rectangles, and tokens as nothing but text", async () => {
    const example = smallExample();
    example.manifest.axes.source.tokens[0] = `</text><script>alert("1")</script>`;
    example.manifest.axes.source.tokens[1] = "a\ud800\u0001b";
    example.manifest.title = `<&"'\u0000`;
    const stage = stageOf(view, { query: 1, key: 1, pinned: true }, example);
    await drawn();
    const text = await stage.view.svg();
    const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
    expect(parsed.querySelector("parsererror")).toBeNull();
    expect(parsed.querySelector("script")).toBeNull();
    const texts = [...parsed.querySelectorAll("text")].map((one) => one.textContent);
    expect(texts).toContain("▁mat");
    expect(texts.some((one) => one?.startsWith("</text>"))).toBe(true);
    expect(texts).toContain("each cell is one weight");
    expect(texts.filter((one) => /^0\.\d+$/.test(one ?? "")).length).toBeGreaterThan(20);
    expect(parsed.querySelectorAll("g[clip-path] > rect").length).toBeGreaterThanOrEqual(90);
    expect(parsed.querySelector("image")).toBeNull();
  });
});

describe("nothing but hidden tokens", () => {
  it("is said, and breaks nothing", async () => {
    const example = smallExample();
    example.manifest.axes.source.special = example.manifest.axes.source.tokens.map((_, at) => at);
    const stage = stageOf(view, { special: "hidden" }, example);
    await drawn();
    expect(status(stage)).toBe("every token is special, and special tokens are hidden");
    expect((await stage.view.table()).rows).toEqual([]);
    expect(press(stage.view, "ArrowDown")).toBe(false);
    expect(stage.errors).toEqual([]);
  });
});

describe("what has not been read yet", () => {
  it("is drawn from afar, and no number of it is said", async () => {
    const example = smallExample();
    const stage = mounted({}, { ...example.source, region: () => new Promise(() => {}) });
    await drawn();
    expect(status(stage)).toBe("what is known from afar, until it has been read");
    press(stage.view, "ArrowDown");
    await drawn();
    expect(stage.app.store.state).toMatchObject({ query: 0, key: 0 });
    expect(stage.said).toEqual([]);
  });

  it("is said when it has been", async () => {
    const example = smallExample();
    let answer = () => {};
    const stage = mounted(
      {},
      {
        ...example.source,
        region: async (request) => {
          await new Promise<void>((resolve) => {
            answer = resolve;
          });
          return example.source.region(request);
        },
      },
    );
    await drawn();
    press(stage.view, "ArrowDown");
    answer();
    await drawn();
    expect(stage.said.length).toBe(1);
    expect(stage.said[0]).toMatch(/weight 0\.57$/);
  });
});

describe("what is written on the map", () => {
  const drawing = async (change: Partial<State>) => {
    const stage = mounted(change);
    await drawn();
    return new DOMParser().parseFromString(await stage.view.svg(), "image/svg+xml");
  };
  const numbers = (found: Element[]) =>
    found.filter(
      (text) => text.getAttribute("text-anchor") === "middle" && /^\d[0-9.e-]*$/.test(text.textContent ?? ""),
    );

  it("are the numbers of whole cells only: half a number is another one", async () => {
    let cut = 0;
    for (const left of [0.3, 1.4, 2.6]) {
      const found = await drawing({ viewport: { top: 0.4, bottom: 3.4, left, right: left + 3 } });
      const number = (element: Element, name: string) => Number(element.getAttribute(name));
      const rects = [...found.querySelectorAll("rect")];
      const plot = rects.find((one) => one.getAttribute("fill") === "none" && number(one, "width") > 100);
      if (!plot) throw new Error("expected the map's outline");
      const [from, to] = [number(plot, "x"), number(plot, "x") + number(plot, "width")];
      const written = numbers([...found.querySelectorAll("text")]).map((text) => number(text, "x"));
      const places = [...new Set(written)].sort((one, other) => one - other);
      const half = (places[1] - places[0]) / 2;
      expect(places[0] - half).toBeGreaterThanOrEqual(from - 1);
      expect(places[places.length - 1] + half).toBeLessThanOrEqual(to + 1);
      cut += rects.filter((one) => one !== plot && number(one, "x") < from - 1 && number(one, "x") > 0).length;
    }
    expect(cut).toBeGreaterThan(0);
  });

  it("are names that end before the picture does, in low windows too", async () => {
    for (const height of [330, 420, 519]) {
      vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(height);
      const caption = [...(await drawing({})).querySelectorAll("text")].find((text) =>
        text.textContent?.endsWith(" nats"),
      );
      const [x, y] = ["x", "y"].map((name) => Number(caption?.getAttribute(name) ?? Number.NaN));
      const place = /translate\(([-\d.]+)[ ,]([-\d.]+)\)|rotate\([-\d.]+[ ,]([-\d.]+)[ ,]([-\d.]+)\)/.exec(
        caption?.getAttribute("transform") ?? "",
      );
      const top = Number(place?.[2] ?? place?.[4] ?? y ?? x);
      expect(top + 6 * (caption?.textContent?.length ?? 100)).toBeLessThanOrEqual(height);
    }
  });
});
