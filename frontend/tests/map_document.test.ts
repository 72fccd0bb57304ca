// @vitest-environment jsdom
import { describe, expect, it, vi } from "vitest";
import type { State } from "../src/contract";
import { view } from "../src/views/map";
import { smallExample } from "./dense_source";
import { drawn, mounted, sized } from "./map_stage";
import { stageOf } from "./mounting";

sized();

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
