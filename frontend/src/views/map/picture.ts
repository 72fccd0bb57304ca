/** The map as it stands, without what follows the pointer. */

import { barTicks, type ColourScale, colourAt, colourise, hiddenOf, inkOn, rowTop, strength } from "../../colours";
import { cssOf, inked } from "../../compare/head_colours";
import type { Margins, Palette } from "../../contract";
import { weightText } from "../../labels";
import type { Marks } from "../../marks";
import type { Box, Surface } from "../../surface";
import { type CellGrid, cellUnits, type Grid } from "./cells";
import { boxOf, LABEL_SIZE, type Layout, onPlot, TURNED } from "./layout";
import { drawMarks } from "./marked";
import type { Mark } from "./marks";

export interface Scene extends Marks {
  layout: Layout;
  rowTitle: string;
  columnTitle: string;
  cells: CellGrid | null;
  scale: ColourScale;
  margins: Margins | null;
  /** The cells that the margins were read in. */
  marginGrids: { rows: Grid; columns: Grid } | null;
  dimSpecial: boolean;
  palette: Palette;
  /** Strengths of the cells of each head, where heads have colours of their own; null where they have not. */
  layers: { heads: readonly number[]; strengths: readonly Float32Array[] } | null;
}

/** In a document, so many cells at most are drawn one by one; more are a picture of pixels. */
const MOST_VECTOR_CELLS = 20_000;
/** Cells with a value in them are at least so large. */
const VALUE_WIDTH = 28;
const VALUE_HEIGHT = 15;
/** Narrower cells have fewer digits. */
const ROOMY_WIDTH = 44;
/** Width of a character of a fixed-width font, of its size. */
const MONO_WIDTH = 0.61;
const LINES_FROM = 9;
/** A weight that is a smaller part of the strongest colour looks like none, and its number would drown those that count. */
const SEEN = 0.005;

export function drawScene(surface: Surface, scene: Scene, vector: boolean): void {
  const { layout, palette } = scene;
  surface.rect({ x: 0, y: 0, ...layout.size }, palette.background);
  if (scene.cells) drawCells(surface, scene, scene.cells, vector);
  surface.outline(layout.plot, palette.frame, 1);
  drawMarks(surface, layout, palette, scene);
  drawLabels(surface, scene);
  drawMargins(surface, scene);
  if (scene.layers) drawLegend(surface, scene, scene.layers.heads);
  else drawBar(surface, scene);
}

function drawCells(surface: Surface, scene: Scene, cells: CellGrid, vector: boolean): void {
  const { layout, scale, palette } = scene;
  const { rows, columns, values } = cells;
  const inks = scene.layers && inked(scene.layers.strengths, palette);
  const { plot, frame } = layout;
  surface.clipped(plot, () => {
    if (vector && values.length <= MOST_VECTOR_CELLS) {
      forEachCell(layout, cells, (box, at, row) => {
        const top = scale.name === "row" ? rowTop(values, row, columns.count) : 1;
        const ink = inks && `rgb(${inks.subarray(4 * at, 4 * at + 3).join(" ")})`;
        const hidden = values[at] === 0 && scale.hides ? `rgb(${hiddenOf(palette).join(",")})` : null;
        surface.rect(box, ink ?? hidden ?? colourAt(strength(values[at], scale, top), palette));
      });
    } else {
      drawPixels(surface, layout, cells, inks ?? colourise(values, columns.count, scale, palette));
    }
    const width = frame.x * columns.step;
    const height = frame.y * rows.step;
    if (width >= LINES_FROM && height >= LINES_FROM) {
      for (let unit = rows.first; unit <= rows.last; unit += rows.step) {
        const y = boxOf(layout, [unit, unit], [0, 0]).y;
        surface.line(
          [
            [plot.x, y],
            [plot.x + plot.width, y],
          ],
          palette.frame,
          0.5,
        );
      }
      for (let unit = columns.first; unit <= columns.last; unit += columns.step) {
        const x = boxOf(layout, [0, 0], [unit, unit]).x;
        surface.line(
          [
            [x, plot.y],
            [x, plot.y + plot.height],
          ],
          palette.frame,
          0.5,
        );
      }
    }
    if (scale.hides && Math.min(width, height) >= LINES_FROM)
      forEachCell(layout, cells, (box, at) => {
        if (values[at] === 0) strike(surface, box, palette);
      });
    if (!hasValues(layout, cells) || inks) return; // a number is of the heads' mean, and a colour of each
    forEachCell(layout, cells, (box, at, row) => {
      if (!isWhole(box, plot)) return; // half a number is another number
      const top = scale.name === "row" ? rowTop(values, row, columns.count) : 1;
      if (Math.abs(values[at]) < SEEN * (scale.name === "row" ? top : scale.top)) return; // nothing to be seen, nor to be read
      const colour = inkOn(strength(values[at], scale, top), palette);
      const middle = [box.x + box.width / 2, box.y + box.height / 2] as const;
      const text = valueText(values[at], width);
      const size = Math.min(13, height * 0.62, (width - 3) / (text.length * MONO_WIDTH));
      surface.text(...middle, text, { size, colour, anchor: "middle", mono: true });
    });
  });
}

