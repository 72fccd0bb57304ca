/** What is being looked at, in one place. */

import type { Manifest, State, Store } from "./contract";

export function initialState(manifest: Manifest): State {
  return {
    view: "map",
    map: 0,
    heads: [0],
    unit: "tokens",
    special: "dimmed",
    renormalise: false,
    rowAxis: 0,
    scale: "auto",
    how: "auto",
    limits: null,
    viewport: null,
    query: null,
    key: null,
    pinned: false,
    direction: "from",
    threshold: null,
    sort: "",
    thumbnails: "max",
    pins: [],
    find: "",
    pair: "all",
    with: null,
    compare: "beside",
    several: "mean",
    ...manifest.opening,
  };
}

export function makeStore(start: State): Store {
  let state = start;
  const listeners = new Set<Parameters<Store["subscribe"]>[0]>();
  return {
    get state() {
      return state;
    },
    set(change) {
      const names = Object.keys(change) as (keyof State)[];
      const changed = new Set(names.filter((name) => !same(state[name], change[name])));
      if (changed.size === 0) return;
      state = { ...state, ...change };
      // Who has left because of this change, as a view that another takes the place of, hears no more of it.
      for (const listener of [...listeners]) if (listeners.has(listener)) listener(state, changed);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function same(one: unknown, two: unknown): boolean {
  return one === two || JSON.stringify(one) === JSON.stringify(two);
}
