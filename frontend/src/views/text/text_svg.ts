/** The running text as it stands on screen, as a picture of its own. */

import { drawnLegend } from "../../compare/head_legend";
import type { Palette } from "../../contract";
import { svgElement } from "../../elements";

const MOST = 3000;

/** Room for the names of the heads that have colours. */
const LEGEND_ROOM = 24;

/** Every title and token of the stage where the browser has put it, with its background; the caption below. */
export function textAsSvg(stage: HTMLElement, caption: string, palette: Palette, heads: readonly number[]): string {
  const frame = stage.getBoundingClientRect();
  const width = Math.max(320, frame.width);
  const pieces = [...stage.querySelectorAll<HTMLElement>("h2, .text-token")].slice(0, MOST);
  const last = pieces[pieces.length - 1]?.getBoundingClientRect().bottom ?? frame.top;
  const room = heads.length > 0 ? LEGEND_ROOM : 0;
  const height = last - frame.top + stage.scrollTop + 44 + room;
  const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  svg.append(svgElement("rect", { width, height, fill: palette.background }));
  for (const piece of pieces) {
    const title = piece.tagName === "H2";
    const faint = title || piece.classList.contains("special");
    const place = (box: DOMRect) =>
      ({ x: box.left - frame.left + stage.scrollLeft, y: box.top - frame.top + stage.scrollTop }) as const;
    // A token that goes over the end of a line has a box in each.
    for (const box of piece.getClientRects()) {
      const shape = { ...place(box), width: box.width, height: box.height, rx: 4 };
      if (piece.style.background) svg.append(svgElement("rect", { ...shape, fill: piece.style.background }));
      if (piece.classList.contains("chosen"))
        svg.append(svgElement("rect", { ...shape, fill: "none", stroke: palette.accent }));
    }
    for (const { text, box, quiet } of written(piece)) {
      const { x, y } = place(box);
      const made = svgElement("text", {
        x: title ? x : x + box.width / 2,
        y: y + box.height / 2,
        "dominant-baseline": "central",
        "text-anchor": title ? "start" : "middle",
        "font-family": "system-ui, sans-serif",
        "font-size": title ? 12 : 16,
        fill: piece.style.color || (faint ? palette.dimmed : palette.text),
        ...(quiet ? { "fill-opacity": 0.45 } : {}),
      });
      made.textContent = text;
      svg.append(made);
    }
  }
  svg.append(drawnLegend(heads, 12, height - 12 - LEGEND_ROOM, palette));
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

/** The texts of a piece where the browser has put them: marks of blanks stand apart from the letters. */
function* written(piece: HTMLElement): Generator<{ text: string; box: DOMRect; quiet: boolean }> {
  const nodes = document.createTreeWalker(piece, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
    range.selectNodeContents(node);
    const quiet = node.parentElement?.classList.contains("mark") ?? false;
    yield { text: node.textContent ?? "", box: range.getBoundingClientRect(), quiet };
  }
}
