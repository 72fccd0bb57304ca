// @vitest-environment jsdom
import { describe, expect, it, vi } from "vitest";
import type { Region, RegionRequest, Source } from "../src/contract";
import { view } from "../src/views/map";
import { smallExample } from "./dense_source";
import { drawn, mounted, sized, status } from "./map_stage";
import { press, stageOf } from "./mounting";

sized();

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
