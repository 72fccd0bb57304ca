// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { fullText } from "../src/labels";
import { commaSeparated, frameNote, tabSeparated } from "../src/shell/saving";

/** Frames from the innermost out; null is one without a sandbox, "elsewhere" one of another origin. */
function framed(origin: string, ...sandboxes: (string | null | "elsewhere")[]): Window {
  let outer: unknown = { origin };
  Object.assign(outer as object, { parent: outer, frameElement: null });
  for (const rules of [...sandboxes].reverse()) {
    const frameElement = rules === "elsewhere" ? null : { getAttribute: () => rules };
    outer = { origin, parent: outer, frameElement };
  }
  return outer as Window;
}

describe("what is taken away", () => {
  it("has all digits of a weight, and no more", () => {
    for (const value of [0, 1, -0.25, 0.98, 1 / 3, 2.5e-38, 123456.789, Math.PI]) {
      const single = Math.fround(value);
      expect(Math.fround(Number(fullText(single)))).toBe(single);
      expect(fullText(single).replace(/^-?0?\.?0*|e.*$|\./g, "").length).toBeLessThanOrEqual(9);
    }
    expect(fullText(Math.fround(0.98))).toBe("0.98");
  });

  it("is CSV that reads back, whatever a token says", () => {
    const table = { caption: "", columns: ["query", "weight"], rows: [['a,"b"\n', "0.5"]] };
    expect(commaSeparated(table)).toBe('query,weight\r\n"a,""b""\n",0.5\r\n');
    expect(tabSeparated(table)).toBe('query\tweight\na,"b" \t0.5');
  });
});

describe("a frame that forbids downloads", () => {
  it("is told where it can be seen, and is in doubt where it cannot", () => {
    expect(frameNote(framed("https://a.org"))).toEqual({ forbidden: false, text: "" });
    expect(frameNote(framed("https://a.org", null))).toEqual({ forbidden: false, text: "" });
    expect(frameNote(framed("https://a.org", "allow-scripts allow-same-origin allow-downloads")).forbidden).toBe(false);
    expect(frameNote(framed("https://a.org", "allow-scripts allow-same-origin"))).toEqual({
      forbidden: true,
      text: "this frame forbids downloads; open the page by itself, or copy the table",
    });
    expect(frameNote(framed("https://a.org", null, "allow-scripts")).forbidden).toBe(true);
    expect(frameNote(framed("https://a.org", "elsewhere"))).toEqual({ forbidden: false, text: "" });
    expect(frameNote(framed("null", "elsewhere")).text).toMatch(/^saved, if the frame around this page allows/);
  });
});
