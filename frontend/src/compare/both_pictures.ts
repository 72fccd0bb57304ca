/** Two pictures as one document: beside each other, or one above the other where both are wide. */

import type { Palette } from "../contract";
import { svgElement } from "../elements";

const BETWEEN = 16;
const HEADING = 24;
/** Pictures that are so many times as wide as high stand above each other. */
const WIDE = 1.5;

/** `names`: what each of them is called, above it. */
export function bothPictures(
  pictures: readonly [string, string],
  names: readonly [string, string],
  palette: Palette,
): string {
  const parts = pictures.map(parsed);
  const sizes = parts.map((part) => ({
    width: Number(part.getAttribute("width")),
    height: Number(part.getAttribute("height")) + HEADING,
  }));
  const above = sizes.every(({ width, height }) => width > WIDE * height);
  const along = (lengths: number[]) => lengths[0] + BETWEEN + lengths[1];
  const [widths, heights] = [sizes.map(({ width }) => width), sizes.map(({ height }) => height)];
  const whole = {
    width: above ? Math.max(...widths) : along(widths),
    height: above ? along(heights) : Math.max(...heights),
  };
  const svg = svgElement("svg", { ...whole, viewBox: `0 0 ${whole.width} ${whole.height}`, role: "img" });
  svg.append(svgElement("rect", { ...whole, fill: palette.background }));
  parts.forEach((part, at) => {
    const [x, y] = at === 0 ? [0, 0] : above ? [0, heights[0] + BETWEEN] : [widths[0] + BETWEEN, 0];
    const font = { "font-family": "system-ui, sans-serif", "font-size": 15, "font-weight": "bold", fill: palette.text };
    svg.append(svgElement("text", { x: x + 8, y: y + 18, ...font }, names[at]));
    part.setAttribute("x", String(x));
    part.setAttribute("y", String(y + HEADING));
    if (at > 0) renamed(part);
    svg.append(document.importNode(part, true));
  });
  return new XMLSerializer().serializeToString(svg);
}

function parsed(text: string): Element {
  return new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
}

/** What a drawing calls its clips would otherwise be those of the first. */
function renamed(part: Element): void {
  for (const clip of part.querySelectorAll("clipPath")) clip.id = `b-${clip.id}`;
  for (const cut of part.querySelectorAll("[clip-path]"))
    cut.setAttribute("clip-path", (cut.getAttribute("clip-path") ?? "").replace("#", "#b-"));
}
