/** What is written along the axes: every token, some of them, or numbers of positions, so that none touches another. */

import { brief, countText, isolated } from "../../labels";
import type { Measure } from "../../screen";
import type { Units } from "../../units";

export interface Mark {
  unit: number;
  /** The middle of the unit, in pixels from where the axis begins on screen. */
  at: number;
  text: string;
  special: boolean;
}

export interface Marks {
  marks: Mark[];
  /** Whether they are tokens or words, and not numbers of positions. */
  named: boolean;
  /** One unit in so many has a mark. */
  every: number;
}

/** Tokens are written where at least one in so many has room; else positions. */
const MOST_LEFT_OUT = 4;

/** `spacing`: pixels between named marks, `far`: between numbers, `room`: the longest text, all in pixels. */
export function marksOf(
  units: Units,
  [low, high]: [number, number],
  pixels: number,
  { spacing, far, room }: { spacing: number; far: number; room: number },
  measure: Measure,
): Marks {
  const needed = Math.ceil(spacing / pixels - 1e-9);
  const named = needed <= MOST_LEFT_OUT;
  const every = named ? Math.max(needed, 1) : niceStep(far / pixels);
  const marks: Mark[] = [];
  const last = Math.min(Math.ceil(high), units.count);
  for (let unit = Math.ceil(Math.max(Math.floor(low), 0) / every) * every; unit < last; unit += every) {
    const at = (unit + 0.5 - low) * pixels;
    if (at < 0 || at > (high - low) * pixels) continue;
    const text = named ? isolated(shortened(brief(units.label(unit)), room, measure)) : countText(units.start(unit));
    marks.push({ unit, at, text, special: named && units.special(unit) });
  }
  return { marks, named, every };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= least) ?? 10 * power;
}

/** Cut so that it is no wider than `room`. */
export function shortened(text: string, room: number, measure: Measure): string {
  if (measure(text) <= room) return text;
  const characters = [...text];
  let low = 1;
  let high = characters.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (measure(`${characters.slice(0, middle).join("")}…`) <= room) low = middle;
    else high = middle - 1;
  }
  return `${characters.slice(0, low).join("")}…`;
}

/**
 * The room that the marks of an axis need at any zoom, so that zooming does not move the map. Of many labels, the longest few
 * are shortened.
 */
export function roomFor(units: Units, most: number, measure: Measure): number {
  const looked = Math.min(units.count, 512);
  const widths = Array.from({ length: looked }, (_, at) =>
    measure(brief(units.label(Math.floor((at * units.count) / looked)), 24)),
  ).sort((one, other) => one - other);
  const widest = looked > 40 ? widths[Math.floor(looked * 0.95)] : (widths[looked - 1] ?? 0);
  const numbers = measure(countText(units.axis.tokens.length));
  return Math.min(Math.ceil(Math.max(widest, numbers)), most);
}
