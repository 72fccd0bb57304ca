/** The heads, on canvas and as SVG. */

import type { Kind, MapInfo, Palette } from "../../contract";
import { svgElement } from "../../elements";
import { statisticText } from "../../labels";
import { wordLines } from "../../screen";
import { drawHead } from "../../thumbnails";
import { type Arrangement, CAPTION, type Cell } from "./layout";
import type { Thumbnails } from "./thumbnails";

const NUMBERS = "ui-monospace, monospace";
const TEXT = "system-ui, sans-serif";
const LINE = 20;

const SHORT: Record<Kind, string> = { encoder: "enc", decoder: "dec", cross: "cross", self: "self", map: "map" };

/** "L3·5" of layer 3, head 5; with its kind where there are several. */
export function headName(info: MapInfo, map: number, head: number, kinds: boolean): string {
  const place = `${info.layer === null ? `#${map}` : `L${info.layer}`}·${head}`;
  return kinds ? `${SHORT[info.kind]} ${place}` : place;
}

/** The lines under a thumbnail. */
export function captionOf(cell: Cell, info: MapInfo, kinds: boolean, sort = ""): string[] {
  return cell.value === null
    ? [String(cell.head)]
    : [
        headName(info, cell.map, cell.head, kinds),
        statisticText(info, sort, cell.head, cell.value).replaceAll(" ", ""),
      ];
}

export interface Scene {
  arrangement: Arrangement;
  maps: readonly MapInfo[];
  kinds: boolean;
  /** By which statistic they are sorted; "" by none. */
  sort: string;
  palette: Palette;
  /** Index of the cell under the keyboard or the pointer. */
  current: number;
  /** Whether a head is one of those that are looked at. */
  chosen(cell: Cell): boolean;
}

/** Draws what is in sight: `top` pixels are scrolled away. */
export function drawHeads(
  context: CanvasRenderingContext2D,
  scene: Scene,
  thumbnails: Thumbnails,
  top: number,
  height: number,
): void {
  const { arrangement, palette, maps, kinds } = scene;
  const { cells, headings, side, width } = arrangement;
  const inSight = (y: number, size: number) => y + size > top && y < top + height;
  context.fillStyle = palette.background;
  context.fillRect(0, 0, width, height);
  for (const { text, x, y, large } of headings) {
    if (!inSight(y - 20, 30)) continue;
    context.textAlign = "left";
    context.fillStyle = large ? palette.text : palette.dimmed;
    context.font = large ? `600 14px ${TEXT}` : `12px ${NUMBERS}`;
    context.fillText(text, x, y - top);
  }
  cells.forEach((cell, at) => {
    if (!inSight(cell.y, side + 2 * CAPTION)) return;
    const box = { x: cell.x, y: cell.y - top, width: side, height: side };
    const found = thumbnails.get(cell.map);
    if (found) drawHead(context, found.canvas, found.overview, cell.head, box);
    const chosen = scene.chosen(cell);
    context.strokeStyle = chosen || at === scene.current ? palette.accent : palette.frame;
    context.lineWidth = at === scene.current ? 3 : chosen ? 2 : 1;
    context.strokeRect(box.x - 0.5, box.y - 0.5, side + 1, side + 1);
    context.textAlign = "center";
    context.font = `11px ${NUMBERS}`;
    captionOf(cell, maps[cell.map], kinds, scene.sort).forEach((line, number) => {
      context.fillStyle = number === 0 ? palette.text : palette.dimmed;
      context.fillText(line, box.x + side / 2, box.y + side + 12 + number * CAPTION);
    });
  });
}

/** At most so many thumbnails go into a picture: more would make a file that few programs open. */
const MOST = 2048;

/** All heads as a document, whatever is scrolled away; thumbnails are rasters, names are text. */
export function headsSvg(scene: Scene, thumbnails: Thumbnails, title: string): string {
  const { arrangement, palette, maps, kinds } = scene;
  const { headings, side } = arrangement;
  const cells = arrangement.cells.slice(0, MOST);
  const more = arrangement.cells.length - cells.length;
  const lines = wordLines(
    more > 0 ? `${title}; the first ${MOST} of them` : title,
    Math.max(360, widthOf(scene) - 24),
    measure,
  );
  const top = 12 + lines.length * LINE;
  const width = Math.max(widthOf(scene), 24 + Math.max(...lines.map(measure)));
  const last = Math.max(0, ...cells.map(({ y, value }) => y + side + (value === null ? 1 : 2) * CAPTION));
  const height = top + last + 10;
  const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const put = (parent: Element, ...made: Parameters<typeof svgElement>) => parent.append(svgElement(...made));
  put(svg, "rect", { width, height, fill: palette.background });
  lines.forEach((line, at) => {
    put(svg, "text", { x: 12, y: 20 + at * LINE, "font-family": TEXT, "font-size": 14, fill: palette.text }, line);
  });
  for (const { text, x, y, large } of headings) {
    if (y > last) continue;
    const font = large ? { "font-family": TEXT, "font-size": 14 } : { "font-family": NUMBERS, "font-size": 12 };
    put(svg, "text", { x, y: y + top, ...font, fill: large ? palette.text : palette.dimmed }, text);
  }
  for (const cell of cells) {
    const box = { x: cell.x, y: cell.y + top, width: side, height: side };
    const picture = thumbnailOf(cell, thumbnails);
    if (picture)
      put(svg, "image", { ...box, href: picture, preserveAspectRatio: "none", "image-rendering": "pixelated" });
    put(svg, "rect", { ...box, fill: "none", stroke: scene.chosen(cell) ? palette.accent : palette.frame });
    captionOf(cell, maps[cell.map], kinds, scene.sort).forEach((line, number) => {
      const place = { x: box.x + side / 2, y: box.y + side + 12 + number * CAPTION, "text-anchor": "middle" };
      put(svg, "text", { ...place, "font-family": NUMBERS, "font-size": 11, fill: palette.text }, line);
    });
  }
  return new XMLSerializer().serializeToString(svg);
}

/** As wide as the heads that are there. */
function widthOf({ arrangement: { cells, side } }: Scene): number {
  return Math.max(240, ...cells.map(({ x }) => x + side)) + 12;
}

/** About the width of a text of 14 px. */
function measure(text: string): number {
  return 7.2 * [...text].length;
}

function thumbnailOf(cell: Cell, thumbnails: Thumbnails): string | null {
  const found = thumbnails.get(cell.map);
  if (!found) return null;
  const { overview, canvas: heads } = found;
  const canvas = document.createElement("canvas");
  canvas.width = overview.columns;
  canvas.height = overview.rows;
  const context = canvas.getContext("2d");
  if (!context) return null;
  drawHead(context, heads, overview, cell.head, { x: 0, y: 0, width: canvas.width, height: canvas.height });
  return canvas.toDataURL("image/png");
}
