/** The weights of the chosen token: its row and its column, whole where that is soon read. */

import type { App, Manifest, State } from "../contract";
import { countText } from "../labels";
import { rowAxisOf, type Shown, shownBy, unitsRequest } from "../shown";

export interface Weights {
  shown: Shown;
  query: number | null;
  key: number | null;
  /** What the query looks at, a number for each unit of the columns. */
  ofQuery: Float32Array | null;
  /** Who looks at the key, a number for each unit of the rows. */
  ofKey: Float32Array | null;
  /** What could not be read. */
  left: string;
}

/** Of so many weights or fewer, the whole map is read once, and each token found in it. */
const WHOLE = 1 << 16;
/** Rows of a column, which each cost a row of work, and columns of a row: what is answered at once. */
const [MOST_ROWS, MOST_COLUMNS] = [4096, 1 << 19];

/**
 * How far the column of a token stands from its row, where rows and columns are of one text: 0, or 1 where rows are called by
 * what was produced and columns by what had been read; null where they are of two texts.
 */
export function sameToken(manifest: Manifest, state: Pick<State, "map" | "rowAxis">): number | null {
  const info = manifest.maps[state.map];
  const rows = info.rowAxes[rowAxisOf(info, state)];
  if (rows === info.columnAxis) return 0;
  return info.rowAxes.includes(info.columnAxis) ? 1 : null;
}

/** Columns of one question: where each of more words begins and ends is a longer text than a server listens to. */
const AT_ONCE = 1 << 15;

export class PartnerWeights {
  private subject = "";
  private whole: Float32Array | null = null;

  constructor(private readonly app: App) {}

  /** Whether nothing has to be asked. */
  known(): boolean {
    return this.whole !== null && this.subject === this.subjectOf();
  }

  async read(signal: AbortSignal): Promise<Weights> {
    const { manifest, store, source } = this.app;
    const { state } = store;
    const shown = shownBy(manifest, state);
    const [rows, columns] = [shown.rows.count, shown.columns.count];
    let { query, key } = state;
    const same = sameToken(manifest, state);
    // One token of a text that looks at itself is both.
    if (same !== null && key === null && query !== null && query + same < shown.info.keys) key = query + same;
    else if (same !== null && query === null && key !== null && key >= same) query = key - same;
    const row = query === null ? -1 : shown.rows.unitOf(query);
    const column = key === null ? -1 : shown.columns.unitOf(key);
    const found: Weights = {
      shown,
      query: row < 0 ? null : query,
      key: column < 0 ? null : key,
      ofQuery: null,
      ofKey: null,
      left: "",
    };
    if (row < 0 && column < 0) return found;
    if (rows * columns <= WHOLE) {
      if (!this.known()) {
        const subject = this.subjectOf();
        const region = await source.region(unitsRequest(state, shown, [0, rows], [0, columns]), signal);
        if (signal.aborted) return found;
        this.whole = region.values;
        this.subject = subject;
      }
      const whole = this.whole!;
      if (row >= 0) found.ofQuery = whole.subarray(row * columns, (row + 1) * columns);
      if (column >= 0) found.ofKey = Float32Array.from({ length: rows }, (_, at) => whole[at * columns + column]);
      return found;
    }
    const ask = async (one: readonly [number, number], two: readonly [number, number]) =>
      (await source.region(unitsRequest(state, shown, one, two), signal)).values;
    if (row >= 0 && columns <= MOST_COLUMNS) {
      const parts = Array.from({ length: Math.ceil(columns / AT_ONCE) }, (_, at) => at * AT_ONCE);
      const read = parts.map((first) => ask([row, row + 1], [first, Math.min(first + AT_ONCE, columns)]));
      found.ofQuery = joined(await Promise.all(read));
    }
    if (column >= 0 && !signal.aborted) {
      if (rows <= MOST_ROWS) found.ofKey = await ask([0, rows], [column, column + 1]);
      else if (state.query === null)
        found.left = `Who looks at it is not looked for among ${countText(rows)} rows; zoom into the map to see them.`;
    }
    return found;
  }

  private subjectOf(): string {
    const { map, heads, unit, special, renormalise, rowAxis } = this.app.store.state;
    return JSON.stringify([map, heads, unit, special === "hidden" && [renormalise], rowAxis]);
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
