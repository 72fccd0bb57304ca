import { expect, test } from "vitest";
import type { Cells, How, MapInfo, RegionRequest } from "../src/contract";
import { Engine, mapOf, shapesOf, type Work } from "../src/engine/engine";
import { unpack } from "../src/engine/pack";
import { margins, region, type Special } from "../src/engine/regions";
import { unpackMargins, unpackRegion, unpackSteps } from "../src/engine/wire";
import { denseSource } from "./dense_source";
import { type MadeMap, makeDense, makeFactors, manifestOfMaps, type Recipe } from "./engine_maps";

const QUERIES = 37;
const KEYS = 53;
const SIZE = { queries: QUERIES, keys: KEYS, dim: 11 };
const causal = (_: number, query: number, key: number) => key <= query + KEYS - QUERIES;

const RECIPES: Record<string, Recipe> = {
  plain: { heads: 3, ...SIZE },
  causal: { heads: 3, ...SIZE, visible: causal, maskOf: [0, 0, 0] },
  window: { heads: 3, ...SIZE, visible: (_, i, j) => Math.abs(i + 16 - j) < 5, maskOf: [2, 2, 2] },
  padding: { heads: 3, ...SIZE, visible: (_, i, j) => j > 6 && j < 49 && i !== j },
  "several runs, one mask a head": { heads: 3, ...SIZE, visible: (h, i, j) => (i * 7 + j * 3 + h) % 5 < 3 },
  "global and local": {
    heads: 3,
    ...SIZE,
    visible: (h, i, j) => h === 1 || j < 3 || Math.abs(i - j) < 4,
    maskOf: [0, 1, 0],
  },
  "blind rows": { heads: 3, ...SIZE, visible: (_, i, j) => i > 5 && i !== 20 && j <= i },
  softcap: { heads: 3, ...SIZE, softcap: 1.5, scale: 0.9 },
  "sinks, causal, blind": { heads: 3, ...SIZE, sinks: true, visible: (_, i, j) => j < i },
  "relative bias": { heads: 3, ...SIZE, bias: "relative", visible: causal },
  "full bias, softcap": { heads: 3, ...SIZE, bias: "full", softcap: 2 },
  "a bias that hides": { heads: 3, ...SIZE, bias: "hiding" },
  "one row of bias": { heads: 3, ...SIZE, bias: "row" },
  "shared keys": { heads: 6, kvHeads: 2, ...SIZE, visible: causal },
  "codes of 12 bits": { heads: 4, kvHeads: 2, ...SIZE, codes: "int12p" },
  "codes of 16 bits": { heads: 3, ...SIZE, codes: "int16p", visible: causal },
  "longer than a tile": { heads: 2, queries: 71, keys: 601, dim: 5, visible: (_, i, j) => j < 500 + i && j % 97 !== 3 },
};

const CELLS: ((size: number) => Cells)[] = [
  (size) => ({ start: 0, stop: size, count: size }),
  (size) => ({ start: 2, stop: size - 1, count: 7 }),
  () => ({ start: 5, stop: 9, count: 6 }), // more cells than positions: some are empty
  (size) => ({ starts: [0, 3, 4, 20], stops: [3, 4, 13, size] }),
  (size) => ({ starts: [size - 2, 1], stops: [size, 2] }), // far apart, and backwards
];
const HOWS: How[] = ["mean", "max", "mass"];

/** Requests of every kind: cells × ways × hiding × renormalising × samples × heads. */
function requestsOf(info: Pick<MapInfo, "heads" | "queries" | "keys">): RegionRequest[] {
  return CELLS.flatMap((rows, one) =>
    CELLS.flatMap((columns, two) =>
      HOWS.map((how, three) => ({
        map: 0,
        heads: [[0], [info.heads - 1], Array.from({ length: info.heads }, (_, head) => head)][(one + two + three) % 3],
        rows: rows(info.queries),
        columns: columns(info.keys),
        how,
        hideSpecial: (one + three) % 2 === 1,
        renormalise: (two + three) % 3 === 1,
        sample: [0, 1, 3][(one + 2 * two) % 3],
      })),
    ),
  );
}

