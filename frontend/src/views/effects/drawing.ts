/** The list of effects as a document of its own. */

import type { EffectRow, Palette } from "../../contract";
import { svgElement } from "../../elements";
import { brief } from "../../labels";
import { wordLines } from "../../screen";
import { effectText, isSure, scaleOf } from "./scale";

const TEXT = { "font-family": "system-ui, sans-serif", "font-size": 13 };
const [EDGE, LINE, TRACK] = [12, 20, 320];
const LETTER = 7.2;

export function effectsSvg(
  rows: readonly { row: EffectRow; name: string }[],
  title: string,
  note: string,
  palette: Palette,
): string {
  const names = rows.map(({ name }) => brief(name, 30));
  const left = EDGE + LETTER * Math.max(...names.map((name) => [...name].length)) + 12;
  const width = left + TRACK + 150;
  const wide = (text: string) => LETTER * [...text].length;
  const lines = [...wordLines(title, width - 2 * EDGE, wide), ...wordLines(note, width - 2 * EDGE, wide)];
  const top = EDGE + lines.length * LINE + 8;
  const height = top + rows.length * LINE + EDGE;
  const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const put = (...made: Parameters<typeof svgElement>) => svg.append(svgElement(...made));
  put("rect", { width, height, fill: palette.background });
  for (const [at, line] of lines.entries())
    put("text", { ...TEXT, x: EDGE, y: 22 + at * LINE, fill: palette.text }, line);
  const scale = scaleOf(rows.map(({ row }) => row));
  const x = (value: number) => left + TRACK * scale.at(value);
  put("line", { x1: x(0), x2: x(0), y1: top, y2: top + rows.length * LINE, stroke: palette.frame });
  rows.forEach(({ row }, at) => {
    const y = top + (at + 0.5) * LINE;
    put("text", { ...TEXT, x: EDGE, y: y + 4, fill: palette.text }, names[at]);
    if (row.low !== null && row.high !== null)
      put("line", { x1: x(row.low), x2: x(row.high), y1: y, y2: y, stroke: palette.text, "stroke-width": 2 });
    if (row.effect !== null) {
      const fill = isSure(row) ? palette.accent : palette.background;
      put("circle", { cx: x(row.effect), cy: y, r: 4, fill, stroke: palette.accent, "stroke-width": 1.5 });
    }
    put("text", { ...TEXT, x: left + TRACK + 10, y: y + 4, fill: palette.text }, effectText(row));
  });
  return new XMLSerializer().serializeToString(svg);
}
