/** The colours that attention has over a picture. */

import { type ColourScale, strength } from "../../colours";
import { paletteOf } from "../../palette";

/**
 * The vivid middle of a palette, the same on light and dark pages: the picture beneath is neither. Attention adds colour and
 * takes nothing away, so that what is attended to stays visible; negative weights have the other palette.
 */
const VIVID = { from: 96, to: 160 };
const { negative: WARM, positive: COLD } = paletteOf("light");
/** The least share of the full strength that a weight above nothing has. */
const FAINTEST = 0.06;

/** RGBA, from 0 to 255, of a share from -1 to 1 of the largest weight. */
export function tint(share: number, most: number): [number, number, number, number] {
  const size = Math.min(Math.abs(share), 1);
  const ramp = share < 0 ? COLD : WARM;
  const at = Math.round(VIVID.from + size * (VIVID.to - VIVID.from));
  const alpha = size === 0 ? 0 : (FAINTEST + (1 - FAINTEST) * size) * most;
  return [ramp[3 * at], ramp[3 * at + 1], ramp[3 * at + 2], Math.round(alpha * 255)];
}

/** Patches as RGBA; `most` is the strength of the overlay, from 0 to 1. */
export function tints(values: Float32Array, scale: ColourScale, most: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(values.length * 4);
  values.forEach((value, at) => {
    pixels.set(tint(strength(value, scale), most), 4 * at);
  });
  return pixels;
}

/** Between the patches' middles, as a smooth overlay shows it: RGBA of `times` × `times` pixels a patch. */
export function smoothed(
  pixels: Uint8ClampedArray,
  columns: number,
  rows: number,
  times: number,
): Uint8ClampedArray<ArrayBuffer> {
  const width = columns * times;
  const found = new Uint8ClampedArray(width * rows * times * 4);
  const near = (at: number, count: number) => {
    const place = Math.min(Math.max((at + 0.5) / times - 0.5, 0), count - 1);
    const low = Math.min(Math.floor(place), Math.max(count - 2, 0));
    return { low, high: Math.min(low + 1, count - 1), share: place - low };
  };
  for (let y = 0; y < rows * times; y++) {
    const down = near(y, rows);
    for (let x = 0; x < width; x++) {
      const across = near(x, columns);
      const corners = [
        [down.low, across.low, (1 - down.share) * (1 - across.share)],
        [down.low, across.high, (1 - down.share) * across.share],
        [down.high, across.low, down.share * (1 - across.share)],
        [down.high, across.high, down.share * across.share],
      ];
      const sum = [0, 0, 0, 0];
      for (const [row, column, share] of corners) {
        const from = 4 * (row * columns + column);
        const alpha = pixels[from + 3] * share;
        // Colours count as much as they cover, or what is transparent would darken its neighbours.
        for (let channel = 0; channel < 3; channel++) sum[channel] += pixels[from + channel] * alpha;
        sum[3] += alpha;
      }
      const to = 4 * (y * width + x);
      for (let channel = 0; channel < 3; channel++) found[to + channel] = sum[3] > 0 ? sum[channel] / sum[3] : 0;
      found[to + 3] = sum[3];
    }
  }
  return found;
}

/** How much paler the picture becomes beneath, so that colours stand out on it. */
export function veil(most: number): number {
  return 0.45 * most;
}