function finish<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

async function compare(made: MadeMap, heads: number, queries: number, keys: number): Promise<void> {
  const manifest = manifestOfMaps([{ heads, queries, keys }]);
  const engine = new Engine(shapesOf(manifest), async () => made.packed);
  const reference = denseSource(manifest, [made.weights.map((own) => Float32Array.from(own))]);
  for (const request of requestsOf(manifest.maps[0])) {
    const found = unpackRegion(finish(await engine.begin("region", request)));
    const expected = await reference.region(request);
    expect([found.rows, found.columns]).toEqual([expected.rows, expected.columns]);
    expectClose(found.values, expected.values, 3e-6, JSON.stringify(request));
    const { map, heads, rows, columns, hideSpecial } = request;
    const beside = { map, heads, rows, columns, hideSpecial };
    const besideFound = unpackMargins(finish(await engine.begin("margins", beside)));
    const besideExpected = await reference.margins(beside);
    expectClose(besideFound.received, besideExpected.received, 3e-5, JSON.stringify(beside));
    expectClose(besideFound.entropy, besideExpected.entropy, 3e-5, JSON.stringify(beside));
  }
}

function expectClose(found: Float32Array, expected: Float32Array, tolerance: number, what: string): void {
  expect(found.length, what).toBe(expected.length);
  let worst = 0;
  found.forEach((value, at) => {
    const difference = Math.abs(value - expected[at]);
    worst = difference > worst || Number.isNaN(difference) ? difference : worst;
  });
  expect(worst, what).toBeLessThan(tolerance);
}

for (const [name, recipe] of Object.entries(RECIPES))
  test(`regions and margins of factors equal those of weights computed one by one: ${name}`, async () => {
    await compare(makeFactors(recipe), recipe.heads, recipe.queries, recipe.keys);
  });

for (const [codes, signed] of [
  [true, false],
  [true, true],
  [false, false],
  [false, true],
])
  test(`regions and margins of dense weights: ${codes ? "codes" : "float32"}${signed ? ", signed" : ""}`, async () => {
    await compare(makeDense(3, 29, 41, codes, signed), 3, 29, 41);
  });

const NOTHING: Special = { rows: new Set(), columns: new Set() };

test("where all costs too much, as many queries are read in a cell as fit, and the answer says how many", () => {
  const made = makeFactors(RECIPES.plain);
  const map = mapOf(unpack(made.packed));
  const request: RegionRequest = {
    map: 0,
    heads: [1],
    rows: { start: 0, stop: QUERIES, count: 4 }, // of 9 or 10 queries
    columns: { start: 0, stop: KEYS, count: KEYS },
    how: "mean",
    hideSpecial: false,
    renormalise: false,
    sample: 0,
  };
  const row = map.work(1, 0, 0, KEYS);
  expect(finish(region(map, NOTHING, request, QUERIES * row)).sampled).toBe(0);
  const limited = finish(region(map, NOTHING, request, 15 * row));
  expect(limited.sampled).toBe(3);
  expect(limited.values).toEqual(finish(region(map, NOTHING, { ...request, sample: 3 })).values);
  expect(finish(region(map, NOTHING, { ...request, sample: 7 }, 15 * row)).sampled).toBe(3);
  expect(finish(region(map, NOTHING, request, 1)).sampled).toBe(1); // one query a cell is always read
  expect(finish(region(map, NOTHING, { ...request, sample: 10 })).sampled).toBe(0);
  const far = { starts: [0, KEYS - 1], stops: [1, KEYS] }; // what lies between is not computed
  expect(finish(region(map, NOTHING, { ...request, columns: far }, (QUERIES * row * 2) / KEYS)).sampled).toBe(0);
});

