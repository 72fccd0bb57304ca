/** Where the part of a map that is looked at lies on the screen, and how it moves. Lengths are CSS pixels. */

import type { Viewport } from "../../contract";
import { between, type Size } from "../../screen";

export interface Extent {
  rows: number;
  columns: number;
}

/** What is on screen, and the pixels a unit has across and down. */
export interface Frame {
  view: Viewport;
  x: number;
  y: number;
}

/** Pixels a unit: at most this many when the whole map is shown, and when it is zoomed into. */
const LARGEST_WHOLE = 88;
const LARGEST = 96;
/** Cells of the whole map are square where they are at least so large, or fill so much of both sides. */
const SQUARE_PIXELS = 16;
const SQUARE_SHARE = 0.25;

/** Whether one view has all of another in it. */
export function covers(view: Viewport, other: Viewport): boolean {
  const within = view.top <= other.top && view.left <= other.left;
  return within && view.bottom >= other.bottom && view.right >= other.right;
}

export function wholeView({ rows, columns }: Extent): Viewport {
  return { top: 0, bottom: rows, left: 0, right: columns };
}

/** Whether cells are square, and pixels a unit where the whole map is shown. */
export function wholeScale(extent: Extent, size: Size): { square: boolean; x: number; y: number } {
  const across = size.width / Math.max(extent.columns, 1);
  const down = size.height / Math.max(extent.rows, 1);
  const both = Math.min(across, down, LARGEST_WHOLE);
  const fills = both * extent.columns >= SQUARE_SHARE * size.width && both * extent.rows >= SQUARE_SHARE * size.height;
  if (both >= SQUARE_PIXELS || fills) return { square: true, x: both, y: both };
  return { square: false, x: Math.min(across, LARGEST_WHOLE), y: Math.min(down, LARGEST_WHOLE) };
}

/** How a viewport is drawn in the room that there is; null, and what lies outside the map, is the whole map. */
export function frameOf(viewport: Viewport | null, extent: Extent, size: Size): Frame {
  const whole = wholeScale(extent, size);
  const view = viewport && inside(viewport, extent);
  if (!view) return { view: wholeView(extent), x: whole.x, y: whole.y };
  const width = view.right - view.left;
  const height = view.bottom - view.top;
  const across = Math.min(size.width / width, LARGEST);
  const down = Math.min(size.height / height, LARGEST);
  if (whole.square) {
    const both = Math.max(Math.min(across, down), whole.x);
    return grown(view, extent, size, both, both);
  }
  const x = width >= extent.columns ? whole.x : Math.max(across, whole.x);
  const y = height >= extent.rows ? whole.y : Math.max(down, whole.y);
  return grown(view, extent, size, x, y);
}

/** Zoomed by a factor around a point, which is given in pixels from the frame's corner. */
export function zoomed(frame: Frame, extent: Extent, size: Size, factor: number, at: { x: number; y: number }) {
  const whole = wholeScale(extent, size);
  const x = between(frame.x * factor, whole.x, Math.max(LARGEST, whole.x));
  const y = between(frame.y * factor, whole.y, Math.max(LARGEST, whole.y));
  const column = frame.view.left + at.x / frame.x;
  const row = frame.view.top + at.y / frame.y;
  return placed(column - at.x / x, row - at.y / y, extent, size, x, y);
}

/** Moved by pixels: what was under the pointer stays under it. */
export function panned(frame: Frame, extent: Extent, size: Size, dx: number, dy: number): Viewport | null {
  const { view, x, y } = frame;
  return placed(view.left - dx / x, view.top - dy / y, extent, size, x, y);
}

/** Zoomed so that a part of the map fills the room. */
export function boxed(box: Viewport, extent: Extent, size: Size): Viewport | null {
  const width = Math.max(box.right - box.left, 1);
  const height = Math.max(box.bottom - box.top, 1);
  const whole = wholeScale(extent, size);
  let x = between(size.width / width, whole.x, Math.max(LARGEST, whole.x));
  let y = between(size.height / height, whole.y, Math.max(LARGEST, whole.y));
  if (whole.square) x = y = Math.min(x, y);
  const left = (box.left + box.right) / 2 - size.width / x / 2;
  const top = (box.top + box.bottom) / 2 - size.height / y / 2;
  return placed(left, top, extent, size, x, y);
}

/** Moved no more than it takes to have a unit of both axes on screen. */
export function showing(frame: Frame, extent: Extent, size: Size, row: number, column: number): Viewport | null {
  const { view, x, y } = frame;
  const nearest = (low: number, high: number, unit: number) =>
    unit < low ? unit : unit + 1 > high ? low + unit + 1 - high : low;
  const left = nearest(view.left, view.right, column);
  const top = nearest(view.top, view.bottom, row);
  return placed(left, top, extent, size, x, y);
}

/** The viewport whose corner is at (top, left), as near as the map's edges allow; null where all of it fits. */
function placed(left: number, top: number, extent: Extent, size: Size, x: number, y: number): Viewport | null {
  const width = Math.min(size.width / x, extent.columns);
  const height = Math.min(size.height / y, extent.rows);
  const slack = 1e-9;
  if (width >= extent.columns - slack && height >= extent.rows - slack) return null;
  const first = between(left, 0, extent.columns - width);
  const start = between(top, 0, extent.rows - height);
  return { top: start, bottom: start + height, left: first, right: first + width };
}

/** A viewport with more of the map around it where the room has place for more. */
function grown(view: Viewport, extent: Extent, size: Size, x: number, y: number): Frame {
  const left = (view.left + view.right) / 2 - size.width / x / 2;
  const top = (view.top + view.bottom) / 2 - size.height / y / 2;
  const found = placed(left, top, extent, size, x, y);
  return { view: found ?? wholeView(extent), x, y };
}

function inside(view: Viewport, extent: Extent): Viewport | null {
  const found = {
    top: between(view.top, 0, extent.rows),
    bottom: between(view.bottom, 0, extent.rows),
    left: between(view.left, 0, extent.columns),
    right: between(view.right, 0, extent.columns),
  };
  const seen = found.bottom > found.top && found.right > found.left;
  return seen && Object.values(found).every(Number.isFinite) ? found : null;
}
