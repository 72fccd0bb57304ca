/** How weights become colours, and the bar that says it. */

import type { Palette } from "./contract";

export type ScaleName = "linear" | "log" | "row";

/** The logarithmic scale shows this weight, and all that are smaller, as nothing. */
export const LEAST = 1e-6;

export interface ColourScale {
  name: ScaleName;
  /** The weight with the strongest colour; of the scale by rows, each row's own largest stands for it. */
  top: number;
  signed: boolean;
}

/**
 * The scale of what is on screen: its top is the largest weight, rounded up so that small moves leave it as it is, and no
 * less than `least`: where all weights are next to nothing, none is to look strong.
 */
export function scaleOf(name: ScaleName, values: Float32Array, signed: boolean, least: number): ColourScale {
  let most = least;
  for (const value of values) {
    const size = value < 0 ? -value : value;
    if (size > most && size < Number.POSITIVE_INFINITY) most = size;
  }
  return { name, top: name === "row" ? 1 : roundedUp(most, signed), signed };
}

function roundedUp(most: number, signed: boolean): number {
  if (most === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  const top = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((one) => one * power).find((one) => one >= most * (1 - 1e-6));
  const found = Number((top ?? 10 * power).toPrecision(6));
  return signed ? found : Math.min(found, Math.max(1, most));
}

/** From -1 to 1: how strong the colour of a weight is, and on which side. `rowTop` is the largest size in its row. */
export function strength(weight: number, scale: ColourScale, rowTop = 1): number {
  const top = scale.name === "row" ? rowTop : scale.top;
  const size = Math.abs(weight);
  if (!(size > 0) || top <= 0) return 0;
  const share = scale.name === "log" ? logShare(size, top) : Math.min(size / top, 1);
  return weight < 0 ? -share : share;
}

function logShare(size: number, top: number): number {
  if (top <= LEAST) return size >= top ? 1 : 0;
  return Math.min(Math.max(Math.log(size / LEAST) / Math.log(top / LEAST), 0), 1);
}

/** Colours of all cells as RGBA, row by row. */
export function colourise(
  values: Float32Array,
  columns: number,
  scale: ColourScale,
  palette: Palette,
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(values.length * 4);
  const whole = new Uint32Array(pixels.buffer);
  const positive = packed(palette.positive);
  const negative = scale.signed ? packed(palette.negative) : positive;
  // Looked up and not computed: there may be a million cells, at each step of a zoom.
  const logs = scale.name === "log" && scale.top > LEAST ? 255 / Math.log(scale.top / LEAST) : 0;
  for (let at = 0, row = 0; at < values.length; row++) {
    const end = at + columns;
    const factor = 255 / (scale.name === "row" ? rowTop(values, row, columns) || 1 : scale.top);
    for (; at < end; at++) {
      const value = values[at];
      const size = value < 0 ? -value : value;
      const place = scale.name !== "log" ? size * factor : size > LEAST ? Math.log(size / LEAST) * logs : 0;
      whole[at] = (value < 0 ? negative : positive)[place >= 255 ? 255 : (place + 0.5) | 0];
    }
  }
  return pixels;
}

/** The largest size in a row. */
export function rowTop(values: Float32Array, row: number, columns: number): number {
  let most = 0;
  for (let at = row * columns; at < (row + 1) * columns; at++) most = Math.max(most, Math.abs(values[at]));
  return most;
}

/** RGBA of each of the 256 colours in one number, as the machine's bytes lie. */
function packed(ramp: Uint8Array): Uint32Array {
  const bytes = new Uint8ClampedArray(256 * 4);
  for (let at = 0; at < 256; at++) bytes.set([ramp[3 * at], ramp[3 * at + 1], ramp[3 * at + 2], 255], 4 * at);
  return new Uint32Array(bytes.buffer);
}

/** Red, green and blue of a strength from -1 to 1. */
export function rgbAt(share: number, palette: Palette): [number, number, number] {
  const ramp = share < 0 ? palette.negative : palette.positive;
  const at = 3 * Math.round(Math.min(Math.abs(share), 1) * 255);
  return [ramp[at], ramp[at + 1], ramp[at + 2]];
}

/** The same as CSS has it. */
export function colourAt(share: number, palette: Palette): string {
  return `rgb(${rgbAt(share, palette).join(",")})`;
}

/** Black or white, whichever reads better on the colour of a strength (contrast as WCAG 2 has it). */
export function inkOn(share: number, palette: Palette): string {
  const [red, green, blue] = rgbAt(share, palette).map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

/** Marks of the colour bar: places from 0 (bottom) to 1 (top), and what stands there. */
export function barTicks(scale: ColourScale): { place: number; text: string }[] {
  if (scale.name === "row") {
    const top = { place: 1, text: "row max" };
    return scale.signed
      ? [{ place: 0, text: "−row max" }, { place: 0.5, text: "0" }, top]
      : [{ place: 0, text: "0" }, top];
  }
  const sizes: number[] = [];
  if (scale.name === "log") {
    for (let power = Math.ceil(Math.log10(LEAST)); 10 ** power < scale.top * 0.5; power += 2) sizes.push(10 ** power);
    sizes.push(scale.top);
  } else {
    const parts = scale.signed ? 2 : 4;
    for (let part = 0; part <= parts; part++) sizes.push((scale.top * part) / parts);
  }
  const upper = sizes.map((size) => ({
    place: Math.abs(strength(size, scale)),
    text: scale.name === "log" && size <= LEAST ? "≤ 1e-6" : tickText(size),
  }));
  if (!scale.signed) return upper;
  const mirrored = upper
    .filter(({ place }) => place > 0)
    .map(({ place, text }) => ({ place: -place, text: `−${text}` }));
  return [...mirrored, ...upper].map(({ place, text }) => ({ place: (place + 1) / 2, text }));
}

function tickText(size: number): string {
  const rounded = Number(size.toPrecision(3));
  return size > 0 && size < 0.001 ? rounded.toExponential() : String(rounded);
}
