// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ImageInfo, Manifest, RegionRequest, Source, State } from "../src/contract";
import { initialState } from "../src/store";
import { view } from "../src/views/image";
import { patchAt, pictureBox } from "../src/views/image/drawing";
import { smoothed, tint, tints } from "../src/views/image/overlay";
import { firstToken, looked, otherTokens } from "../src/views/image/patches";
import { denseSource, smallExample, softmaxRows } from "./dense_source";
import { press, stageOf } from "./mounting";

const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const ROWS = 5;
const COLUMNS = 7;
const SIZE = 2 + ROWS * COLUMNS;
const weights = [0, 1].map((head) => softmaxRows(SIZE, SIZE, (i, j) => Math.sin(i * 1.7 + j * (head + 0.3))));

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = () => null;
  HTMLCanvasElement.prototype.toDataURL = () => PIXEL;
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(700);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(554);
});
afterEach(() => {
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

/** All patches of a picture after so many other tokens, on both sides of the first map. */
function pictured(rows: number, columns: number, first: number): ImageInfo {
  const patches = Array.from({ length: rows * columns }, (_, at) => at);
  const places = [{ rows, columns, tokens: patches.map((at) => first + at), patches }];
  const maps = [{ map: 0, queries: 0, keys: 0 }];
  return { item: 0, src: PIXEL, width: 70, height: 50, note: "", places, maps };
}

/** Two tokens that are no patches, then 5 × 7 patches. */
function example(): { manifest: Manifest; source: Source } {
  const small = smallExample().manifest;
  const tokens = ["[CLS]", "[REG]", ...Array.from({ length: ROWS * COLUMNS }, (_, at) => `patch ${at}`)];
  const axis = {
    title: "patches",
    tokens,
    special: [0, 1],
    words: null,
    wordTexts: null,
    spellings: null,
    characters: null,
    characterTexts: null,
  };
  const manifest: Manifest = {
    ...small,
    axes: { patches: axis },
    maps: [{ ...small.maps[0], kind: "self", queries: SIZE, keys: SIZE, rowAxes: ["patches"], columnAxis: "patches" }],
    images: [pictured(ROWS, COLUMNS, 2)],
  };
  return { manifest, source: denseSource(manifest, [weights]) };
}
/** Time for a question and its answer, and the frames that draw them. */
async function drawn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}
const said = (root: HTMLElement) => root.querySelector(".image-status")?.textContent;
const pressed = (root: HTMLElement) =>
  [...root.querySelectorAll("button")].filter((one) => one.getAttribute("aria-pressed") === "true");

describe("patches", () => {
  const { manifest } = example();
  const found = looked(manifest, { map: 0 });
  if (typeof found === "string") throw new Error(found);

  it("are tokens, and tokens are patches", () => {
    const side = found.queries;
    if (!side) throw new Error("no patches among the queries");
    expect(side.token(0, 0)).toBe(2);
    expect(side.patch(side.token(3, 4))).toEqual({ row: 3, column: 4 });
    for (const token of [null, -1, 0, 1, SIZE]) expect(side.patch(token)).toBeNull();
    expect(otherTokens(found, "from", 10)).toEqual([0, 1]);
    expect(firstToken(found, "from")).toBe(0);
    expect(firstToken({ ...found, queriesOfAll: new Set([3, 4]) }, "from")).toBe(5); // words after a picture
  });

  it("are missed where there are none, with the reason", () => {
    const state = initialState(manifest);
    expect(view.unavailable(manifest, state)).toBeNull();
    expect(view.unavailable({ ...manifest, images: [] }, state)).toMatch(/no picture/);
    const images = [{ ...manifest.images[0], item: 1 }];
    expect(view.unavailable({ ...manifest, images }, state)).toMatch(/no picture/);
    const blind = [{ ...manifest.images[0], maps: [] }];
    expect(view.unavailable({ ...manifest, images: blind }, state)).toMatch(/does not look at the picture/);
    const away = [{ ...manifest.images[0], src: "https://example.org/x.png" }];
    expect(view.unavailable({ ...manifest, images: away }, state)).toMatch(/not embedded/);
  });

  it("lie where the picture is", () => {
    const scene = { size: { width: 700, height: 554 }, image: found.image, grid: found.image.places[0] };
    const box = pictureBox(scene);
    expect(box.width / box.height).toBeCloseTo(70 / 50);
    expect(patchAt(scene, box.x + 1, box.y + 1)).toEqual({ row: 0, column: 0 });
    expect(patchAt(scene, box.x + box.width - 1, box.y + box.height / 2)).toEqual({ row: 2, column: 6 });
    expect(patchAt(scene, box.x - 1, box.y + 1)).toBeNull();
  });
});

describe("the overlay", () => {
  const scale = { name: "linear" as const, top: 0.5, signed: true };

  it("covers more where attention is stronger, and nothing where there is none", () => {
    const alphas = [0, 0.1, 0.5, 1].map((share) => tint(share, 0.8)[3]);
    expect(alphas[0]).toBe(0);
    expect(alphas).toEqual([...alphas].sort((one, other) => one - other));
    expect(alphas[3]).toBe(Math.round(0.8 * 255));
    expect(tint(-1, 0.8).slice(0, 3)).not.toEqual(tint(1, 0.8).slice(0, 3));
  });

  it("is smooth between the patches' middles and the same in them", () => {
    const pixels = tints(Float32Array.of(0, 0.5, 0.25, 0.1, 0.3, 0.4), scale, 1);
    const large = smoothed(pixels, 3, 2, 5);
    expect(large.length).toBe(4 * 15 * 10);
    for (let row = 0; row < 2; row++)
      for (let column = 0; column < 3; column++) {
        const at = 4 * ((row * 5 + 2) * 15 + column * 5 + 2);
        const patch = 4 * (row * 3 + column);
        expect(large[at + 3]).toBe(pixels[patch + 3]);
        if (pixels[patch + 3] > 0) expect([...large.slice(at, at + 3)]).toEqual([...pixels.slice(patch, patch + 3)]);
      }
    // Half-way between a transparent patch and a coloured one: its colour, half as strong.
    const [between, full] = [4 * (2 * 15 + 4), 4 * (2 * 15 + 7)];
    expect(large[between]).toBe(large[full]);
    expect(large[between + 3]).toBeLessThan(large[full + 3]);
  });
});

describe("the image view", () => {
  it("begins with the first token that is no patch", async () => {
    const stage = stageOf(view, {}, example());
    await drawn();
    const onPicture = weights[0].slice(2, SIZE).reduce((sum, one) => sum + one, 0);
    expect(said(stage.root)).toBe(`what [CLS] attends to: ${onPicture.toFixed(2)} of its weight is on the picture`);
    expect(pressed(stage.root).map((one) => one.textContent)).toEqual(["[CLS]"]);
    expect(stage.app.store.state.query).toBeNull();
    expect(stage.errors).toEqual([]);
  });

  it("shows the row of a chosen patch, and its column the other way round", async () => {
    const stage = stageOf(view, { heads: [0, 1] }, example());
    await drawn();
    const mean = (query: number, key: number) => (weights[0][query * SIZE + key] + weights[1][query * SIZE + key]) / 2;
    const check = async (value: (token: number) => number) => {
      const { rows } = await stage.view.table();
      expect(rows.length).toBe(ROWS * COLUMNS);
      for (const [row, column, token, weight] of rows) {
        expect(Number(token)).toBe(2 + Number(row) * COLUMNS + Number(column));
        expect(Number(weight)).toBeCloseTo(value(Number(token)), 3);
      }
      const shown = rows.map((row) => value(Number(row[2])));
      expect(shown).toEqual([...shown].sort((one, other) => other - one));
    };
    expect(press(stage.view, "ArrowRight")).toBe(true);
    press(stage.view, "ArrowDown");
    const token = 2 + 3 * COLUMNS + 3;
    expect(stage.app.store.state.query).toBe(token);
    expect(stage.said.at(-1)).toMatch(/^what row 3, column 3 attends to/);
    await drawn();
    await check((key) => mean(token, key));
    press(stage.view, "d");
    expect(stage.app.store.state).toMatchObject({ direction: "to", key: token });
    await drawn();
    await check((query) => mean(query, token));
    expect(said(stage.root)).toMatch(/^what attends to row 3, column 3: .* on average · mean of 2 heads$/);
  });

  it("reads a small map once, however many patches are looked at", async () => {
    const made = example();
    const region = vi.spyOn(made.source, "region");
    const stage = stageOf(view, {}, made);
    for (let step = 0; step < 6; step++) press(stage.view, "ArrowLeft");
    await drawn();
    for (let step = 0; step < 6; step++) press(stage.view, "ArrowUp");
    await drawn();
    expect(region).toHaveBeenCalledTimes(1);
    expect(said(stage.root)).toMatch(/^what row 0, column 0 attends to: 0\.\d\d/);
  });

  it("reads the row alone of a large one, and drops what comes too late", async () => {
    const made = example();
    const side = 32;
    const size = 1 + side * side;
    const tokens = Array.from({ length: size }, (_, at) => String(at));
    made.manifest.axes.patches = { ...made.manifest.axes.patches, tokens, special: [0] };
    made.manifest.maps[0] = { ...made.manifest.maps[0], queries: size, keys: size };
    made.manifest.images[0] = pictured(side, side, 1);
    const asked: { request: RegionRequest; signal: AbortSignal | undefined }[] = [];
    made.source.region = (request, signal) => {
      asked.push({ request, signal });
      const values = new Float32Array(side * side).fill(asked.length === 1 ? 0.7 : 0.0005);
      const wait = asked.length === 1 ? 120 : 1;
      return new Promise((resolve) => {
        setTimeout(() => resolve({ rows: 1, columns: side * side, values, sampled: 0, every: 1 }), wait);
      });
    };
    const stage = stageOf(view, { query: 5 }, made);
    await drawn();
    stage.app.store.set({ query: 9 });
    await drawn();
    await drawn();
    expect(asked.map(({ request }) => request.rows)).toEqual([
      { start: 5, stop: 6, count: 1 },
      { start: 9, stop: 10, count: 1 },
    ]);
    expect(asked[0].signal?.aborted).toBe(true);
    expect(said(stage.root)).toMatch(/column 8 attends to: 0\.51 of/);
  });

  it("says that it reads until the answer is there, and asks again after one that failed", async () => {
    const made = example();
    const { region } = made.source;
    let fail!: (error: Error) => void;
    made.source.region = vi.fn(() => new Promise<never>((_, reject) => (fail = reject)));
    const stage = stageOf(view, { query: 5 }, made);
    const reading = () => stage.root.querySelector(".image-view")!.hasAttribute("data-reading");
    await drawn();
    expect(reading()).toBe(true);
    fail(new Error("not there"));
    await drawn();
    expect(stage.errors.map(String)).toEqual(["Error: not there"]);
    expect(reading()).toBe(false);
    let come!: () => void;
    const there = new Promise<void>((resolve) => (come = resolve));
    made.source.region = (request, signal) => there.then(() => region(request, signal));
    stage.app.store.set({ query: 9 });
    await drawn();
    expect(reading()).toBe(true);
    come();
    await drawn();
    expect(said(stage.root)).toMatch(/^what row 1, column 0 attends to: 0\.\d\d/);
    expect(reading()).toBe(false);
  });

  it("keeps a token by Enter and by its button, and lets it go by Escape", async () => {
    const stage = stageOf(view, {}, example());
    await drawn();
    press(stage.view, "Enter");
    expect(stage.app.store.state).toMatchObject({ query: 0, pinned: true });
    press(stage.view, "Escape");
    expect(stage.app.store.state.pinned).toBe(false);
    const register = [...stage.root.querySelectorAll("button")].find((one) => one.textContent === "[REG]");
    register?.click();
    await drawn();
    expect(stage.app.store.state).toMatchObject({ query: 1, pinned: true });
    expect(pressed(stage.root)).toEqual([register]);
  });

  it("of text over a picture shows only what the text attends to", async () => {
    const made = example();
    made.manifest.axes.text = {
      title: "words",
      tokens: ["A", "cat"],
      special: [],
      words: null,
      wordTexts: null,
      spellings: null,
      characters: null,
      characterTexts: null,
    };
    made.manifest.maps[0] = { ...made.manifest.maps[0], queries: 2, rowAxes: ["text"] };
    made.manifest.images[0].maps[0].queries = null;
    const source = denseSource(made.manifest, [[softmaxRows(2, SIZE, (i, j) => Math.cos(i + j))]]);
    const state: Partial<State> = { direction: "to" };
    const stage = stageOf(view, state, { manifest: made.manifest, source });
    await drawn();
    expect([...stage.root.querySelectorAll("button")].map((one) => one.textContent)).toEqual(["A", "cat"]);
    expect(said(stage.root)).toMatch(/^what A attends to/);
    expect(press(stage.view, "d")).toBe(false);
    expect(press(stage.view, "ArrowUp")).toBe(false);
  });

  it("of a picture over text shows which patches attend to a word", async () => {
    const made = example();
    const words = Array.from({ length: 3 }, (_, at) => `word ${at}`);
    made.manifest.axes.text = { ...made.manifest.axes.patches, title: "words", tokens: words, special: [] };
    made.manifest.maps[0] = { ...made.manifest.maps[0], keys: 3, columnAxis: "text" };
    made.manifest.images[0].maps[0].keys = null;
    const rows = softmaxRows(SIZE, 3, (i, j) => Math.cos(i + 2 * j));
    const stage = stageOf(view, { key: 1 }, { manifest: made.manifest, source: denseSource(made.manifest, [[rows]]) });
    await drawn();
    expect(said(stage.root)).toMatch(/^what attends to word 1/);
    for (const [, , token, weight] of (await stage.view.table()).rows)
      expect(Number(weight)).toBeCloseTo(rows[3 * Number(token) + 1], 2);
  });

  it("finds the patches of a window, of another order, and of the second picture between words", async () => {
    const made = example();
    // Tokens 4, 7 and 9 are patches 5, 0 and 2 of 2 × 3; another picture has token 3.
    const part = { rows: 2, columns: 3, tokens: [4, 7, 9], patches: [5, 0, 2] };
    const other = { rows: 1, columns: 1, tokens: [3], patches: [0] };
    made.manifest.images = [other, part].map((one) => ({
      ...made.manifest.images[0],
      places: [one],
      note: "grid as given",
    }));
    const stage = stageOf(view, { query: 9 }, made);
    await drawn();
    expect(said(stage.root)).toMatch(/grid as given/);
    const second = [...stage.root.querySelectorAll("button")].find((one) => one.title === "picture 2");
    second?.click();
    await drawn();
    expect(said(stage.root)).toMatch(/^what row 0, column 2 attends to/);
    const { rows } = await stage.view.table();
    expect(rows.map(([row, column, token]) => [row, column, token].join()).sort()).toEqual(["0,0,7", "0,2,9", "1,2,4"]);
    for (const [, , token, weight] of rows) expect(Number(weight)).toBeCloseTo(weights[0][9 * SIZE + Number(token)], 3);
    const names = [...stage.root.querySelectorAll("button")].map((one) => one.textContent);
    expect(names).not.toContain(made.manifest.axes.patches.tokens[3]); // a patch, though of the other picture
  });

  it("exports the picture, the colours and the legend, with tokens as text", async () => {
    const made = example();
    made.manifest.axes.patches.tokens[0] = "<b>&";
    const stage = stageOf(view, {}, made);
    await drawn();
    const parsed = new DOMParser().parseFromString(await stage.view.svg(), "image/svg+xml");
    expect(parsed.querySelector("parsererror")).toBeNull();
    expect([...parsed.querySelectorAll("image")].map((one) => one.getAttribute("href"))[0]).toBe(PIXEL);
    const texts = [...parsed.querySelectorAll("text")].map((one) => one.textContent);
    expect(texts.some((one) => one?.includes("what <b>& attends to"))).toBe(true);
    expect(texts).toContain("weight");
    stage.view.destroy();
    expect(stage.root.childElementCount).toBe(0);
  });
});
