// @vitest-environment jsdom
import { readFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { EXHIBITS, type Example } from "../src/playground/exhibits";
import { mountExhibits } from "../src/playground/index";
import {
  cached,
  PLAIN,
  type Policy,
  type Rule,
  rotated,
  type Settings,
  scored,
  softmax,
  type Table,
  tiles,
  writes,
} from "../src/playground/numbers";

interface Cases {
  query: number[][];
  key: number[][];
  unit: number[][];
  value: number[][];
  attention: { settings: Partial<Settings>; weights: number[][] }[];
  rotary: { base: number; turned: number[][] }[];
  softmax: number[][];
  logsumexp: number[];
  states: { rule: Rule; state: number[][] }[];
  caches: { policy: Policy; room: number; weights: (number | null)[][] }[];
}

const cases: Cases = JSON.parse(readFileSync("tests/exhibits/cases.json", "utf8"));

function expectClose(found: Table, wanted: readonly (readonly (number | null)[])[]): void {
  expect(found.length).toBe(wanted.length);
  found.forEach((row, i) => {
    row.forEach((number, j) => {
      const other = wanted[i][j];
      if (other === null) expect(number, `${i}, ${j}`).toBeNaN();
      else expect(number, `${i}, ${j}`).toBeCloseTo(other, 9);
    });
  });
}

test.each(cases.attention)("weights with $settings are the textbook's", ({ settings, weights }) => {
  const given = { ...PLAIN, ...settings };
  expectClose(softmax(scored(cases.query, cases.key, given), given.sink), weights);
});

test.each(cases.rotary)("rows turned with a base of $base are the textbook's", ({ base, turned }) => {
  expectClose(rotated(cases.query, base, 1), turned);
});

test("pressed together, two tokens turn as one did", () => {
  const [same] = cases.query;
  expectClose([rotated([same, same, same], 100, 2)[2]], [rotated([same, same], 100, 1)[1]]);
});

test.each([1, 2, 3, 7, 9])("tiles of %i add up to the softmax", (size) => {
  scored(cases.query, cases.key, PLAIN).forEach((row, i) => {
    const last = tiles(row, cases.value, size).at(-1);
    expectClose([last?.output ?? []], [cases.softmax[i]]);
    expect((last?.top ?? 0) + Math.log(last?.total ?? 0)).toBeCloseTo(cases.logsumexp[i], 9);
  });
});

test.each(cases.states)("$rule leaves the textbook's state", ({ rule, state }) => {
  expectClose(writes(cases.unit, cases.value, rule, 0.5, 0.75).at(-1)?.after ?? [], state);
});

test("a write says what was there before", () => {
  const [, second] = writes(
    [
      [1, 0],
      [1, 0],
    ],
    [[3], [5]],
    "delta",
    1,
    1,
  );
  expect([second.before, second.found, second.after]).toEqual([[[3], [0]], [3], [[5], [0]]]);
});

test.each(cases.caches)("a cache of $policy with room for $room is the textbook's", ({ policy, room, weights }) => {
  expectClose(cached(scored(cases.query, cases.key, { ...PLAIN, causal: true }), policy, room), weights);
});

test("a row that sees nothing is 0, and not NaN", () => {
  expect(softmax([[Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]])).toEqual([[0, 0]]);
});

const example: Example = {
  tokens: ["the", "cat", "sat", "on", "the", "mat", "."],
  query: cases.query,
  key: cases.key,
  value: cases.value,
  from: "a test",
  learning: {
    words: ["<s>", "ada", "stone", "met", "ada"],
    rows: [[2], [4]],
    heads: ["0.1", "1.2"],
    steps: [
      { step: 0, loss: 4.38, names: 4.3, heads: [[[0.3, 0.3, 0.4, 0, 0]], [[0.2, 0.2, 0.2, 0.2, 0.2]]] },
      { step: 50, loss: 1, names: 0.01, heads: [[[0, 1, 0, 0, 0]], [[0, 0, 0.9, 0, 0.1]]] },
    ],
  },
};

beforeEach(() => {
  document.body.innerHTML = Object.keys(EXHIBITS)
    .map((name) => `<div data-exhibit="${name}"></div>`)
    .join("");
  mountExhibits(document, example);
});

function exhibit(name: string): HTMLElement {
  return document.querySelector(`[data-exhibit=${name}]`) as HTMLElement;
}

function turn(place: HTMLElement, name: string, value: number): void {
  const label = [...place.querySelectorAll("label")].find((one) =>
    one.textContent?.startsWith(name),
  ) as HTMLLabelElement;
  const control = label.querySelector("input") as HTMLInputElement;
  control.value = String(value);
  control.dispatchEvent(new Event("input"));
}

test("every control has a name, and every table a caption and headings", () => {
  for (const name of Object.keys(EXHIBITS)) {
    for (const control of exhibit(name).querySelectorAll("input, select"))
      expect(control.closest("label")?.textContent).toBeTruthy();
    for (const table of exhibit(name).querySelectorAll("table")) {
      expect(table.caption?.textContent).toBeTruthy();
      expect(table.querySelectorAll("th[scope=row]").length).toBe(table.tBodies[0].rows.length);
    }
  }
});

test("a slider says its value, and changes what is shown", () => {
  const place = exhibit("attention");
  const before = place.querySelector("tbody")?.textContent;
  turn(place, "sharpness", 2);
  expect(place.querySelector("output")?.textContent).toBe("× 4.00");
  expect(place.querySelector("tbody")?.textContent).not.toBe(before);
  turn(place, "sink", 5);
  expect(place.querySelector(".said")?.textContent).toMatch(/% of the weight goes to the sink/);
});

test("a cell that is pressed by keyboard is hidden, and keeps the focus", () => {
  const place = exhibit("masks");
  const first = place.querySelector("button") as HTMLButtonElement;
  expect(first.getAttribute("aria-pressed")).toBe("true");
  first.focus();
  first.click();
  const again = place.querySelector("button") as HTMLButtonElement;
  expect(again.getAttribute("aria-pressed")).toBe("false");
  expect(document.activeElement).toBe(again);
  expect(place.querySelector(".said")?.textContent).toMatch(/27 of 49 pairs .* 1 row may see nothing/);
});

test("the last tile is the softmax, and says so", () => {
  const place = exhibit("tiles");
  turn(place, "tiles read", 7);
  expect(place.querySelector(".said")?.textContent).toMatch(/It is all/);
});

test("a head is shown as it was at a step of training", () => {
  const place = exhibit("learning");
  expect(place.querySelector("caption")?.textContent).toBe("Head 1.2 at step 0");
  turn(place, "step of training", 1);
  expect(place.querySelector("output")?.textContent).toBe("50");
  expect([...place.querySelectorAll("tbody td")].map((cell) => cell.textContent)).toEqual(["", "", "0.9", "", "0.1"]);
  expect(place.querySelector(".said")?.textContent).toMatch(/1.00 nats a word; 0.01 on last names/);
  const rows = place.querySelector("select") as HTMLSelectElement;
  rows.value = "last names, in layer 0";
  rows.dispatchEvent(new Event("change"));
  expect(place.querySelector("caption")?.textContent).toBe("Head 0.1 at step 50");
  expect(place.querySelectorAll("td.hidden").length).toBe(2);
});

test("an exhibit that nobody knows is told by name", () => {
  document.body.innerHTML = '<div data-exhibit="nothing"></div>';
  expect(() => mountExhibits(document, example)).toThrow(
    "expected one of attention, masks, tiles, states, caches, learning, got nothing",
  );
});
