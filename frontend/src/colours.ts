/** How weights become colours, and the bar that says it. */

import type { Palette } from "./contract";

export type ScaleName = "linear" | "log" | "row";

/** The logarithmic scale shows this weight, and all that are smaller, as nothing. */
export const LEAST = 1e-6;

export interface ColourScale {
  name: ScaleName;
  /** The weight with the strongest colour; of the scale by rows, each row's own largest stands for it. */
  top: number;
  /** Weights of this size and less have no colour; 0 where not given. */
  bottom?: number;
  signed: boolean;
  /** Whether some cells are above `top`, and look like it. */
  more?: boolean;
  /** Whether exactly 0 is a key that is hidden from its row: it looks like no weight at all. */
  hides?: boolean;
}

/** The fitted scale ends where one cell in so many is above it. */
export const ONE_IN = 200;
/** Unless the largest is not even so many times as large: then nothing would be gained. */
const WORTH = 2;
/** Cells that are looked at to find it: more would be felt at each step of a zoom. */
const LOOKED = 20_000;

/**
 * The scale of what is on screen: its top is the largest weight, rounded up so that small moves leave it as it is, and no
 * less than `least`: where all weights are next to nothing, none is to look strong. Where it is fitted ("auto"), its top is
 * what one cell in ONE_IN exceeds, if that is much less: a few large weights would leave all others white. `limits` are the
 * ends that somebody has chosen.
 */
export function scaleOf(
  name: ScaleName | "auto",
  values: Float32Array,
  signed: boolean,
  least: number,
  limits: readonly [number, number] | null = null,
): ColourScale {
  const most = Math.max(least, largestOf(values));
  if (name === "row") return { name, top: 1, signed };
  if (limits)
    return {
      name: name === "log" ? name : "linear",
      bottom: limits[0],
      top: limits[1],
      signed,
      more: most > limits[1],
    };
  if (name === "auto") {
    const fitted = roundedUp(Math.max(least, exceededByFew(values)), signed);
    if (most >= WORTH * fitted) return { name: "linear", top: fitted, signed, more: true };
  }
  return { name: name === "auto" ? "linear" : name, top: roundedUp(most, signed), signed };
}

function largestOf(values: Float32Array): number {
  let most = 0;
  for (const value of values) {
    const size = value < 0 ? -value : value;
    if (size > most && size < Number.POSITIVE_INFINITY) most = size;
  }
  return most;
}

/** The size that one in ONE_IN exceeds, of those that are not 0; of very many, it is that of evenly chosen ones. */
function exceededByFew(values: Float32Array): number {
  const step = Math.max(1, Math.floor(values.length / LOOKED)) | 1; // odd: columns of a power of two would be the same ones
  const sizes: number[] = [];
  for (let at = 0; at < values.length; at += step) {
    const size = Math.abs(values[at]);
    if (size > 0 && size < Number.POSITIVE_INFINITY) sizes.push(size);
  }
  if (sizes.length === 0) return 0;
  const sorted = Float32Array.from(sizes).sort();
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * (1 - 1 / ONE_IN)))];
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
  const bottom = scale.bottom ?? 0;
  const plain = () => Math.min(Math.max((size - bottom) / (top - bottom), 0), 1);
  const share = scale.name === "log" ? logShare(size, top, Math.max(bottom, LEAST)) : plain();
  return weight < 0 ? -share : share;
}

function logShare(size: number, top: number, bottom = LEAST): number {
  if (top <= bottom) return size >= top ? 1 : 0;
  return Math.min(Math.max(Math.log(size / bottom) / Math.log(top / bottom), 0), 1);
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
  const bottom = scale.name === "log" ? Math.max(scale.bottom ?? 0, LEAST) : (scale.bottom ?? 0);
  const logs = scale.name === "log" && scale.top > bottom ? 255 / Math.log(scale.top / bottom) : 0;
  const hidden = scale.hides ? inOne(hiddenOf(palette)) : positive[0];
  for (let at = 0, row = 0; at < values.length; row++) {
    const end = at + columns;
    const factor = 255 / (scale.name === "row" ? rowTop(values, row, columns) || 1 : scale.top - bottom);
    for (; at < end; at++) {
      const value = values[at];
      const size = value < 0 ? -value : value;
      const above = size > bottom;
      const place = !above ? 0 : scale.name === "log" ? Math.log(size / bottom) * logs : (size - bottom) * factor;
      const colour = (value < 0 ? negative : positive)[place >= 255 ? 255 : (place + 0.5) | 0];
      whole[at] = value === 0 ? hidden : colour;
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

/** The colour of a cell that is hidden: between the ground and the frame. */
export function hiddenOf(palette: Palette): [number, number, number] {
  const [ground, frame] = [palette.background, palette.frame].map((hex) =>
    [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)),
  );
  const [red, green, blue] = ground.map((channel, at) => Math.round(channel + 0.22 * (frame[at] - channel)));
  return [red, green, blue];
}

function inOne([red, green, blue]: [number, number, number]): number {
  return new Uint32Array(new Uint8ClampedArray([red, green, blue, 255]).buffer)[0];
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

/** Black or white, whichever reads better on the colour of a strength. */
export function inkOn(share: number, palette: Palette): string {
  return inkOnColour(rgbAt(share, palette));
}

/** The same on a colour: contrast as WCAG 2 has it. */
export function inkOnColour(colour: readonly [number, number, number]): string {
  const [red, green, blue] = colour.map((channel) => {
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
  const bottom = scale.name === "log" ? Math.max(scale.bottom ?? 0, LEAST) : (scale.bottom ?? 0);
  if (scale.name === "log") {
    const first = Math.ceil(Math.log10(bottom));
    if (scale.bottom) sizes.push(bottom);
    for (let power = first; 10 ** power < scale.top * 0.5; power += 2) sizes.push(10 ** power);
    sizes.push(scale.top);
  } else {
    const parts = scale.signed ? 2 : 4;
    for (let part = 0; part <= parts; part++) sizes.push(bottom + ((scale.top - bottom) * part) / parts);
  }
  const text = (size: number) => {
    if (size === scale.top && scale.more) return `≥ ${tickText(size)}`;
    return size <= bottom && bottom > 0 ? `≤ ${tickText(size)}` : tickText(size);
  };
  const upper = sizes.map((size) => ({ place: Math.abs(strength(size, scale)), text: text(size) }));
  if (!scale.signed) return upper;
  const mirrored = upper
    .filter(({ place }) => place > 0)
    .map(({ place, text }) => ({ place: -place, text: `−${text}` }));
  return [...mirrored, ...upper].map(({ place, text }) => ({ place: (place + 1) / 2, text }));
}

function tickText(size: number): string {
  const rounded = Number(size.toPrecision(size < 0.01 ? 2 : 3));
  return size > 0 && size < 0.001 ? rounded.toExponential() : String(rounded);
}
