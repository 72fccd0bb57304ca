/** The picture, the colours over it, the chosen patch and the legend. */

import { barTicks, type ColourScale } from "../../colours";
import type { ImageInfo, Palette } from "../../contract";
import type { Size } from "../../screen";
import type { Box, Surface } from "../../surface";
import { smoothed, tint, tints, veil } from "./overlay";

export interface ImageScene {
  size: Size;
  image: ImageInfo;
  /** Patches down and across. */
  grid: { rows: number; columns: number };
  /** One a patch; null until they have been read. */
  values: Float32Array | null;
  scale: ColourScale;
  /** From 0 to 1. */
  strength: number;
  smooth: boolean;
  chosen: { row: number; column: number } | null;
  /** What the legend is of. */
  legend: string;
  palette: Palette;
}

const LEGEND_HEIGHT = 46;
const LEGEND_WIDTH = 260;
const EDGE = 8;
/** Pixels of a smooth overlay are about so large on screen, and of each side there are at most so many. */
const SMOOTH_PIXEL = 2;
const MOST_SMOOTH = 600;

/** The picture as large as it fits, in the middle of the room above the legend. */
export function pictureBox({ size, image }: Pick<ImageScene, "size" | "image">): Box {
  const room = { width: size.width - 2 * EDGE, height: size.height - LEGEND_HEIGHT - EDGE };
  const scale = Math.max(Math.min(room.width / image.width, room.height / image.height), 0);
  const [width, height] = [image.width * scale, image.height * scale];
  return { x: EDGE + (room.width - width) / 2, y: EDGE / 2 + (room.height - height) / 2, width, height };
}

/** The patch under a point; null beside the picture. */
export function patchAt(scene: Pick<ImageScene, "size" | "image" | "grid">, x: number, y: number) {
  const box = pictureBox(scene);
  const { rows, columns } = scene.grid;
  const row = Math.floor(((y - box.y) / box.height) * rows);
  const column = Math.floor(((x - box.x) / box.width) * columns);
  return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
}

/** A picture in a box, with colours over it. `picture` draws itself, which a canvas and a document do in ways of their own. */
export function drawOver(
  surface: Surface,
  box: Box,
  look: Pick<ImageScene, "grid" | "palette" | "values" | "scale" | "strength" | "smooth">,
  picture: (box: Box) => void,
): void {
  const { grid, palette, values, scale, strength, smooth } = look;
  picture(box);
  if (values) {
    surface.rect(box, palette.background, veil(strength));
    const pixels = tints(values, scale, strength);
    if (smooth) {
      const most = Math.floor(MOST_SMOOTH / Math.max(grid.rows, grid.columns));
      const times = Math.max(1, Math.min(most, Math.round(box.width / grid.columns / SMOOTH_PIXEL)));
      const large = smoothed(pixels, grid.columns, grid.rows, times);
      surface.pixels(box, large, grid.columns * times, grid.rows * times);
    } else surface.pixels(box, pixels, grid.columns, grid.rows);
  }
}

export function drawImageScene(surface: Surface, scene: ImageScene, picture: (box: Box) => void): void {
  const { grid, palette, chosen } = scene;
  const box = pictureBox(scene);
  surface.rect({ x: 0, y: 0, ...scene.size }, palette.background);
  drawOver(surface, box, scene, picture);
  if (chosen) {
    const [width, height] = [box.width / grid.columns, box.height / grid.rows];
    const patch = { x: box.x + chosen.column * width, y: box.y + chosen.row * height, width, height };
    // Two lines, dark and light: one of them is seen on any picture.
    surface.outline(patch, "#000000", 4);
    surface.outline(patch, "#ffffff", 2);
  }
  drawLegend(surface, scene);
}

function drawLegend(surface: Surface, { size, scale, strength, legend, palette }: ImageScene): void {
  const width = Math.min(LEGEND_WIDTH, size.width - 6 * EDGE);
  const bar = { x: (size.width - width) / 2, y: size.height - LEGEND_HEIGHT + 18, width, height: 10 };
  surface.text(size.width / 2, bar.y - 10, legend, { size: 12, colour: palette.dimmed, anchor: "middle" });
  // As over a picture of middle grey.
  surface.rect(bar, "#808080");
  surface.rect(bar, palette.background, veil(strength));
  const parts = 64;
  for (let part = 0; part < parts; part++) {
    const place = (part + 0.5) / parts;
    const [red, green, blue, alpha] = tint(scale.signed ? 2 * place - 1 : place, strength);
    const x = bar.x + (part / parts) * width;
    surface.rect({ ...bar, x, width: width / parts }, `rgb(${red},${green},${blue})`, alpha / 255);
  }
  surface.outline(bar, palette.frame, 1);
  for (const { place, text } of barTicks(scale)) {
    const x = bar.x + place * width;
    surface.text(x, bar.y + 18, text, { size: 11, colour: palette.text, anchor: "middle", mono: true });
  }
}
