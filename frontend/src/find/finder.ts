/** What is being looked for, and which of the places found is looked at. */

import type { App, State, Viewport } from "../contract";
import { rowAxisOf, type Shown, shownBy } from "../shown";
import type { Units } from "../units";
import { type Hit, inTurns, positionOf, searched } from "./search";

export interface Found {
  question: string;
  rows: readonly Hit[];
  columns: readonly Hit[];
  /** How many there are on both axes, also of those that are not kept. */
  count: number;
}

const NOTHING: Found = { question: "", rows: [], columns: [], count: 0 };

/** Units around a place that is gone to on a map of more than FAR of them. */
const AROUND = 64;
const FAR = 400;

export class Finder {
  found: Found = NOTHING;
  /** Which of the places, rows before columns; -1 before the first is chosen. */
  at = -1;
  /** Whether an answer is awaited. */
  looking = false;
  /** Resolved when what was asked last is answered. */
  settled: Promise<void> = Promise.resolve();
  private asked = "";
  /** Whether both axes are of one text, whose places are counted once. */
  private once = false;
  private abort = new AbortController();

  /** `changed` is called when there is something new to show. */
  constructor(
    private readonly app: App,
    private readonly changed: () => void,
  ) {}

  /** Looks for a text or a position on both axes of the map that is looked at. */
  look(question: string): Promise<void> {
    const before = this.settled;
    const answered = this.ask(question);
    // Asked again before the answer, it is the same one that is waited for.
    this.settled = answered ? answered : before;
    return this.settled;
  }

  private ask(question: string): Promise<void> | null {
    const { manifest, store } = this.app;
    const info = manifest.maps[store.state.map];
    const names = [info.rowAxes[rowAxisOf(info, store.state)], info.columnAxis];
    const asked = JSON.stringify([question.trim(), names]);
    if (asked === this.asked) return null;
    this.asked = asked;
    this.abort.abort();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.at = -1;
    if (question.trim() === "") {
      this.looking = false;
      this.found = NOTHING;
      this.changed();
      return Promise.resolve();
    }
    this.looking = true;
    return this.search(question, names, signal);
  }

  private async search(question: string, names: readonly string[], signal: AbortSignal): Promise<void> {
    const { manifest } = this.app;
    const sides = [];
    for (const name of names) {
      const side = await inTurns(searched(manifest.axes[name], question), signal);
      if (!side) return;
      sides.push(side);
    }
    const [rows, columns] = sides;
    this.once = same(manifest.axes[names[0]].tokens, manifest.axes[names[1]].tokens);
    this.looking = false;
    this.found = {
      question,
      rows: rows.hits,
      columns: columns.hits,
      count: rows.count + (this.once ? 0 : columns.count),
    };
    this.changed();
  }

  /** Goes to the place that comes `by` after the present one, round and round; null where there is none. */
  next(by: number): Partial<State> | null {
    const { rows, columns } = this.found;
    const many = rows.length + (this.once ? 0 : columns.length);
    if (many === 0) return null;
    this.at = this.at < 0 ? (by > 0 ? 0 : many - 1) : (this.at + by + many) % many;
    const side = this.at < rows.length ? "query" : "key";
    const hit = side === "query" ? rows[this.at] : columns[this.at - rows.length];
    this.changed();
    return chosen(this.app, side, hit);
  }

  /** In words, for the bar and for screen readers. */
  text(): string {
    const { question, count } = this.found;
    if (this.looking || question.trim() === "") return "";
    if (count > 0)
      return this.at < 0
        ? `${count.toLocaleString("en-US")} found`
        : `${this.at + 1} of ${count.toLocaleString("en-US")}`;
    const position = positionOf(question);
    if (position === null) return "no such text";
    const { info } = shownBy(this.app.manifest, this.app.store.state);
    return `no such position: there are ${info.queries.toLocaleString("en-US")} rows and ${info.keys.toLocaleString("en-US")} columns`;
  }

  stop(): void {
    this.abort.abort();
  }
}

function same(one: readonly string[], two: readonly string[]): boolean {
  return one === two || (one.length === two.length && one.every((token, at) => token === two[at]));
}

/** What looking at a place changes: the crosshair's row or column, and the part of the map that is on screen. */
export function chosen(app: App, side: "query" | "key", hit: Hit): Partial<State> {
  const { manifest, store } = app;
  const shown = shownBy(manifest, store.state);
  const direction = side === "query" ? "from" : "to";
  return {
    [side]: hit.start,
    pinned: true,
    direction,
    viewport: viewportAt(store.state.viewport, shown, side, hit.start),
  };
}

/** The viewport moved to a token, or one around it on a map so large that a token of it is nothing. */
export function viewportAt(
  viewport: Viewport | null,
  shown: Shown,
  side: "query" | "key",
  token: number,
): Viewport | null {
  const units = side === "query" ? shown.rows : shown.columns;
  const unit = units.unitOf(token);
  if (unit < 0) return viewport;
  const [low, high] = side === "query" ? (["top", "bottom"] as const) : (["left", "right"] as const);
  if (viewport && unit >= viewport[low] && unit + 1 <= viewport[high]) return viewport;
  if (!viewport && Math.max(shown.rows.count, shown.columns.count) <= FAR) return null;
  const made = viewport ?? { top: 0, bottom: shown.rows.count, left: 0, right: shown.columns.count };
  const other = side === "query" ? shown.columns : shown.rows;
  const [start, stop] = side === "query" ? (["left", "right"] as const) : (["top", "bottom"] as const);
  const found = { ...made };
  [found[low], found[high]] = around(unit, viewport ? made[high] - made[low] : AROUND, units);
  // The other axis of the same text shows the same place: that is where the map has something to see.
  const twin = other.axis.tokens.length === units.axis.tokens.length ? other.unitOf(token) : -1;
  if (twin >= 0) [found[start], found[stop]] = around(twin, viewport ? made[stop] - made[start] : AROUND, other);
  return found;
}

function around(unit: number, size: number, { count }: Units): [number, number] {
  const whole = Math.min(size, count);
  const first = Math.min(Math.max(0, unit + 0.5 - whole / 2), count - whole);
  return [first, first + whole];
}
