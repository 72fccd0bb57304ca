/** The units of an axis as they are shown: tokens, words or characters, all of them or without the special ones. */

import type { Axis, Cells, UnitName } from "./contract";

/** Runs that cover an axis: where they begin, and the text of each. */
interface Runs {
  begins: number[];
  texts: readonly string[];
}

const runsKnown = new WeakMap<Axis, Map<UnitName, Runs | null>>();

/** The units of a name; null where they are the tokens. */
function runsOf(axis: Axis, unit: UnitName): Runs | null {
  const known = runsKnown.get(axis) ?? new Map<UnitName, Runs | null>();
  runsKnown.set(axis, known);
  const made = known.get(unit);
  if (made !== undefined) return made;
  const found = unit === "sentences" ? sentencesIn(axis) : (plainRuns(axis, unit) ?? spansIn(axis, unit));
  known.set(unit, found);
  return found;
}

function plainRuns({ words, wordTexts, characters, characterTexts }: Axis, unit: UnitName): Runs | null {
  if (unit === "words" && words && wordTexts) return { begins: words, texts: wordTexts };
  return unit === "characters" && characters && characterTexts ? { begins: characters, texts: characterTexts } : null;
}

/** Sentences, which have the texts of the words that begin in them. */
function sentencesIn({ sentences, words, wordTexts }: Axis): Runs | null {
  if (!sentences || !words || !wordTexts) return null;
  const texts: string[][] = sentences.map(() => []);
  let at = 0;
  words.forEach((start, word) => {
    while (at + 1 < sentences.length && sentences[at + 1] <= start) at += 1;
    texts[at].push(wordTexts[word]);
  });
  return { begins: sentences, texts: texts.map((one) => one.join(" ")) };
}

/** Named spans, and what lies between them: special tokens each by itself, and the rest. */
function spansIn({ bands, tokens, special }: Axis, unit: UnitName): Runs | null {
  const band = bands?.find(({ name }) => name === unit);
  if (!band) return null;
  const specials = new Set(special);
  const begins: number[] = [];
  const texts: string[] = [];
  const between = (start: number, stop: number) => {
    for (let at = start; at < stop; at++) {
      if (at > start && !specials.has(at) && !specials.has(at - 1)) continue;
      begins.push(at);
      texts.push(specials.has(at) ? tokens[at] : REST);
    }
  };
  let end = 0;
  band.spans.forEach(([start, stop], at) => {
    between(end, start);
    begins.push(start);
    texts.push(band.texts[at]);
    end = stop;
  });
  between(end, tokens.length);
  return { begins, texts };
}

/** What belongs to no span, and is there. */
export const REST = "(rest)";

/** Where the units of a name begin; null where they are the tokens. */
export function beginsOf(axis: Axis, unit: UnitName): number[] | null {
  return runsOf(axis, unit)?.begins ?? null;
}

const made = new WeakMap<Axis, Map<string, Units>>();

/** The units of an axis, made once: of a long text they take some milliseconds, and every part of the viewer asks for them. */
export function unitsOf(axis: Axis, unit: UnitName, hidden: boolean, part: readonly [number, number] | null): Units {
  const known = made.get(axis) ?? new Map<string, Units>();
  made.set(axis, known);
  const name = `${unit} ${hidden} ${part}`;
  const units = known.get(name) ?? new Units(axis, unit, hidden, part);
  known.set(name, units);
  return units;
}

export class Units {
  /** How many are shown. */
  readonly count: number;
  /** Of each unit; null where every token is one. */
  private readonly starts: Int32Array | null = null;
  private readonly stops: Int32Array | null = null;
  private readonly runs: Int32Array | null = null;
  private readonly specials: Set<number>;

