/** Torch's answers about maps of every kind (recipes/tests/viewer_cases.py wrote them) and the engine's, to the same questions. */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Manifest } from "../src/contract";
import { Engine, shapesOf, type Work } from "../src/engine/engine";
import { unpack } from "../src/engine/pack";
import { fromBase64 } from "../src/engine/page_data";

/** Numbers row by row; null is −∞, which JSON lacks. */
type Values = (number | null)[];

interface Case {
  name: string;
  manifest: Manifest;
  data: Record<string, string>;
  questions: {
    question: string;
    request: object;
    meta: Record<string, unknown>;
    arrays: Record<string, Values>;
    tolerance: number;
  }[];
}

const folder = new URL("cases/", import.meta.url);
const cases = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf-8")) as Case);

test("there are cases", () => {
  expect(cases.length).toBeGreaterThan(0);
  for (const { name, questions } of cases) expect(questions.length, name).toBeGreaterThan(0);
});

for (const { name, manifest, data, questions } of cases)
  test(name, async () => {
    const engine = new Engine(shapesOf(manifest), async (pack) => fromBase64(data[pack]).buffer);
    for (const { question, request, meta, arrays, tolerance } of questions) {
      const what = `${question} ${JSON.stringify(request)}`;
      const found = unpack(finish(await engine.begin(question, request)));
      expect(found.meta, what).toEqual(meta);
      expect([...found.arrays.keys()].sort(), what).toEqual(Object.keys(arrays).sort());
      for (const [name, expected] of Object.entries(arrays)) {
        const values = found.arrays.get(name)!.data;
        expect(values.length, `${name} of ${what}`).toBe(expected.length);
        expected.forEach((given, at) => {
          const value = given ?? -Infinity;
          const same = values[at] === value || Math.abs(values[at] - value) <= tolerance;
          if (!same) expect.fail(`${name}[${at}] of ${what}: expected ${value} ± ${tolerance}, got ${values[at]}`);
        });
      }
    }
  });

function finish(work: Work): ArrayBuffer {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
