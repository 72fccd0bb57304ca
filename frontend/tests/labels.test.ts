import { describe, expect, it } from "vitest";
import { brief, isolated, weightText } from "../src/labels";

describe("labels", () => {
  it("of nothing say so", () => expect(brief("")).toBe("⟨empty⟩"));

  it("keep scripts, emoji and their joins", () => {
    for (const token of ["日本語", "👩‍🚀", "▁the", "▁naïve", "</script>", "שלום"]) expect(brief(token)).toBe(token);
  });

  it("cut what is long, by characters and not by parts of them", () => {
    expect(brief("x".repeat(10_000), 5)).toBe("xxxx…");
    expect(brief("🐈".repeat(100), 3)).toBe("🐈🐈…");
    expect(brief("👩‍👩‍👧".repeat(3), 3)).toBe("👩‍👩‍👧".repeat(3));
    expect(brief("👩‍👩‍👧".repeat(4), 3)).toBe(`${"👩‍👩‍👧".repeat(2)}…`);
    expect(brief(`a${"\u0301".repeat(100_000)}`, 3).length).toBeLessThan(200);
  });

  it("keep their direction to themselves in a sentence", () => {
    expect(isolated("▁חתול")).toBe("\u2068▁חתול\u2069");
    expect(isolated("▁cat ⟨200F⟩")).toBe("▁cat ⟨200F⟩");
  });

  it("give weights digits that tell them apart", () => {
    expect([0, 1, 0.25, 0.0123, 0.00012].map(weightText)).toEqual(["0", "1.00", "0.25", "0.012", "1.2e-4"]);
  });
});