test("a key that is seen costs, one that is hidden does not", () => {
  const map = mapOf(
    unpack(makeFactors({ heads: 1, queries: 7, keys: 7, dim: 3, visible: (_, i, j) => j <= i }).packed),
  );
  const full = mapOf(unpack(makeFactors({ heads: 1, queries: 7, keys: 7, dim: 3 }).packed));
  expect(map.work(0, 2, 0, 7)).toBe((full.work(0, 2, 0, 7) * 3) / 7);
  expect(map.work(0, 2, 2, 7)).toBe(full.work(0, 2, 0, 1));
});

test("of heads of a large map, entropy is the mean of theirs; received is so always", () => {
  const queries = 1031;
  const keys = 2039; // times two heads more than 2^22 weights
  const made = makeDense(2, queries, keys, true);
  const map = mapOf(unpack(made.packed));
  const cells = { rows: { start: 3, stop: 4, count: 1 }, columns: { start: 7, stop: 8, count: 1 } };
  const of = (heads: number[]) => finish(margins(map, NOTHING, { map: 0, heads, ...cells, hideSpecial: false }));
  const [one, two, both] = [of([0]), of([1]), of([0, 1])];
  expect(both.entropy[0]).toBeCloseTo((one.entropy[0] + two.entropy[0]) / 2, 3);
  expect(both.received[0]).toBeCloseTo((one.received[0] + two.received[0]) / 2, 3);
  expect(both.sampled).toBe(0);
});

test("the steps of a computation lead to its weights", async () => {
  const recipe: Recipe = { ...RECIPES["sinks, causal, blind"], heads: 4, kvHeads: 2, softcap: 2, bias: "relative" };
  const made = makeFactors({ ...recipe, valueDim: 7 });
  const engine = new Engine(shapesOf(manifestOfMaps([recipe])), async () => made.packed);
  const found = unpackSteps(finish(await engine.begin("steps", { map: 0, head: 3 })));
  const { dim, scale } = { dim: 11, scale: 11 ** -0.5 };
  const { scores, scaled, capped, biased, masked, weights, output } = found;
  if (!(capped && biased && masked && output && found.value && made.value)) throw new Error("a stage is missing");
  const [i, j] = [30, 12];
  const at = i * KEYS + j;
  let product = 0;
  for (let d = 0; d < dim; d++) product += found.query[i * dim + d] * found.key[j * dim + d];
  expect(scores[at]).toBeCloseTo(product, 5);
  expect(scaled[at]).toBeCloseTo(product * scale, 5);
  expect(capped[at]).toBeCloseTo(2 * Math.tanh((product * scale) / 2), 5);
  expectClose(masked.map(Math.exp), Float32Array.from(made.scores[3], Math.exp), 1e-4, "scores");
  expect(biased[at]).toBe(masked[at]);
  expect(masked[i * KEYS + i]).toBe(-Infinity);
  expectClose(weights, Float32Array.from(made.weights[3]), 1e-6, "weights");
  const expected = new Float32Array(QUERIES * 7);
  for (let q = 0; q < QUERIES; q++)
    for (let k = 0; k < KEYS; k++)
      for (let d = 0; d < 7; d++)
        expected[q * 7 + d] += made.weights[3][q * KEYS + k] * made.value[(1 * KEYS + k) * 7 + d];
  expectClose(output, expected, 1e-5, "output");
  expect(found.sink).toBeTypeOf("number");
  expect([found.valueDim, found.dim, found.queries, found.keys]).toEqual([7, 11, QUERIES, KEYS]);
});

