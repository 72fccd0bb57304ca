/** Which head has which colour. */

import type { Palette } from "../contract";
import { element, svgElement } from "../elements";
import { cssOf } from "./head_colours";

/** Pixels from one head to the next in a drawing. */
const STEP = 74;

/** A square and a name a head; empty where the heads have no colours. */
export function headLegend(heads: readonly number[]): HTMLElement {
  const made = element("span", "head-legend");
  heads.forEach((head, at) => {
    const square = element("i");
    square.style.background = cssOf(at);
    const name = element("span", "", `head ${head}`);
    name.prepend(square, " ");
    made.append(name);
  });
  return made;
}

/** The same in a drawing, from (x, y), the middle of its line, on. */
export function drawnLegend(heads: readonly number[], x: number, y: number, palette: Palette): SVGElement {
  const made = svgElement("g", { "font-family": "system-ui, sans-serif", "font-size": 12, fill: palette.text });
  heads.forEach((head, at) => {
    const left = x + at * STEP;
    made.append(svgElement("rect", { x: left, y: y - 6, width: 12, height: 12, fill: cssOf(at) }));
    made.append(svgElement("text", { x: left + 18, y: y + 4 }, `head ${head}`));
  });
  return made;
}
