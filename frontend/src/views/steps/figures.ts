/** The whole matrix of each stage, in small. */

import { rgbAt } from "../../colours";
import type { Palette, Steps } from "../../contract";
import { button, element } from "../../elements";
import { largestSize } from "./sizes";
import type { Stage } from "./stages";

/** Pixels of the longer side. */
const SIDE = 96;

/** One figure a stage; a press on it chooses the stage. */
export function figuresOf(
  stages: readonly Stage[],
  { queries, keys }: Pick<Steps, "queries" | "keys">,
  query: number,
  palette: Palette,
  choose: (stage: number) => void,
): HTMLElement[] {
  return stages.map((stage, at) => {
    const figure = button("", `all queries: ${stage.name}`, () => choose(at));
    figure.className = "steps-figure";
    const canvas = element("canvas");
    canvas.width = keys;
    canvas.height = queries;
    canvas.setAttribute("role", "img");
    canvas.setAttribute(
      "aria-label",
      `${stage.name} of all ${queries} queries and ${keys} keys, query ${query} marked`,
    );
    const size = SIDE / Math.max(queries, keys);
    canvas.style.width = `${keys * size}px`;
    canvas.style.height = `${queries * size}px`;
    const context = canvas.getContext("2d");
    if (context) context.putImageData(new ImageData(pixelsOf(stage, palette), keys, queries), 0, 0);
    const frame = element("span", "steps-matrix");
    const mark = element("span", "steps-mark");
    mark.style.top = `${query * size}px`;
    mark.style.height = `${Math.max(2, size)}px`;
    frame.append(canvas, mark);
    figure.append(frame, element("span", "", stage.name));
    return figure;
  });
}

function pixelsOf({ values, weights }: Stage, palette: Palette): Uint8ClampedArray<ArrayBuffer> {
  const most = weights ? 1 : largestSize(values);
  const pixels = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, at) => {
    const share = Number.isFinite(value) && most > 0 ? value / most : 0;
    pixels.set([...rgbAt(share, palette), 255], 4 * at);
  });
  return pixels;
}
