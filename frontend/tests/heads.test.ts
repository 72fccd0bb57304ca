// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Manifest, Overview } from "../src/contract";
import { paletteOf } from "../src/palette";
import { headPixels } from "../src/thumbnails";
import { view } from "../src/views/heads";
import { arrange, cellAt, neighbour } from "../src/views/heads/layout";
import { smallExample } from "./dense_source";
import { press, stageOf } from "./mounting";

const IN_ORDER = { sort: "", descending: true, limit: null };

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = () => null;
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(700);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(500);
});
afterEach(() => {
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

/** Layers of these kinds, with so many heads each. */
function layers(...kinds: [kind: "encoder" | "decoder" | "cross", heads: number][]): Manifest {
  const { manifest } = smallExample();
  const seen: Record<string, number> = {};
  const maps = kinds.map(([kind, heads]) => {
    const layer = seen[kind] ?? 0;
    seen[kind] = layer + 1;
    const entropy = Array.from({ length: heads }, (_, head) => (7 * (layer + 2) * (head + 3)) % 11);
    return { ...manifest.maps[0], kind, layer, heads, statistics: { entropy } };
  });
  return { ...manifest, maps };
}

describe("where heads stand", () => {
  const unequal = layers(["encoder", 5], ["encoder", 5], ["encoder", 5], ["decoder", 3], ["cross", 7]);

  it("is by layer under their kinds, however many layers and heads each has", () => {
    const { cells, headings } = arrange(unequal, [0, 1, 2, 3, 4], IN_ORDER, 700);
    expect(headings.map(({ text }) => text)).toEqual([
      "Encoder",
      "L0",
      "L1",
      "L2",
      "Decoder",
      "L0",
      "Cross-attention",
      "L0",
    ]);
    expect(cells.length).toBe(5 * 3 + 3 + 7);
    const line = (map: number) => new Set(cells.filter((cell) => cell.map === map).map((cell) => cell.y));
    expect([0, 1, 2, 3, 4].map((map) => line(map).size)).toEqual([1, 1, 1, 1, 1]);
    expect(new Set(cells.map((cell) => `${cell.x} ${cell.y}`)).size).toBe(cells.length);
  });

  it("never leaves the width, and grows down", () => {
    for (const width of [240, 320, 1000, 2000]) {
      const many = layers(...Array.from({ length: 48 }, () => ["decoder", 32] as ["decoder", number]));
      const { cells, side, height } = arrange(many, [...many.maps.keys()], IN_ORDER, width);
      expect(cells.length).toBe(48 * 32);
      expect(Math.max(...cells.map((cell) => cell.x + side))).toBeLessThanOrEqual(width);
      expect(Math.max(...cells.map((cell) => cell.y + side))).toBeLessThan(height);
    }
  });

  it("is one flow by a statistic, within a limit", () => {
    const all = [0, 1, 2, 3, 4];
    const values = unequal.maps.flatMap((map) => map.statistics.entropy);
    const sorted = [...values].sort((one, two) => two - one);
    const order = { sort: "entropy", descending: true, limit: null };
    expect(arrange(unequal, all, order, 700).cells.map((cell) => cell.value)).toEqual(sorted);
    expect(arrange(unequal, all, { ...order, descending: false }, 700).cells[0].value).toBe(Math.min(...values));
    const limited = arrange(unequal, all, { ...order, limit: 6 }, 700).cells;
    expect(limited.length).toBe(values.filter((value) => value >= 6).length);
    const { map, head, value } = limited[0];
    expect(unequal.maps[map].statistics.entropy[head]).toBe(value);
  });

  it("is found by pointer and by keys", () => {
    const placed = arrange(unequal, [0, 1, 2, 3, 4], IN_ORDER, 700);
    const at = placed.cells.findIndex((cell) => cell.map === 4 && cell.head === 6);
    expect(cellAt(placed, placed.cells[at].x + 3, placed.cells[at].y + 3)).toBe(at);
    expect(cellAt(placed, 1, 1)).toBe(-1);
    const up = placed.cells[neighbour(placed, at, "ArrowUp")];
    expect([up.map, up.head]).toEqual([3, 2]);
    const down = placed.cells[neighbour(placed, 1, "ArrowDown")];
    expect([down.map, down.head]).toEqual([1, 1]);
    expect(neighbour(placed, 0, "ArrowUp")).toBe(0);
    expect(neighbour(placed, 0, "End")).toBe(placed.cells.length - 1);
  });
});

describe("thumbnails", () => {
  const palette = paletteOf("light");
  const overview: Overview = {
    heads: 2,
    rows: 2,
    columns: 2,
    mean: Float32Array.of(0, 0, 0, 0, 0.25, 0, -0.5, 0.5),
    max: new Float32Array(8),
  };
  const pixel = (scale: "linear" | "row" | "log", at: number) => [
    ...headPixels(overview, 1, { thumbnails: "mean", scale }, palette).slice(4 * at, 4 * at + 3),
  ];
  const colour = (ramp: Uint8Array, share: number) => [
    ...ramp.slice(3 * Math.round(255 * share), 3 * Math.round(255 * share) + 3),
  ];

  it("are coloured by the largest of the head, of the row, or by logarithm", () => {
    expect(pixel("linear", 0)).toEqual(colour(palette.positive, 0.5));
    expect(pixel("linear", 2)).toEqual(colour(palette.negative, 1));
    expect(pixel("row", 0)).toEqual(colour(palette.positive, 1));
    expect(pixel("log", 0)).toEqual(colour(palette.positive, 1 + Math.log10(0.25) / 6));
    expect(pixel("linear", 1)).toEqual([255, 255, 255]);
  });

  it("of a head of nothing are empty", () => {
    const empty = headPixels(overview, 0, { thumbnails: "mean", scale: "linear" }, palette);
    expect(new Set(empty)).toEqual(new Set([255]));
  });
});

describe("the heads view", () => {
  it("moves by keys, says where it is, and opens a head in the map", () => {
    const stage = stageOf(view, { view: "heads", map: 0, heads: [0], query: 4, key: 2 });
    expect(press(stage.view, "ArrowRight")).toBe(true);
    expect(stage.said.at(-1)).toBe("cross layer 0, head 1 · entropy 1.20 · distance 1.00");
    press(stage.view, "ArrowDown");
    press(stage.view, "Enter");
    // Of the same axes, so that the place stays.
    expect(stage.app.store.state).toMatchObject({ view: "map", map: 1, heads: [1], query: 4, key: 2 });
    expect(stage.errors).toEqual([]);
  });

  it("sorts by a statistic either way, and tells each in its table", async () => {
    const stage = stageOf(view, { sort: "entropy" });
    const table = await stage.view.table();
    expect(table.columns).toEqual(["head", "entropy", "distance"]);
    expect(table.rows[0]).toEqual(["cross layer 1, head 0", "1.70", "2.50"]);
    press(stage.view, "r");
    expect((await stage.view.table()).rows.at(-1)).toEqual(["cross layer 1, head 0", "1.70", "2.50"]);
    expect((await stage.view.table()).caption).toBe(
      "6 heads of The cat sat on the mat.: largest weights, by entropy, smallest first",
    );
  });

  it("leaves out heads beyond the limit", async () => {
    const stage = stageOf(view, { sort: "entropy" });
    const limit = stage.root.querySelector<HTMLInputElement>("input[type=number]")!;
    limit.value = "1.5";
    limit.dispatchEvent(new Event("input"));
    expect((await stage.view.table()).rows.length).toBe(1);
    limit.value = "99";
    limit.dispatchEvent(new Event("input"));
    expect(stage.described.at(-1)).toBe("no head is within the limit");
    expect(press(stage.view, "ArrowRight")).toBe(false);
  });

  it("draws names as text, which stays text", async () => {
    const { manifest, source } = smallExample();
    const stage = stageOf(view, {}, { manifest: { ...manifest, title: "</svg><script>" }, source });
    const svg = await stage.view.svg();
    const parsed = new DOMParser().parseFromString(svg, "image/svg+xml");
    expect(parsed.querySelector("parsererror, script")).toBeNull();
    expect([...parsed.querySelectorAll("text")].map((one) => one.textContent)).toContain("Cross-attention");
  });
});
