/** Tokens as people can read them. The manifest has their texts with everything in them visible; here they are cut. */

import type { MapInfo } from "./contract";

const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** A text of at most `limit` characters, as people count them: no emoji and no letter with its marks is cut in two. */
export function brief(text: string, limit = 40): string {
  if (text === "") return "⟨empty⟩";
  if (text.length <= limit) return text;
  let kept = "";
  let count = 0;
  // A character may be a text of any length: of one that is absurd, only a part is looked at.
  for (const { segment } of characters.segment(text.slice(0, 32 * limit))) {
    if (++count === limit) return kept.length + segment.length === text.length ? text : `${kept}…`;
    kept += segment;
  }
  return kept === text ? text : `${kept}…`;
}

const FROM_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** A label in a sentence or a drawing, whose direction does not reach what stands around it. */
export function isolated(text: string): string {
  return FROM_RIGHT.test(text) ? `\u2068${text}\u2069` : text;
}

/** A weight as text: enough digits to tell it from its neighbours, and never 0 for what is not. */
export function weightText(weight: number): string {
  if (weight === 0) return "0";
  const size = Math.abs(weight);
  if (size >= 0.0995) return weight.toFixed(2);
  if (size >= 0.00095) return weight.toFixed(3);
  return weight.toExponential(1);
}

/** A number of a head, with its error where it has one. */
export function statisticText(info: Pick<MapInfo, "errors">, name: string, head: number, value: number): string {
  const error = info.errors?.[name]?.[head];
  return error === undefined || error === null ? weightText(value) : `${weightText(value)} ± ${weightText(error)}`;
}

/** All of a number that is kept in float32: the fewest digits that read back as it. */
export function fullText(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

/** How weights are written: for reading, or in full, for programs. */
export function weightTexts(full: boolean): (weight: number) => string {
  return full ? fullText : weightText;
}

/** 3e-4, 2.5e-5: rounded up, for a bound must hold. */
export function errorText(error: number): string {
  const power = Math.floor(Math.log10(error));
  const digits = Math.ceil((error / 10 ** power) * 10 - 1e-6) / 10;
  return digits >= 10 ? `1e${power + 1}` : `${digits}e${power}`;
}

/** A count with separators: 131,072. */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}