test("the steps of one query are those of all, with the keys that it gives most to", async () => {
  const recipe: Recipe = { ...RECIPES["sinks, causal, blind"], heads: 4, kvHeads: 2, softcap: 2, bias: "relative" };
  const made = makeFactors({ ...recipe, valueDim: 7 });
  const engine = new Engine(shapesOf(manifestOfMaps([recipe])), async () => made.packed);
  const all = unpackSteps(finish(await engine.begin("steps", { map: 0, head: 3 })));
  const [query, asked] = [30, 2];
  const one = unpackSteps(finish(await engine.begin("steps", { map: 0, head: 3, query, key: asked })));
  const positions = one.positions!;
  const row = all.weights.subarray(query * KEYS, (query + 1) * KEYS);
  const most = Array.from(row.keys()).sort((a, b) => row[b] - row[a] || a - b);
  expect(positions).toEqual([...new Set([...most.slice(0, 24), asked])].sort((a, b) => a - b));
  for (const name of ["scores", "scaled", "capped", "biased", "masked", "weights"] as const)
    expect([...one[name]!]).toEqual(positions.map((at) => all[name]![query * KEYS + at]));
  expectClose(one.output!, all.output!.subarray(query * 7, (query + 1) * 7), 1e-6, "output");
  const told = one.weights.reduce((sum, weight) => sum + weight, 0);
  expect(told + one.rest!).toBeCloseTo(
    row.reduce((sum, weight) => sum + weight, 0),
    6,
  );
  expect(one.hidden).toBe(
    all.masked!.subarray(query * KEYS, (query + 1) * KEYS).filter((one) => one === -Infinity).length,
  );
  expect([...one.key.subarray(0, 11)]).toEqual([...all.key.subarray(11 * positions[0], 11 * positions[0] + 11)]);
  await expect(engine.begin("steps", { map: 0, head: 3, query: QUERIES })).rejects.toThrow(`a query below ${QUERIES}`);
});

test("stages that a map does not have are null", async () => {
  const engine = new Engine(shapesOf(manifestOfMaps([RECIPES.plain])), async () => makeFactors(RECIPES.plain).packed);
  const found = unpackSteps(finish(await engine.begin("steps", { map: 0, head: 0 })));
  const { capped, biased, masked, value, output, sink, softcap } = found;
  expect({ capped, biased, masked, value, output, sink, softcap }).toEqual({
    capped: null,
    biased: null,
    masked: null,
    value: null,
    output: null,
    sink: null,
    softcap: null,
  });
});

test("the engine refuses what it cannot answer, and says what it expected", async () => {
  const made = makeDense(2, 5, 7, false);
  const engine = new Engine(shapesOf(manifestOfMaps([{ heads: 2, queries: 5, keys: 7 }])), async () => made.packed);
  const request = requestsOf({ heads: 2, queries: 40, keys: 40 })[0];
  const ask = (question: string, change: object): Promise<Work> => engine.begin(question, { ...request, ...change });
  const rows = { start: 0, stop: 5, count: 5 };
  const columns = { start: 0, stop: 7, count: 7 };
  await expect(ask("region", { map: 1, rows, columns })).rejects.toThrow("expected a map from 0 to 0, got 1");
  await expect(ask("region", { heads: [2], rows, columns })).rejects.toThrow("expected a head from 0 to 1, got 2");
  await expect(ask("region", { heads: [], rows, columns })).rejects.toThrow("expected one head or more");
  await expect(ask("region", { rows: { ...rows, stop: 6 }, columns })).rejects.toThrow(
    "rows: expected cells within 0 … 5",
  );
  await expect(ask("margins", { rows, columns: { starts: [1, 2], stops: [2] } })).rejects.toThrow("as many stops");
  await expect(ask("region", { rows, columns, how: "sum" })).rejects.toThrow("expected mean, max or mass");
  const many = { rows: { ...rows, count: 1025 }, columns: { ...columns, count: 1024 } };
  await expect(ask("region", many)).rejects.toThrow("expected at most 1048576 cells");
  await expect(ask("steps", { head: 0 })).rejects.toThrow("dense weights, which has no steps");
  await expect(ask("tea", {})).rejects.toThrow("expected a question of");
});