/** A line through a cell that its row may not see. */
function strike(surface: Surface, { x, y, width, height }: Box, palette: Palette): void {
  surface.line(
    [
      [x, y + height],
      [x + width, y],
    ],
    palette.frame,
    0.5,
  );
}

function isWhole(box: Box, plot: Box): boolean {
  const seen = onPlot(box, plot);
  return seen !== null && seen.width > box.width - 0.5 && seen.height > box.height - 0.5;
}

/** Whether values are written in the cells: they are large enough, and have been read. */
export function hasValues({ frame }: Layout, { rows, columns, read }: CellGrid): boolean {
  return read && frame.x * columns.step >= VALUE_WIDTH && frame.y * rows.step >= VALUE_HEIGHT;
}

/** A weight as it is written in a cell of a width: with two digits or one, and never 0 for what is not. */
export function valueText(weight: number, width: number): string {
  if (width >= ROOMY_WIDTH || weight === 0) return weightText(weight);
  return Math.abs(weight) >= 0.005 ? weight.toFixed(2) : weight.toExponential(0);
}

function drawPixels(surface: Surface, layout: Layout, cells: CellGrid, pixels: Uint8ClampedArray<ArrayBuffer>): void {
  const { rows, columns } = cells;
  // The last cells may be cut short by the map's edge, which pixels cannot be: the clip does it.
  const box = boxOf(
    layout,
    [rows.first, rows.first + rows.count * rows.step],
    [columns.first, columns.first + columns.count * columns.step],
  );
  surface.pixels(box, pixels, columns.count, rows.count);
}

function forEachCell(layout: Layout, cells: CellGrid, visit: (box: Box, at: number, row: number) => void): void {
  for (let row = 0; row < cells.rows.count; row++) {
    const units = cellUnits(cells.rows, row);
    for (let column = 0; column < cells.columns.count; column++) {
      const box = boxOf(layout, units, cellUnits(cells.columns, column));
      if (onPlot(box, layout.plot)) visit(box, row * cells.columns.count + column, row);
    }
  }
}

function drawLabels(surface: Surface, scene: Scene): void {
  const { layout, palette } = scene;
  const { plot, rowMarks, columnMarks, size } = layout;
  const small = { size: LABEL_SIZE, colour: palette.dimmed };
  // Numbers are one line, and the title stands above them; slanted labels take all the room below it.
  const titleAt = columnMarks.named ? 10 : plot.y - 28;
  surface.text(plot.x, titleAt, `${scene.columnTitle} →`, small);
  surface.clipped({ x: 0, y: plot.y, width: 18, height: size.height - plot.y }, () =>
    surface.text(9, plot.y, `← ${scene.rowTitle}`, { ...small, angle: -90, anchor: "end" }),
  );
  for (const mark of rowMarks.marks) {
    if (!rowMarks.named || rowMarks.every > 1) drawTick(surface, scene, plot.x - 4, plot.y + mark.at, 4, 0);
    drawRowLabel(surface, layout, mark, labelColour(scene, mark), false);
  }
  for (const mark of columnMarks.marks) {
    if (!columnMarks.named || columnMarks.every > 1) drawTick(surface, scene, plot.x + mark.at, plot.y - 4, 0, 4);
    drawColumnLabel(surface, layout, mark, labelColour(scene, mark), false);
  }
}

function drawTick(surface: Surface, { palette }: Scene, x: number, y: number, dx: number, dy: number): void {
  surface.line(
    [
      [x, y],
      [x + dx, y + dy],
    ],
    palette.frame,
    1,
  );
}

function labelColour({ dimSpecial, palette }: Scene, mark: Mark): string {
  return mark.special && dimSpecial ? palette.dimmed : palette.text;
}

export function drawRowLabel(surface: Surface, layout: Layout, mark: Mark, colour: string, bold: boolean): void {
  const style = { size: rowLetters(layout), colour, anchor: "end", bold } as const;
  surface.text(layout.plot.x - 6, layout.plot.y + mark.at, mark.text, style);
}

/** Numbers have all the room that they need. */
function rowLetters({ rowMarks, letters }: Layout): number {
  return rowMarks.named ? letters : LABEL_SIZE;
}

export function drawColumnLabel(surface: Surface, layout: Layout, mark: Mark, colour: string, bold: boolean): void {
  const { plot, columns, columnMarks, letters } = layout;
  const x = plot.x + mark.at;
  if (columns === "level" || !columnMarks.named)
    surface.text(x, plot.y - 11, mark.text, { size: LABEL_SIZE, colour, bold, anchor: "middle" });
  else surface.text(x, plot.y - 8, mark.text, { size: letters, colour, bold, angle: TURNED[columns] });
}

