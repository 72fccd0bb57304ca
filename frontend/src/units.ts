/** The units of an axis as they are shown: tokens, words or characters, all of them or without the special ones. */

import type { Axis, Cells, UnitName } from "./contract";

/** Where the units of a name begin; null where they are the tokens. */
export function beginsOf(axis: Axis, unit: UnitName): number[] | null {
  return { tokens: null, words: axis.words, characters: axis.characters }[unit];
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
      if ((hidden && this.specials.has(start)) || start < from || start >= until) continue;
      starts[count] = start;
      stops[count] = begins ? (begins[run + 1] ?? size) : run + 1;
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
    const { wordTexts, characterTexts } = this.axis;
    const texts = { tokens: null, words: wordTexts, characters: characterTexts }[this.unit];
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
    return this.specials.has(this.start(unit));
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
