/** Heads from afar, as small pictures. */

import { rgbAt } from "./colours";
import type { Overview, Palette, State } from "./contract";

/** The least weight that has a colour on the logarithmic scale, as a power of ten. */
const DECADES = 6;

/**
 * One head as RGBA, one pixel a cell. In proportion, a head is coloured by its own largest cell, so that the pattern of a
 * head of small weights can be seen too; by row, each row by its own.
 */
export function headPixels(
  overview: Overview,
  head: number,
  { thumbnails, scale }: Pick<State, "thumbnails" | "scale">,
  palette: Palette,
): Uint8ClampedArray<ArrayBuffer> {
  const { rows, columns } = overview;
  const cells = overview[thumbnails].subarray(head * rows * columns, (head + 1) * rows * columns);
  const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const whole = largest(cells);
  const pixels = new Uint8ClampedArray(4 * rows * columns);
  for (let row = 0; row < rows; row++) {
    const most = scale === "row" ? largest(cells.subarray(row * columns, (row + 1) * columns)) : whole;
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      const size = Math.abs(cells[at]);
      const share = size === 0 ? 0 : scale === "log" ? Math.max(0, 1 + Math.log10(size) / DECADES) : size / most;
      pixels.set([...rgbAt(cells[at] < 0 ? -share : share, palette), 255], 4 * at);
    }
  }
  return pixels;
}

/** All heads of a map in one canvas, below one another; null where there is no canvas. */
export function headsCanvas(
  overview: Overview,
  shown: Pick<State, "thumbnails" | "scale">,
  palette: Palette,
): HTMLCanvasElement | null {
  const { heads, rows, columns } = overview;
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = heads * rows;
  const context = canvas.getContext("2d");
  if (!context) return null;
  for (let head = 0; head < heads; head++)
    context.putImageData(new ImageData(headPixels(overview, head, shown, palette), columns, rows), 0, head * rows);
  return canvas;
}

/** Draws one of the heads of such a canvas. */
export function drawHead(
  context: CanvasRenderingContext2D,
  heads: HTMLCanvasElement,
  overview: Overview,
  head: number,
  box: { x: number; y: number; width: number; height: number },
): void {
  const { rows, columns } = overview;
  // Cells larger than pixels keep their edges; smaller ones are averaged.
  context.imageSmoothingEnabled = columns > 2 * box.width || rows > 2 * box.height;
  context.drawImage(heads, 0, head * rows, columns, rows, box.x, box.y, box.width, box.height);
}
