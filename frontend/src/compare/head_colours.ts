/** Colours of several heads at once: told apart by those who are colour-blind, too, on light and dark grounds. */

import type { Palette, State } from "../contract";

/**
 * Okabe and Ito, "Color universal design" (2008), without black and yellow, which no ground shows both of. A seventh head and
 * those after it have no colour of their own.
 */
export const HEAD_COLOURS: readonly (readonly [number, number, number])[] = [
  [0, 114, 178],
  [213, 94, 0],
  [0, 158, 115],
  [204, 121, 167],
  [230, 159, 0],
  [86, 180, 233],
];

/** Whether the heads that are chosen have colours of their own: more of them than there are colours have not. */
export function areColoured({ several, heads }: Pick<State, "several" | "heads">): boolean {
  return several === "colours" && heads.length > 1 && heads.length <= HEAD_COLOURS.length;
}

export function cssOf(head: number): string {
  return `rgb(${HEAD_COLOURS[head].join(" ")})`;
}

/** Red, green and blue of one cell, by the strength of each head. */
export function inkedColour(strengths: readonly number[], palette: Palette): [number, number, number] {
  const [red, green, blue] = inked(
    strengths.map((one) => Float32Array.of(one)),
    palette,
  );
  return [red, green, blue];
}

/**
 * Cells as RGBA: each head's colour as strong as its weight, one over the other as inks are, so that a cell of two heads is
 * darker than of one. `strengths`: of each head, (cells,), from 0 to 1.
 */
export function inked(strengths: readonly Float32Array[], palette: Palette): Uint8ClampedArray<ArrayBuffer> {
  const cells = strengths[0]?.length ?? 0;
  const pixels = new Uint8ClampedArray(4 * cells);
  const dark = palette.name === "dark";
  const ground = Array.from(palette.positive.subarray(0, 3));
  for (let cell = 0; cell < cells; cell++) {
    for (let channel = 0; channel < 3; channel++) {
      let share = 1;
      for (let at = 0; at < strengths.length; at++) {
        const ink = HEAD_COLOURS[at][channel] / 255;
        share *= 1 - strengths[at][cell] * (dark ? ink : 1 - ink);
      }
      // On a dark ground lights are added, on a light one inks take light away.
      pixels[4 * cell + channel] = dark ? 255 - (255 - ground[channel]) * share : ground[channel] * share;
    }
    pixels[4 * cell + 3] = 255;
  }
  return pixels;
}
