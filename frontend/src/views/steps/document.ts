/** The stages as a drawing. */

import { colourAt, inkOn } from "../../colours";
import type { Palette } from "../../contract";
import { svgElement } from "../../elements";
import { wordLines } from "../../screen";
import { largestSize } from "./sizes";
import { numberText, type Stage } from "./stages";

const [NAME, CELL, LINE] = [190, 54, 26];
const NUMBERS = "ui-monospace, monospace";
const TEXT = "system-ui, sans-serif";

export interface Drawn {
  title: string;
  stages: readonly Stage[];
  query: number;
  /** Labels of the keys. */
  labels: readonly string[];
  /** Names of the columns after the keys, and what stands in them. */
  extras: readonly { name: string; of(stage: Stage): number | null }[];
  palette: Palette;
}

export function stepsSvg({ title, stages, query, labels, extras, palette }: Drawn): string {
  const width = NAME + CELL * (labels.length + extras.length) + 24;
  const titles = wordLines(title, width - 24, (text) => 7.4 * [...text].length);
  const top = 64 + 18 * (titles.length - 1);
  const height = top + LINE * stages.length + 12;
  const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const put = (...made: Parameters<typeof svgElement>) => svg.append(svgElement(...made));
  const write = (x: number, y: number, text: string, fill: string, anchor = "middle", family = NUMBERS, size = 11) =>
    put("text", { x, y, fill, "text-anchor": anchor, "font-family": family, "font-size": size }, text);
  put("rect", { width, height, fill: palette.background });
  titles.forEach((text, at) => {
    write(12, 22 + 18 * at, text, palette.text, "start", TEXT, 14);
  });
  const middle = (column: number) => NAME + CELL * (column + 0.5);
  [...labels, ...extras.map(({ name }) => name)].forEach((label, column) => {
    write(
      middle(column),
      top - 12,
      [...label].length > 8 ? `${[...label].slice(0, 7).join("")}…` : label,
      palette.text,
    );
  });
  stages.forEach((stage, number) => {
    const y = top + number * LINE;
    const keys = labels.length;
    const most = stage.weights ? 1 : largestSize(stage.values);
    write(12, y + 17, `${stage.name}:  ${stage.plain}`, palette.text, "start", TEXT, 13);
    for (let key = 0; key < keys; key++) {
      const value = stage.values[query * keys + key];
      const share = Number.isFinite(value) && most > 0 ? value / most : 0;
      const [background, text] = [colourAt(share, palette), inkOn(share, palette)];
      put("rect", { x: NAME + key * CELL, y, width: CELL - 2, height: LINE - 2, fill: background });
      write(middle(key), y + 16, numberText(value), text);
    }
    extras.forEach((extra, at) => {
      const value = extra.of(stage);
      if (value !== null) write(middle(keys + at), y + 16, numberText(value), palette.text);
    });
  });
  return new XMLSerializer().serializeToString(svg);
}
