/** Numbers on colour: the number must be as easy to read as the colour. */

import type { Palette } from "../../contract";

/** Background and text for a number that is this share (−1 … 1) of the largest. */
export function coloursOf(share: number, palette: Palette): { background: string; text: string } {
  const ramp = share < 0 ? palette.negative : palette.positive;
  const at = 3 * Math.round(255 * Math.min(1, Math.abs(share)));
  const rgb = [ramp[at], ramp[at + 1], ramp[at + 2]];
  const linear = rgb.map((part) => ((part / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return { background: `rgb(${rgb.join(",")})`, text: luminance > 0.179 ? "#000000" : "#ffffff" };
}

/** The largest size among the finite. */
export function largestSize(values: ArrayLike<number>): number {
  let most = 0;
  for (let at = 0; at < values.length; at++)
    if (Number.isFinite(values[at])) most = Math.max(most, Math.abs(values[at]));
  return most;
}