  constructor(
    readonly axis: Axis,
    readonly unit: UnitName,
    readonly hidden: boolean,
    /** Only units that begin in [start, stop), where given. */
    part: readonly [number, number] | null = null,
  ) {
    this.specials = new Set(axis.special);
    const size = axis.tokens.length;
    const begins = beginsOf(axis, unit);
    const runs = begins?.length ?? size;
    const [from, until] = part ?? [0, size];
    const [starts, stops, kept] = [new Int32Array(runs), new Int32Array(runs), new Int32Array(runs)];
    let count = 0;
    for (let run = 0; run < runs; run++) {
      const start = begins ? begins[run] : run;
      const stop = begins ? (begins[run + 1] ?? size) : run + 1;
      // A special token is a unit of its own, but in a span that somebody named, which has others too.
      if ((hidden && stop - start === 1 && this.specials.has(start)) || start < from || start >= until) continue;
      starts[count] = start;
      stops[count] = stop;
      kept[count++] = run;
    }
    this.count = count;
    if (count === size) return;
    this.starts = starts.subarray(0, count);
    this.stops = stops.subarray(0, count);
    this.runs = kept.subarray(0, count);
  }

  /** First token of a unit. */
  start(unit: number): number {
    return this.starts ? this.starts[unit] : unit;
  }

  /** One past the last token of a unit. */
  stop(unit: number): number {
    return this.stops ? this.stops[unit] : unit + 1;
  }

  /** What it says: the text of a word, of a character, or of a token. */
  label(unit: number): string {
    const texts = runsOf(this.axis, this.unit)?.texts;
    return texts ? texts[this.runs ? this.runs[unit] : unit] : this.axis.tokens[this.start(unit)];
  }

  /** What it is called where there is room for more than a label: a patch by where it is in the picture. */
  name(unit: number): string {
    const { patches } = this.axis;
    const patch = this.stop(unit) - this.start(unit) === 1 ? patches?.[this.start(unit)] : null;
    if (!patches || !patch) return this.label(unit);
    const several = patches.some((other) => other && other[0] !== patch[0]);
    return `patch ${patchName({ row: patch[1], column: patch[2] })}${several ? ` of picture ${patch[0] + 1}` : ""}`;
  }

  /** Its tokens as their tokenizer spells them. */
  spelling(unit: number): string {
    return (this.axis.spellings ?? this.axis.tokens).slice(this.start(unit), this.stop(unit)).join(" ");
  }

  special(unit: number): boolean {
    return this.stop(unit) - this.start(unit) === 1 && this.specials.has(this.start(unit));
  }

  /** The unit that a token is part of; -1 where it is hidden. */
  unitOf(token: number): number {
    if (!this.starts || !this.stops) return token >= 0 && token < this.count ? token : -1;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.stops[middle] <= token) low = middle + 1;
      else high = middle;
    }
    return low < this.count && this.starts[low] <= token ? low : -1;
  }

  /** Units first … last as `count` cells of tokens (fewer where there are not so many units). */
  cells(first: number, last: number, count: number): Cells {
    const size = Math.min(count, last - first);
    if (!this.starts) return { start: first, stop: last, count: size };
    const starts: number[] = [];
    const stops: number[] = [];
    for (let cell = 0; cell < size; cell++) {
      starts.push(this.start(first + Math.floor((cell * (last - first)) / size)));
      stops.push(this.stop(first + Math.floor(((cell + 1) * (last - first)) / size) - 1));
    }
    return { starts, stops };
  }
}

/** One of the units: "word", "passage". */
export function singular(unit: UnitName): string {
  return /[^s]s$/.test(unit) ? unit.slice(0, -1) : unit;
}

/** Where a patch is in its picture, counted from 0 as positions are. */
export function patchName({ row, column }: { row: number; column: number }): string {
  return `row ${row}, column ${column}`;
}

/** Ends of each cell. */
export function cellEnds(cells: Cells): { starts: ArrayLike<number>; stops: ArrayLike<number>; count: number } {
  if ("starts" in cells) return { starts: cells.starts, stops: cells.stops, count: cells.starts.length };
  const { start, stop, count } = cells;
  const at = (cell: number) => start + Math.floor((cell * (stop - start)) / count);
  const starts = Array.from({ length: count }, (_, cell) => at(cell));
  const stops = Array.from({ length: count }, (_, cell) => at(cell + 1));
  return { starts, stops, count };
}
