import { describe, expect, it } from "vitest";
import { errorText, weightText } from "../src/labels";
import { shownBy } from "../src/shown";
import { initialState } from "../src/store";
import { valueText } from "../src/views/map/picture";
import { cellAt, partText, readOut } from "../src/views/map/words";
import { smallExample } from "./dense_source";

const { manifest } = smallExample();
const state = initialState(manifest);
const shown = shownBy(manifest, state);

describe("words for what is shown", () => {
  it("round errors up, for they are bounds", () => {
    expect([3e-4, 2.31e-4, 9.97e-5, 1e-6, 0.0014].map(errorText)).toEqual(["3e-4", "2.4e-4", "1e-4", "1e-6", "1.4e-3"]);
  });

  it("name the tokens on screen, those cut by its edges too", () => {
    expect(partText(shown, { top: 1.5, bottom: 3.2, left: 0, right: 9 })).toBe(
      "rows, tokens produced, 1 to 3 of 10; columns, source tokens, 0 to 8 of 9",
    );
  });

  it("write weights shorter in narrow cells, and never 0 for what is not", () => {
    const weights = [0, 1, 0.256, 0.0123, 0.00449, 2e-10, -0.3];
    expect(weights.map((weight) => valueText(weight, 30))).toEqual([
      "0",
      "1.00",
      "0.26",
      "0.01",
      "4e-3",
      "2e-10",
      "-0.30",
    ]);
    expect(weights.map((weight) => valueText(weight, 60))).toEqual(weights.map(weightText));
  });

  it("give the weight under the crosshair, once it has been read", () => {
    const grid = { first: 4, last: 8, step: 2, count: 2 };
    const single = { first: 2, last: 4, step: 1, count: 2 };
    const cells = {
      rows: grid,
      columns: single,
      values: Float32Array.of(0.1, 0.2, 0.3, 0.4),
      sampled: 0,
      every: 1,
      read: true,
    };
    const at = { row: 7, column: 3 };
    const lines = (read: boolean, exact = 0) =>
      readOut(manifest, state, shown, at, cellAt({ ...cells, read }, 7, 3), exact > 0 ? { ...at, weight: exact } : null)
        .map((line) => line.replace(/[\u2068\u2069]/g, ""))
        .slice(-2);
    expect(lines(false)).toEqual(["source tokens: at  (3)", "reading …"]);
    expect(lines(true)).toEqual(["source tokens: at  (3)", "mean of 2 × 1 0.40"]);
    expect(lines(true, 0.75)).toEqual(["weight 0.75", "mean of 2 × 1 0.40"]);
    expect(cellAt(cells, 8, 3)).toBeNull();
    expect(cellAt(cells, 4, 1)).toBeNull();
  });
});
