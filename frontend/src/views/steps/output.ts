/** What a row gives: the values of its keys, each times its weight, and their sum. */

import type { Palette, Steps } from "../../contract";
import { weightText } from "../../labels";
import { math, sub } from "./formula";
import { vectorTable } from "./numbers";
import { largestSize } from "./sizes";

/** A row of the steps: its weights, which of the rows it is, and what its query is called. */
export interface Carried {
  weights: Float32Array;
  row: number;
  query: string;
}

export function outputTable(
  { value, valueDim, output }: Steps,
  { weights, row, query }: Carried,
  keyLabel: (column: number) => string,
  palette: Palette,
): HTMLTableElement {
  if (!value || !output) throw new Error("expected values with the output, got none");
  const largest = largestSize(value);
  const lines = Array.from(weights, (weight, column) => ({
    name: `${weightText(weight)} · ${keyLabel(column)}`,
    values: value.subarray(column * valueDim, (column + 1) * valueDim).map((one) => weight * one),
    largest,
  }));
  const sum = output.subarray(row * valueDim, (row + 1) * valueDim);
  const table = vectorTable(
    `Each key's value times its weight; their sum is the output for ${query}`,
    "weight · key",
    [...lines, { name: "output", values: sum, largest }],
    null,
    palette,
  );
  const last = table.tBodies[0].rows[lines.length];
  last.className = "current";
  last.cells[0].append(" ", math(["=", ["munder", "Σ", "j"], sub("w", "j"), sub("v", "j")]));
  return table;
}