function drawMargins(surface: Surface, scene: Scene): void {
  const { layout, palette, margins, marginGrids } = scene;
  const { received, entropy, plot } = layout;
  const values = { received: margins?.received ?? new Float32Array(), entropy: margins?.entropy ?? new Float32Array() };
  if (received) {
    caption(surface, scene, received, "received", largest(values.received));
    if (marginGrids) drawBars(surface, layout, received, values.received, marginGrids.columns, "down", palette.dimmed);
  }
  if (entropy) {
    if (marginGrids) drawBars(surface, layout, entropy, values.entropy, marginGrids.rows, "across", palette.dimmed);
    const most = largest(values.entropy);
    sideCaption(surface, scene, entropy, "entropy", most === null ? null : `${weightText(most)} nats`);
  }
  for (const box of [received, entropy]) {
    if (!box) continue;
    const start: [number, number] = box.y >= plot.y + plot.height ? [box.x, box.y + box.height] : [box.x, box.y];
    const end: [number, number] = [start[0] + (start[1] > box.y ? box.width : 0), box.y + box.height];
    surface.line([start, end], palette.frame, 1);
  }
}

function largest(values: Float32Array): number | null {
  return values.length === 0 ? null : values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** The name of a strip below the map, at its left, and what its full height stands for. */
export function caption(surface: Surface, scene: Scene, box: Box, name: string, most: number | null): void {
  const style = { size: 11, colour: scene.palette.dimmed, anchor: "end" } as const;
  surface.text(box.x - 6, box.y + box.height - 6, name, style);
  if (most !== null) surface.text(box.x - 6, box.y + box.height - 19, `≤ ${amount(most)}`, { ...style, mono: true });
}

/** The same for a strip at the map's right, above it, in the direction of the columns' labels. */
export function sideCaption(surface: Surface, scene: Scene, box: Box, name: string, most: string | null): void {
  const { layout, palette } = scene;
  if (!layout.received) return;
  const named = { size: 10, colour: palette.dimmed } as const;
  const measured = { ...named, mono: true };
  const y = box.y - 8;
  if (layout.columns === "level") {
    surface.text(box.x, y, name, named);
    if (most !== null) surface.text(box.x, y - 12, `≤ ${most}`, measured);
    return;
  }
  const angle = TURNED[layout.columns];
  surface.text(box.x + 4, y, name, { ...named, angle });
  if (most !== null) surface.text(box.x + 18, y, `≤ ${most}`, { ...measured, angle });
}

export function amount(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : weightText(value);
}

/**
 * A bar a cell, along an axis of the map: below it bars grow upwards, beside it to the right; where some are negative, from
 * the middle to both sides.
 */
export function drawBars(
  surface: Surface,
  layout: Layout,
  box: Box,
  values: ArrayLike<number>,
  grid: Grid,
  side: "down" | "across",
  colour: string,
): void {
  let most = 0;
  let least = 0;
  for (let cell = 0; cell < grid.count; cell++) {
    most = Math.max(most, values[cell]);
    least = Math.min(least, values[cell]);
  }
  const top = Math.max(most, -least);
  if (top === 0) return;
  const zero = least < 0 ? 0.5 : 0;
  surface.clipped(box, () => {
    for (let cell = 0; cell < grid.count; cell++) {
      const share = (values[cell] / top) * (1 - zero);
      if (share === 0) continue;
      const [low, length] = [zero + Math.min(share, 0), Math.abs(share)];
      const units = cellUnits(grid, cell);
      if (side === "down") {
        const { x, width } = boxOf(layout, [0, 0], units);
        const height = length * box.height;
        surface.rect({ x, y: box.y + box.height * (1 - low) - height, width: thinned(width), height }, colour);
      } else {
        const { y, height } = boxOf(layout, units, [0, 0]);
        const width = length * box.width;
        surface.rect({ x: box.x + low * box.width, y, width, height: thinned(height) }, colour);
      }
    }
  });
}

/** Wide bars stand apart; narrow ones overlap, or the edges of pixels would show between them. */
function thinned(width: number): number {
  return width >= 6 ? width - 1 : width + 0.7;
}

/** Which colour is whose. */
function drawLegend(surface: Surface, { layout: { bar }, palette }: Scene, heads: readonly number[]): void {
  heads.forEach((head, at) => {
    const y = bar.y + 20 * at;
    surface.rect({ x: bar.x, y, width: 12, height: 12 }, cssOf(at));
    surface.text(bar.x + 17, y + 6, `head ${head}`, { size: 11, colour: palette.text });
  });
}

function drawBar(surface: Surface, { layout: { bar }, scale, palette }: Scene): void {
  const parts = 64;
  for (let part = 0; part < parts; part++) {
    const place = (part + 0.5) / parts;
    const share = scale.signed ? 2 * place - 1 : place;
    const y = bar.y + bar.height * (1 - (part + 1) / parts);
    surface.rect({ x: bar.x, y, width: bar.width, height: bar.height / parts + 0.5 }, colourAt(share, palette));
  }
  surface.outline(bar, palette.frame, 1);
  for (const { place, text } of barTicks(scale)) {
    const y = bar.y + bar.height * (1 - place);
    const right = bar.x + bar.width;
    surface.line(
      [
        [right, y],
        [right + 3, y],
      ],
      palette.frame,
      1,
    );
    surface.text(right + 6, y, text, { size: 11, colour: palette.text, mono: true });
  }
}
