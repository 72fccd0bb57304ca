// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { cssOf } from "../src/compare/head_colours";
import { view } from "../src/views/ribbon";
import { layOut } from "../src/views/ribbon/layout";
import { press, stageOf } from "./mounting";

const paths = (root: HTMLElement) => [...root.querySelectorAll(".ribbon-stage path")];
const seen = (root: HTMLElement) => paths(root).filter((path) => !path.classList.contains("faint-curve"));

describe("the columns of a ribbon", () => {
  it("stand in the column of a page with all of their labels", () => {
    const words = ["daughter.", "histoire"];
    const wide = (text: string) => 8 * text.length;
    const { direction, width, keys, queries } = layOut(words, words, 346, 400, wide, "columns");
    expect([direction, width]).toEqual(["columns", 346]);
    expect(keys.every(({ x, width }) => x - width >= 0)).toBe(true);
    expect(queries.every(({ x, width }) => x + width <= 346)).toBe(true);
    expect(layOut(["a".repeat(30)], words, 346, 400, wide, "columns").width).toBeGreaterThan(346); // it scrolls
  });
});

describe("the ribbon", () => {
  it("draws a curve for each weight from the threshold up", async () => {
    const stage = stageOf(view, { threshold: 0.2 });
    await stage.settle();
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
    expect(paths(stage.root).length).toBe(region.values.filter((weight) => weight >= 0.2).length);
    stage.app.store.set({ threshold: 0.5 });
    expect(paths(stage.root).length).toBe(region.values.filter((weight) => weight >= 0.5).length);
    expect(stage.errors).toEqual([]);
  });

  it("shows what a token attends to, by pointer and by keyboard", async () => {
    const stage = stageOf(view);
    await stage.settle();
    const all = seen(stage.root).length;
    const label = [...stage.root.querySelectorAll("text")].find((text) => text.textContent === "▁chat");
    label?.dispatchEvent(new Event("pointerover", { bubbles: true }));
    expect(stage.app.store.state.query).toBe(1);
    expect(seen(stage.root).length).toBeLessThan(all);
    expect(stage.described.at(-1)).toMatch(/^▁chat attends to ▁cat 0\.\d\d/);
    press(stage.view, "Enter");
    expect(stage.app.store.state.pinned).toBe(true);
    expect(press(stage.view, "ArrowDown")).toBe(true); // 320 pixels: in columns
    expect(stage.app.store.state.query).toBe(2);
    press(stage.view, "Escape");
    expect(seen(stage.root).length).toBe(all);
  });

  it("merges words, hides special tokens, and can show the alignment", async () => {
    const stage = stageOf(view, { unit: "words", special: "hidden", threshold: 0.01 });
    await stage.settle();
    const labels = [...stage.root.querySelectorAll(".label")].map((label) => label.textContent);
    expect(labels).toContain("s'est");
    expect(labels).not.toContain("</s>");
    const box = stage.root.querySelector<HTMLInputElement>("input[type=checkbox]");
    box?.click();
    expect(stage.root.querySelectorAll("path.link").length).toBe(7);
  });

  it("tells the same as a table, and stands alone as SVG", async () => {
    const stage = stageOf(view, { query: 1 });
    await stage.settle();
    const table = await stage.view.table();
    expect(table.rows[0].slice(0, 2)).toEqual(["▁chat", "▁cat"]);
    const svg = await stage.view.svg();
    expect(svg).toContain('xmlns="http://www.w3.org/2000/svg"');
    expect(svg.match(/opacity="0.22"/g)?.length).toBe(paths(stage.root).length - seen(stage.root).length);
  });

  it("has curves of each head in its colour, and says whose they are", async () => {
    const stage = stageOf(view, { heads: [0, 1], several: "colours", threshold: 0.3, query: 1 });
    await stage.settle();
    const count = async (head: number) => {
      const rows = { start: 0, stop: 10, count: 10 };
      const columns = { start: 0, stop: 9, count: 9 };
      const request = { map: 0, heads: [head], rows, columns, how: "mean" as const, hideSpecial: false };
      const { values } = await stage.app.source.region({ ...request, renormalise: false, sample: 0 });
      return values.filter((weight) => weight >= 0.3).length;
    };
    for (const head of [0, 1]) {
      const own = paths(stage.root).filter((path) => path.getAttribute("stroke") === cssOf(head));
      expect(own.length).toBe(await count(head));
    }
    expect(stage.root.querySelector(".head-legend")?.textContent?.replace(/\s+/g, " ").trim()).toBe("head 0 head 1");
    expect(stage.described.at(-1)).toMatch(/^▁chat attends to .* 0\.\d\d \(head [01]\)/);
    const { columns, rows, caption } = await stage.view.table();
    expect(columns[2]).toBe("head");
    expect(new Set(rows.map((row) => row[2]))).toEqual(new Set(["0", "1"]));
    expect(caption).toContain("cross layer 0, heads 0, 1, a colour each: weights of at least 0.30");
    const svg = await stage.view.svg();
    for (const head of [0, 1]) expect(svg).toContain(`>head ${head}</text>`);
    stage.app.store.set({ several: "mean" });
    await stage.settle();
    expect(paths(stage.root).some((path) => path.getAttribute("stroke") === cssOf(0))).toBe(false);
    expect(stage.root.querySelector(".head-legend")?.childElementCount).toBe(0);
  });

  it("shows tokens as text, whatever stands in them", async () => {
    const stage = stageOf(view);
    stage.app.manifest.axes.source.tokens[0] = "</text><script>alert(1)</script>";
    stage.view.redraw();
    await stage.settle();
    expect(stage.root.querySelector("script")).toBeNull();
  });

  it("stands in lines where they fit and in columns where they do not", () => {
    const measure = (text: string) => 8 * text.length;
    expect(layOut(["a", "b"], ["c"], 400, 0, measure).direction).toBe("lines");
    const long = Array.from({ length: 100 }, (_, at) => `token${at}`);
    const layout = layOut(long, ["c"], 400, 0, measure);
    expect(layout.direction).toBe("columns");
    expect(new Set(layout.keys.map(({ y }) => y)).size).toBe(100);
  });
});
