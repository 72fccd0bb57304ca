/** Where everything stands: the map, its labels, its margins, the colour bar. */

import type { Viewport } from "../../contract";
import { between, type Measure, type Size } from "../../screen";
import { type Shown, SITES } from "../../shown";
import type { Box } from "../../surface";
import { type Marks, marksOf, roomFor } from "./marks";
import { type Extent, type Frame, frameOf, wholeScale } from "./viewport";

/** How labels of columns are written, and how far they are turned: level where they fit, upright in a sentence with no room. */
export type ColumnLabels = "level" | "slanted" | "upright";
export const TURNED: Record<ColumnLabels, number> = { level: 0, slanted: -45, upright: -90 };

export interface Layout {
  /** At least the size that was given: larger where a sentence needs it. */
  size: Size;
  /** The most that the map may take; what it takes is `plot`. */
  room: Size;
  plot: Box;
  frame: Frame;
  extent: Extent;
  rowMarks: Marks;
  columnMarks: Marks;
  columns: ColumnLabels;
  /** Height of the letters of labels. */
  letters: number;
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

export const LABEL_SIZE = 12;
/** Labels of a sentence are written this small, and then the picture is larger than its room, before any is left out. */
const SMALLEST_LABEL = 10;
/** Units of an axis that are a sentence. */
const SENTENCE = 48;
/** Between the middles of two lines, more than their letters are high. */
const LEADING = 1;
const SINE = Math.SQRT1_2;
const TITLE = 18;
const GAP = 6;
/** What the names of the strips below the map need at its left. */
const CAPTION = 40;
/** And what those of the strips at its right need above it, in the direction of the columns' labels. */
const SIDE_CAPTION = 70;
const BAR_WIDTH = 12;
const BAR_TEXT = 58;

export function layoutOf(given: Size, axes: Shown, viewport: Viewport | null, measure: Measure): Layout {
  const extent = { rows: axes.rows.count, columns: axes.columns.count };
  const narrow = given.width < 480;
  const low = given.height < 420;
  const short = given.height < 300;
  const strip = given.height < 560 || given.width < 720 ? 26 : 38;
  const longest = narrow ? 70 : Math.min(120, given.height / 4);
  const rowRoom = roomFor(axes.rows, longest, measure);
  const columnRoom = roomFor(axes.columns, longest, measure);
  const across = narrow ? 0 : (axes.info.probabilities ? 2 : 1) * (strip + GAP);
  const down = short ? 0 : (low ? 1 : 2) * (strip + GAP);
  const left = TITLE + Math.max(rowRoom, CAPTION) + GAP;
  const right = across + GAP + BAR_WIDTH + BAR_TEXT;
  const side = narrow || short ? 0 : SIDE_CAPTION;

  const top = {
    level: TITLE + LABEL_SIZE + LEADING + GAP + (side > 0 ? LABEL_SIZE : 0),
    slanted: TITLE + Math.ceil(Math.max(columnRoom, side) * SINE) + LABEL_SIZE,
    upright: TITLE + Math.max(columnRoom, side) + GAP,
  };
  const roomUnder = (top: number): Size => ({
    width: Math.max(40, given.width - left - right),
    height: Math.max(40, given.height - top - down - GAP),
  });
  // Labels that fit when the whole map is shown fit at every zoom.
  const scaleOf = (columns: ColumnLabels) => wholeScale(extent, roomUnder(top[columns]));
  const line = SMALLEST_LABEL + LEADING;
  const columns: ColumnLabels =
    scaleOf("level").x >= columnRoom + 8
      ? "level"
      : scaleOf("slanted").x * SINE >= line || extent.columns > SENTENCE
        ? "slanted"
        : "upright";
  const fitting = roomUnder(top[columns]);
  const room = {
    width: extent.columns > SENTENCE ? fitting.width : Math.max(fitting.width, line * extent.columns),
    height: extent.rows > SENTENCE ? fitting.height : Math.max(fitting.height, line * extent.rows),
  };
  const size = { width: left + room.width + right, height: top[columns] + room.height + down + GAP };
  const whole = wholeScale(extent, room);
  const perLine = Math.min(
    extent.rows > SENTENCE ? Number.POSITIVE_INFINITY : whole.y,
    extent.columns > SENTENCE || columns === "level"
      ? Number.POSITIVE_INFINITY
      : whole.x * (columns === "slanted" ? SINE : 1),
  );
  const letters = between(Math.floor(perLine) - LEADING, SMALLEST_LABEL, LABEL_SIZE);
  const spacing = letters + LEADING;

  const frame = frameOf(viewport, extent, room);
  const { view } = frame;
  const plot = {
    x: left,
    y: top[columns],
    width: (view.right - view.left) * frame.x,
    height: (view.bottom - view.top) * frame.y,
  };
  const beside = plot.x + plot.width + GAP;
  const under = plot.y + plot.height + GAP;
  const below = (row: number) => ({ x: plot.x, y: under + row * (strip + GAP), width: plot.width, height: strip });
  const toTheRight = (column: number) => ({
    x: beside + column * (strip + GAP),
    y: plot.y,
    width: strip,
    height: plot.height,
  });
  const summed = !short && axes.rows.axis.title !== SITES; // what sites do to a prompt does not add up
  return {
    size: { width: Math.max(size.width, given.width), height: Math.max(size.height, given.height) },
    room,
    plot,
    frame,
    extent,
    columns,
    letters,
    rowRoom,
    columnRoom,
    rowMarks: marksOf(axes.rows, [view.top, view.bottom], frame.y, { spacing, far: 40, room: rowRoom }, measure),
    columnMarks: marksOf(
      axes.columns,
      [view.left, view.right],
      frame.x,
      { spacing: { level: 1, slanted: spacing / SINE, upright: spacing }[columns], far: 80, room: columnRoom },
      measure,
    ),
    received: summed ? below(0) : null,
    rowProfile: low ? null : below(summed ? 1 : 0),
    // Of signed weights there is none.
    entropy: narrow || !axes.info.probabilities ? null : toTheRight(0),
    columnProfile: narrow ? null : toTheRight(axes.info.probabilities ? 1 : 0),
    bar: { x: beside + across + GAP, y: plot.y, width: BAR_WIDTH, height: Math.min(Math.max(plot.height, 80), 220) },
  };
}

/** The height that a map fills at this width, with cells as large as they get: no more is wanted of a notebook. */
export function heightOf(axes: Shown, width: number, measure: Measure): number {
  const { plot, size, received, rowProfile } = layoutOf({ width, height: 4096 }, axes, null, measure);
  const last = rowProfile ?? received ?? plot;
  return Math.min(size.height, Math.ceil(last.y + last.height + GAP));
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
