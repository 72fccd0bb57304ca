/** Where everything stands: the map, its labels, its margins, the colour bar. */

import type { Viewport } from "../../contract";
import type { Measure, Size } from "../../screen";
import type { Shown } from "../../shown";
import type { Box } from "../../surface";
import { type Marks, marksOf, roomFor } from "./marks";
import { type Extent, type Frame, frameOf, wholeScale } from "./viewport";

export interface Layout {
  size: Size;
  /** The most that the map may take; what it takes is `plot`. */
  room: Size;
  plot: Box;
  frame: Frame;
  extent: Extent;
  rowMarks: Marks;
  columnMarks: Marks;
  /** Whether labels of columns are written level, or slanted because they would not fit. */
  level: boolean;
  rowRoom: number;
  columnRoom: number;
  /** Below the map: what each column receives, and the row under the crosshair; null where there is no place. */
  received: Box | null;
  rowProfile: Box | null;
  /** To its right: the entropy of each row, and the column under the crosshair. */
  entropy: Box | null;
  columnProfile: Box | null;
  bar: Box;
}

export const SLANT = -45;
const SINE = Math.SQRT1_2;
export const LABEL_SIZE = 12;
const LINE = 13;
const TITLE = 18;
const GAP = 6;
/** What the names of the strips below the map need at its left. */
const CAPTION = 40;
/** And what the names of the strips at its right need below it, where they hang: "≤ 3.99 nats". */
const SIDE_CAPTION = 80;
const BAR_WIDTH = 12;
const BAR_TEXT = 58;

export function layoutOf(size: Size, axes: Shown, viewport: Viewport | null, measure: Measure): Layout {
  const extent = { rows: axes.rows.count, columns: axes.columns.count };
  const narrow = size.width < 480;
  const short = size.height < 300;
  const strip = size.height < 520 || size.width < 720 ? 26 : 38;
  const longest = narrow ? 70 : Math.min(120, size.height / 4);
  const rowRoom = roomFor(axes.rows, longest, measure);
  const columnRoom = roomFor(axes.columns, longest, measure);
  const across = narrow ? 0 : (axes.info.probabilities ? 2 : 1) * (strip + GAP);
  const down = short ? 0 : Math.max(2 * (strip + GAP), SIDE_CAPTION);
  const left = TITLE + Math.max(rowRoom, CAPTION) + GAP;

  const roomUnder = (top: number): Size => ({
    width: Math.max(40, size.width - left - across - GAP - BAR_WIDTH - BAR_TEXT),
    height: Math.max(40, size.height - top - down - GAP),
  });
  const levelTop = TITLE + LINE + GAP;
  const slantedTop = TITLE + Math.ceil(columnRoom * SINE) + LINE;
  // Labels that fit when the whole map is shown fit at every zoom.
  const level = wholeScale(extent, roomUnder(levelTop)).x >= columnRoom + 8;
  const top = level ? levelTop : slantedTop;
  const room = roomUnder(top);

  const frame = frameOf(viewport, extent, room);
  const { view } = frame;
  const plot = {
    x: left,
    y: top,
    width: (view.right - view.left) * frame.x,
    height: (view.bottom - view.top) * frame.y,
  };
  const right = plot.x + plot.width + GAP;
  const under = plot.y + plot.height + GAP;
  const below = (row: number) => ({ x: plot.x, y: under + row * (strip + GAP), width: plot.width, height: strip });
  const toTheRight = (column: number) => ({
    x: right + column * (strip + GAP),
    y: plot.y,
    width: strip,
    height: plot.height,
  });
  return {
    size,
    room,
    plot,
    frame,
    extent,
    level,
    rowRoom,
    columnRoom,
    rowMarks: marksOf(axes.rows, [view.top, view.bottom], frame.y, { spacing: LINE, far: 40, room: rowRoom }, measure),
    columnMarks: marksOf(
      axes.columns,
      [view.left, view.right],
      frame.x,
      { spacing: level ? 1 : LINE / SINE, far: 80, room: columnRoom },
      measure,
    ),
    received: short ? null : below(0),
    rowProfile: short ? null : below(1),
    // Of signed weights there is none.
    entropy: narrow || !axes.info.probabilities ? null : toTheRight(0),
    columnProfile: narrow ? null : toTheRight(axes.info.probabilities ? 1 : 0),
    bar: { x: right + across + GAP, y: plot.y, width: BAR_WIDTH, height: Math.min(Math.max(plot.height, 80), 220) },
  };
}

/** The unit under a point, where the point is on the map. */
export function unitAt(layout: Layout, x: number, y: number): { row: number; column: number } | null {
  const { plot, frame } = layout;
  if (x < plot.x || y < plot.y || x >= plot.x + plot.width || y >= plot.y + plot.height) return null;
  const row = Math.floor(frame.view.top + (y - plot.y) / frame.y);
  const column = Math.floor(frame.view.left + (x - plot.x) / frame.x);
  return row < layout.extent.rows && column < layout.extent.columns ? { row, column } : null;
}

/** Units on screen, in pixels of the canvas. */
export function boxOf(layout: Layout, rows: [number, number], columns: [number, number]): Box {
  const { plot, frame } = layout;
  return {
    x: plot.x + (columns[0] - frame.view.left) * frame.x,
    y: plot.y + (rows[0] - frame.view.top) * frame.y,
    width: (columns[1] - columns[0]) * frame.x,
    height: (rows[1] - rows[0]) * frame.y,
  };
}

/** The part of a box that is on the map; null where none is. */
export function onPlot({ x, y, width, height }: Box, plot: Box): Box | null {
  const left = Math.max(x, plot.x);
  const top = Math.max(y, plot.y);
  const right = Math.min(x + width, plot.x + plot.width);
  const bottom = Math.min(y + height, plot.y + plot.height);
  return right > left && bottom > top ? { x: left, y: top, width: right - left, height: bottom - top } : null;
}
