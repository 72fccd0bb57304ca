/** Looking for a text or a position along an axis: no patterns, only what is written, whatever its case and accents. */

import type { Axis } from "../contract";

/** A place that was found, as tokens [start, stop): a word is all of its tokens. */
export interface Hit {
  start: number;
  stop: number;
}

/** More are counted, and not kept. */
export const MOST_HITS = 5000;
/** Texts that are looked at before others have their turn: a millisecond or two. */
const AT_A_TIME = 2000;

/** A text without case, accents, widths and the marks of blanks. */
export function plain(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[\p{M}\u2581\u0120\u00b7\u2423\u2068\u2069]/gu, "")
    .toLowerCase()
    .replaceAll("ß", "ss")
    .trim();
}

/** The position that a question asks for: a number, with or without separators; null where it is a text. "12" in quotes is one. */
export function positionOf(question: string): number | null {
  const digits = question.trim().replace(/[\s,_'\u2019]/g, "");
  return /^\d{1,9}$/.test(digits) ? Number(digits) : null;
}

/** What is looked for in texts: without quotes around it, blank by blank. */
export function partsOf(question: string): string[] {
  const trimmed = question.trim();
  const bare = /^["\u201c].*["\u201d]$/.test(trimmed) && trimmed.length > 2 ? trimmed.slice(1, -1) : trimmed;
  return bare.split(/\s+/).map(plain).filter(Boolean);
}

/** Texts of an axis as they are compared, made once. */
const known = new WeakMap<Axis, string[]>();

/**
 * Hits in ascending order, words where words are known: those that hold the text, and where it has blanks, words in a row.
 * A generator: whoever runs it may stop, or draw, at each yield.
 */
export function* searched(axis: Axis, question: string): Generator<void, { hits: Hit[]; count: number }> {
  const size = axis.tokens.length;
  const position = positionOf(question);
  if (position !== null) {
    const hits = position < size ? [unitAround(axis, position)] : [];
    return { hits, count: hits.length };
  }
  const parts = partsOf(question);
  const hits: Hit[] = [];
  let count = 0;
  if (parts.length === 0) return { hits, count };
  const labels = axis.wordTexts ?? axis.tokens;
  const texts = known.get(axis) ?? [];
  known.set(axis, texts);
  for (let unit = texts.length; unit < labels.length; unit++) {
    texts.push(plain(labels[unit]));
    if (unit % AT_A_TIME === 0) yield;
  }
  for (let unit = 0; unit + parts.length <= texts.length; unit++) {
    if (unit % AT_A_TIME === 0) yield;
    if (!matches(texts, unit, parts)) continue;
    count++;
    if (hits.length < MOST_HITS) {
      const last = unit + parts.length;
      hits.push({ start: axis.words?.[unit] ?? unit, stop: axis.words ? (axis.words[last] ?? size) : last });
    }
  }
  return { hits, count };
}

/** One part is anywhere in a text; of several the first ends one text, the last begins one, and those between are texts. */
function matches(texts: readonly string[], unit: number, parts: readonly string[]): boolean {
  if (parts.length === 1) return texts[unit].includes(parts[0]);
  return parts.every((part, at) => {
    const text = texts[unit + at];
    if (at === 0) return text.endsWith(part);
    return at === parts.length - 1 ? text.startsWith(part) : text === part;
  });
}

/** The word that a token is in, or the token. */
function unitAround(axis: Axis, token: number): Hit {
  const { words } = axis;
  if (!words) return { start: token, stop: token + 1 };
  let low = 0;
  let high = words.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (words[middle] <= token) low = middle;
    else high = middle;
  }
  return { start: words[low], stop: words[low + 1] ?? axis.tokens.length };
}

/** Runs work in turns with everything else of the page, until it is done or given up; null where it was given up. */
export async function inTurns<T>(work: Generator<void, T>, signal: AbortSignal, slice = 6): Promise<T | null> {
  for (;;) {
    if (signal.aborted) return null;
    const end = performance.now() + slice;
    do {
      const { done, value } = work.next();
      if (done) return value;
    } while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
