/** What a ribbon is drawn of. */

import { colourAt } from "../../colours";
import { drawnLegend } from "../../compare/head_legend";
import type { Palette, Region } from "../../contract";
import { svgElement } from "../../elements";
import type { Label, Layout } from "./layout";

export type Side = "key" | "query";

const FONT = "13px system-ui, sans-serif";

/** How a curve looks: the darker, wider and fuller, the heavier; or in the colour of its head. */
export function stroke(palette: Palette, weight: number, size: number, own?: string): Record<string, string> {
  const share = (80 + 150 * size) / 255; // never so near to the background that it is lost
  return {
    stroke: own ?? colourAt(weight < 0 ? -share : share, palette),
    "stroke-width": (0.6 + 5.4 * size).toFixed(2),
    "stroke-opacity": (0.25 + 0.7 * size).toFixed(2),
  };
}

/** The labels of one side, each marked with its side and place. */
export function drawLabels(
  svg: Element,
  places: Label[],
  side: Side,
  palette: Palette,
  dim: (at: number) => boolean,
): SVGTextElement[] {
  const { text, dimmed } = palette;
  return places.map((place, at) => {
    const label = svgElement("text", {
      x: place.x.toFixed(1),
      y: place.y.toFixed(1),
      "text-anchor": place.anchor,
      fill: dim(at) ? dimmed : text,
      class: "label",
      "data-side": side,
      "data-at": at,
      "font-family": "system-ui, sans-serif",
      "font-size": 13,
      "unicode-bidi": "plaintext",
    }) as SVGTextElement;
    label.textContent = place.text;
    svg.append(label);
    return label;
  });
}

const TITLE_ROOM = 30;
const LEGEND_ROOM = 22;

/** The ribbon with its title above it, on its background: a document by itself. `heads`: those that have colours. */
export function titledSvg(ribbon: SVGSVGElement, title: string, palette: Palette, heads: readonly number[]): string {
  const width = Number(ribbon.getAttribute("width"));
  const height = Number(ribbon.getAttribute("height"));
  const room = TITLE_ROOM + (heads.length > 0 ? LEGEND_ROOM : 0);
  const whole = { width, height: height + room };
  const svg = svgElement("svg", { ...whole, viewBox: `0 0 ${whole.width} ${whole.height}` });
  svg.append(svgElement("rect", { ...whole, fill: palette.background }));
  const font = { "font-family": "system-ui, sans-serif", "font-size": 13, "font-weight": "bold" };
  svg.append(svgElement("text", { x: 8, y: 18, fill: palette.text, ...font }, title));
  svg.append(drawnLegend(heads, 8, 38, palette));
  ribbon.setAttribute("y", String(room));
  svg.append(ribbon);
  return new XMLSerializer().serializeToString(svg);
}

/** What the two sides are. */
export function drawTitles(svg: Element, layout: Layout, titles: Record<Side, string>, palette: Palette): void {
  const columns = layout.direction === "columns";
  const places = [
    [titles.key, columns ? 8 : layout.width / 2, 14, columns ? "start" : "middle"],
    [
      titles.query,
      columns ? layout.width - 8 : layout.width / 2,
      columns ? 14 : layout.height - 6,
      columns ? "end" : "middle",
    ],
  ] as const;
  for (const [text, x, y, anchor] of places) {
    const font = { "font-family": "system-ui, sans-serif", "font-size": 11 };
    const title = svgElement("text", { x, y, "text-anchor": anchor, fill: palette.dimmed, ...font });
    title.textContent = text;
    svg.append(title);
  }
}

/** Curves of each token that can still be followed by eye, and the part of the strongest whose curve can hardly be seen beside it. */
const [EACH, HARDLY] = [3, 0.05];

/**
 * From where on weights are drawn, unless somebody says it: about EACH curves a token, of all regions together, but no faint ones
 * where there are others.
 */
export function thresholdOf(regions: readonly Region[]): number {
  const { rows, columns } = regions[0];
  const sizes = new Float32Array(regions.length * rows * columns);
  regions.forEach(({ values }, at) => {
    sizes.set(values.map(Math.abs), at * values.length);
  });
  sizes.sort();
  const wanted = sizes[Math.max(0, sizes.length - EACH * Math.max(rows, columns))] ?? 0;
  const most = sizes[sizes.length - 1] ?? 0;
  const least = Math.max(wanted, HARDLY * most);
  return Number(least.toPrecision(2));
}

/** A weight that is drawn, and which of the regions it is of; `size` from 0 to 1 is how strong it looks. */
export interface Link {
  weight: number;
  query: number;
  key: number;
  size: number;
  of: number;
}

/** Weights from the threshold up, strongest first, as many as are drawn. */
export function strongest(
  regions: readonly Region[],
  threshold: number,
  byRow: boolean,
  most: number,
): { kept: Link[]; left: number } {
  const found: Link[] = [];
  regions.forEach(({ rows, columns, values }, of) => {
    for (let query = 0; query < rows; query++) {
      const row = values.subarray(query * columns, (query + 1) * columns);
      let top = 1;
      if (byRow) top = row.reduce((found, weight) => Math.max(found, Math.abs(weight)), 0) || 1;
      row.forEach((weight, key) => {
        if (weight !== 0 && Math.abs(weight) >= threshold)
          found.push({ weight, query, key, of, size: Math.min(1, Math.abs(weight) / top) });
      });
    }
  });
  found.sort((one, two) => Math.abs(two.weight) - Math.abs(one.weight));
  return { kept: found.slice(0, most), left: Math.max(0, found.length - most) };
}

let ruler: CanvasRenderingContext2D | null | undefined;

export function measure(text: string): number {
  if (ruler === undefined) ruler = document.createElement("canvas").getContext("2d");
  if (!ruler) return 7.5 * [...text].length;
  ruler.font = FONT;
  return ruler.measureText(text).width;
}
