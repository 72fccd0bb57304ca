import { describe, expect, it } from "vitest";
import { visible, weightText } from "../src/labels";

describe("labels", () => {
  it("write out what cannot be seen or would move its neighbours", () => {
    expect(visible("a\u202eb")).toBe("a⟨202E⟩b");
    expect(visible("\u200b")).toBe("⟨200B⟩");
    expect(visible("\ud800x")).toBe("⟨D800⟩x");
    expect(visible("\n\t")).toBe("⏎⇥");
    expect(visible("  ")).toBe("␣␣");
    expect(visible("")).toBe("⟨empty⟩");
  });

  it("keep scripts, emoji and their joins", () => {
    for (const token of ["日本語", "👩‍🚀", "Ġthe", "▁naïve", "</script>", "שלום"]) expect(visible(token)).toBe(token);
  });

  it("cut what is long, by characters and not by halves of them", () => {
    expect(visible("x".repeat(10_000), 5)).toBe("xxxx…");
    expect(visible("🐈".repeat(100), 3)).toBe("🐈🐈…");
  });

  it("give weights digits that tell them apart", () => {
    expect([0, 1, 0.25, 0.0123, 0.00012].map(weightText)).toEqual(["0", "1.00", "0.25", "0.012", "1.2e-4"]);
  });
});
