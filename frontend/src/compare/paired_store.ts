/** The state of a second picture: which map and heads it shows is its own; the place, the scale and all settings are shared. */

import type { Axis, Manifest, State, Store, Viewport } from "../contract";
import { plain } from "../find/search";
import { rowAxisOf } from "../shown";

type Listener = Parameters<Store["subscribe"]>[0];

/**
 * A store over another one, whose `with` says what is shown. A token is the same one where the axes are of one text, and
 * elsewhere the one with the same text: the first with the first, the second with the second. The part on screen is shared
 * where both maps have as many rows and columns, and else the second picture's own.
 */
export function pairedStore(store: Store, manifest: Manifest): Store & { stop(): void } {
  const listeners = new Set<Listener>();
  let own: Viewport | null = null;
  let state = derived();

  function sides(from: "first" | "second") {
    const first = axesOf(manifest, store.state.map, store.state);
    const second = axesOf(manifest, store.state.with?.map ?? store.state.map, store.state);
    return from === "first" ? { from: first, to: second } : { from: second, to: first };
  }

  function shares(): boolean {
    const { from, to } = sides("first");
    return from.rows.tokens.length === to.rows.tokens.length && from.columns.tokens.length === to.columns.tokens.length;
  }

  function derived(): State {
    const base = store.state;
    const chosen = base.with ?? { map: base.map, heads: base.heads };
    const { from, to } = sides("first");
    const info = manifest.maps[chosen.map];
    return {
      ...base,
      map: chosen.map,
      heads: chosen.heads,
      rowAxis: rowAxisOf(info, base),
      query: base.query === null ? null : twinOf(from.rows, to.rows, base.query),
      key: base.key === null ? null : twinOf(from.columns, to.columns, base.key),
      viewport: shares() ? base.viewport : own,
      pair: shares() ? base.pair : "all",
      with: null,
    };
  }

  function renew(): void {
    const before = state;
    state = derived();
    const names = Object.keys(state) as (keyof State)[];
    const changed = new Set(names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(state[name])));
    if (changed.size === 0) return;
    for (const listener of [...listeners]) listener(state, changed);
  }

  const stop = store.subscribe((base, changed) => {
    if ((base.with?.map ?? base.map) !== state.map || changed.has("unit") || changed.has("special")) own = null;
    renew();
  });
  return {
    get state() {
      return state;
    },
    set(change) {
      const { from, to } = sides("second");
      const passed: Partial<State> = { ...change };
      if (change.map !== undefined || change.heads !== undefined) {
        passed.with = { map: change.map ?? state.map, heads: change.heads ?? state.heads };
        delete passed.map;
        delete passed.heads;
      }
      if (typeof change.query === "number") passed.query = twinOf(from.rows, to.rows, change.query);
      if (typeof change.key === "number") passed.key = twinOf(from.columns, to.columns, change.key);
      if (change.viewport !== undefined && !shares()) {
        own = change.viewport;
        delete passed.viewport;
      }
      store.set(passed);
      renew();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop,
  };
}

function axesOf(manifest: Manifest, map: number, state: Readonly<State>): { rows: Axis; columns: Axis } {
  const info = manifest.maps[map];
  const { axes } = manifest;
  return { rows: axes[info.rowAxes[rowAxisOf(info, state)]], columns: axes[info.columnAxis] };
}

/** The token of another axis that stands for one of this axis; null where it has none of this text. */
export function twinOf(from: Axis, to: Axis, token: number): number | null {
  if (sameTokens(from, to)) return token;
  const text = plain(from.tokens[token] ?? "");
  const nth = placesOf(from).get(text)?.indexOf(token) ?? -1;
  const there = placesOf(to).get(text);
  return nth < 0 || !there ? null : there[Math.min(nth, there.length - 1)];
}

const compared = new WeakMap<Axis, WeakMap<Axis, boolean>>();

function sameTokens(one: Axis, two: Axis): boolean {
  if (one === two) return true;
  const known = compared.get(one) ?? new WeakMap<Axis, boolean>();
  compared.set(one, known);
  let same = known.get(two);
  if (same === undefined) {
    same = one.tokens.length === two.tokens.length && one.tokens.every((token, at) => token === two.tokens[at]);
    known.set(two, same);
  }
  return same;
}

const places = new WeakMap<Axis, Map<string, number[]>>();

/** Where each text stands. */
function placesOf(axis: Axis): Map<string, number[]> {
  let found = places.get(axis);
  if (found) return found;
  found = new Map();
  for (const [at, token] of axis.tokens.entries()) {
    const text = plain(token);
    const there = found.get(text);
    if (there) there.push(at);
    else found.set(text, [at]);
  }
  places.set(axis, found);
  return found;
}
