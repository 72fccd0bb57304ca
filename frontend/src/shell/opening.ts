/** Which token is looked at first, where nobody has said it: a row that says much, so that the first sight has something to read. */

import type { App, State } from "../contract";
import { shownBy, unitsRequest } from "../shown";
import type { Units } from "../units";
import { firstToken, looked } from "../views/image/patches";

/** Of so many weights or fewer all rows are read; of so many of a longer map, the entropy of some. */
const [SMALL, LONG] = [1 << 18, 1 << 24];
const ROWS = 128;
/** A row that sees so few keys is sharp whatever the head does. */
const FEW_KEYS = 3;
const LETTER = /\p{L}/u;

/** Chooses a token where none is, so that there is something to read. */
export class FirstToken {
  private asking = new AbortController();
  private chosen: Pick<State, "map" | "query"> | null = null;

  constructor(private readonly app: App) {}

  choose(): void {
    this.stop();
    this.asking = new AbortController();
    const { signal } = this.asking;
    const { store, fail } = this.app;
    const already = () => store.state.query !== null || store.state.key !== null;
    const { map } = store.state;
    if (already() || this.app.manifest.maps[map].meaning !== undefined) return;
    firstQuery(this.app, signal).then(
      (query) => {
        if (signal.aborted || query === null || already()) return;
        this.chosen = { map, query };
        store.set({ query });
      },
      (error) => signal.aborted || fail(error),
    );
  }

  /** The state as a link says it: what was chosen for want of another is no step of a reader. */
  unsaid(state: Readonly<State>, start: Readonly<State>): Readonly<State> {
    const { map, query } = this.chosen ?? {};
    if (state.map !== map || state.query !== query || state.key !== null) return state;
    return { ...state, query: start.map === map ? start.query : null };
  }

  stop(): void {
    this.asking.abort();
  }
}

/** A query; null where no row is worth it. */
async function firstQuery(app: App, signal: AbortSignal): Promise<number | null> {
  const { manifest, store, source } = app;
  const { state } = store;
  const pictured = looked(manifest, state);
  if (typeof pictured !== "string") return firstToken(pictured, "from") ?? null;
  const shown = shownBy(manifest, state);
  const { rows, columns, info } = shown;
  if (rows.count === 0 || columns.count === 0) return null;
  if (rows.count * columns.count <= SMALL) {
    const { values } = await source.region(unitsRequest(state, shown, [0, rows.count], [0, columns.count]), signal);
    return sharpest(values, rows, columns);
  }
  const last = lastToken(rows);
  if (info.queries * info.keys > LONG || !info.probabilities) return last;
  // Rows of the second half, which have seen much also where they see only what stands before them.
  const from = rows.count >> 1;
  const count = Math.min(ROWS, rows.count - from);
  const starts = Array.from({ length: count }, (_, at) =>
    rows.start(from + Math.floor((at * (rows.count - from)) / count)),
  );
  const one = { starts, stops: starts.map((start) => start + 1) };
  const all = { start: 0, stop: info.keys, count: 1 };
  const { entropy } = await source.margins(
    { map: state.map, heads: state.heads, rows: one, columns: all, hideSpecial: false },
    signal,
  );
  const plain = starts.map((start, at) => ({ start, at })).filter(({ start }) => worth(rows, rows.unitOf(start)));
  plain.sort((one, two) => entropy[one.at] - entropy[two.at]);
  return plain[0]?.start ?? last;
}

function worth(units: Units, unit: number): boolean {
  return (
    unit >= 0 &&
    !units.special(unit) &&
    (units.label(unit) === String(units.start(unit)) || LETTER.test(units.name(unit)))
  );
}

function lastToken(units: Units): number | null {
  for (let unit = units.count - 1; unit >= 0; unit--) if (worth(units, unit)) return units.start(unit);
  return null;
}

/** The row of least entropy for the keys that it sees, whose most is on a token of the text and not on a special one. */
function sharpest(values: Float32Array, rows: Units, columns: Units): number | null {
  let best: { at: number; score: number } | null = null;
  for (let row = 0; row < rows.count; row++) {
    if (!worth(rows, row)) continue;
    const weights = values.subarray(row * columns.count, (row + 1) * columns.count);
    let [sum, entropy, seen, most] = [0, 0, 0, 0];
    weights.forEach((weight, at) => {
      if (weight <= 0) return;
      seen++;
      sum += weight;
      entropy -= weight * Math.log(weight);
      if (weight > weights[most]) most = at;
    });
    if (seen < FEW_KEYS || sum <= 0) continue;
    const score = (entropy / sum + Math.log(sum)) / Math.log(seen) + (columns.special(most) ? 1 : 0);
    if (best === null || score < best.score - 1e-6) best = { at: row, score };
  }
  return best === null ? lastToken(rows) : rows.start(best.at);
}
