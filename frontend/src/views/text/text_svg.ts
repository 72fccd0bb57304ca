/** The running text as it stands on screen, as a picture of its own. */

import type { Palette } from "../../contract";
import { svgElement } from "../../elements";

const MOST = 3000;

/** Every title and token of the stage where the browser has put it, with its background; the caption below. */
export function textAsSvg(stage: HTMLElement, caption: string, palette: Palette): string {
  const frame = stage.getBoundingClientRect();
  const width = Math.max(320, frame.width);
  const height = stage.scrollHeight + 34;
  const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  svg.append(svgElement("rect", { width, height, fill: palette.background }));
  const pieces = [...stage.querySelectorAll<HTMLElement>("h2, .text-token")].slice(0, MOST);
  for (const piece of pieces) {
    const box = piece.getBoundingClientRect();
    const [x, y] = [box.left - frame.left + stage.scrollLeft, box.top - frame.top + stage.scrollTop];
    const title = piece.tagName === "H2";
    if (piece.style.background)
      svg.append(
        svgElement("rect", { x, y, width: box.width, height: box.height, rx: 4, fill: piece.style.background }),
      );
    if (piece.classList.contains("chosen"))
      svg.append(
        svgElement("rect", { x, y, width: box.width, height: box.height, rx: 4, fill: "none", stroke: palette.accent }),
      );
    const faint = title || piece.classList.contains("special");
    const text = svgElement("text", {
      x: title ? x : x + box.width / 2,
      y: y + box.height / 2,
      "dominant-baseline": "central",
      "text-anchor": title ? "start" : "middle",
      "font-family": "system-ui, sans-serif",
      "font-size": title ? 12 : 16,
      fill: piece.style.color || (faint ? palette.dimmed : palette.text),
    });
    text.textContent = piece.textContent;
    svg.append(text);
  }
  const foot = svgElement("text", {
    x: 12,
    y: height - 12,
    "font-family": "system-ui, sans-serif",
    "font-size": 12,
    fill: palette.dimmed,
  });
  foot.textContent = caption;
  svg.append(foot);
  return new XMLSerializer().serializeToString(svg);
}
