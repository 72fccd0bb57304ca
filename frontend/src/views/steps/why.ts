/** Why a query looks at a key: the parts of their product, from the highest down, as bars with a sign. */

import { colourAt } from "../../colours";
import type { Palette, Steps } from "../../contract";
import { element } from "../../elements";
import { vectorTable } from "./numbers";
import { largestSize } from "./sizes";
import { numberText } from "./stages";

/** Channels that have a bar of their own, at either end. */
const HIGHEST = 8;
const LOWEST = 4;

export interface Pair {
  /** Which row and column of the steps. */
  row: number;
  column: number;
  queryLabel: string;
  keyLabel: string;
}

/** What each channel adds to q · k, in their order. */
export function channelsOf({ query, key, dim }: Steps, { row, column }: Pair): Float32Array {
  const k = key.subarray(column * dim, (column + 1) * dim);
  return query.subarray(row * dim, (row + 1) * dim).map((value, at) => value * k[at]);
}

/** The channels from the highest down; of many those in the middle are one. */
export function rankedChannels(products: ArrayLike<number>): { name: string; value: number }[] {
  const order = Array.from(products, (value, channel) => ({ name: `channel ${channel}`, value }));
  order.sort((one, two) => two.value - one.value);
  if (order.length <= HIGHEST + LOWEST + 1) return order;
  const middle = order.slice(HIGHEST, order.length - LOWEST);
  const sum = middle.reduce((all, { value }) => all + value, 0);
  const between = { name: `${middle.length} between`, value: sum };
  return [...order.slice(0, HIGHEST), between, ...order.slice(order.length - LOWEST)];
}

/** The bars, and the vectors themselves. */
export function whyElements(steps: Steps, pair: Pair, score: number, palette: Palette): HTMLElement[] {
  const { query, key, dim } = steps;
  const products = channelsOf(steps, pair);
  const sum = numberText(score);
  const said = element("p", "steps-why-sum");
  said.textContent = `q · k is ${sum}, the sum of what ${dim} channels add:`;
  const ranked = rankedChannels(products);
  const most = largestSize(ranked.map(({ value }) => value)) || 1;
  const bars = element("ol", "steps-why");
  for (const { name, value } of ranked) {
    const line = element("li");
    const track = element("span", "steps-why-track");
    const bar = element("span", `steps-why-bar ${value < 0 ? "negative" : "positive"}`);
    bar.style.width = `${(50 * Math.abs(value)) / most}%`;
    bar.style.background = colourAt((value < 0 ? -1 : 1) * (0.35 + (0.5 * Math.abs(value)) / most), palette);
    track.append(bar);
    line.append(element("span", "steps-why-name", name), track, element("span", "steps-why-value", numberText(value)));
    bars.append(line);
  }
  const vectors = vectorTable(
    `Components of the query ${pair.queryLabel}, of the key ${pair.keyLabel}, and their products, which sum to ${sum}`,
    "component",
    [
      { name: "q", values: query.subarray(pair.row * dim, (pair.row + 1) * dim), largest: largestSize(query) },
      { name: "k", values: key.subarray(pair.column * dim, (pair.column + 1) * dim), largest: largestSize(key) },
      { name: "q · k", values: products, largest: largestSize(products), sum },
    ],
    "Σ",
    palette,
  );
  return [said, bars, vectors];
}
