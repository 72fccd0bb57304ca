/** One map taken from another, as a map of its own: weights of the first less those of the second. */

import type { App, Manifest, MapInfo, Overview, Region, Source, State, Store } from "../contract";
import { mapText, rowAxisOf } from "../shown";

/** What is taken from what. */
export interface Two {
  map: number;
  heads: number[];
}

/** Why there is no difference of two maps; null where there is one. */
export function whyNot(manifest: Manifest, first: number, second: number): string | null {
  const [one, two] = [manifest.maps[first], manifest.maps[second]];
  if (one.queries === two.queries && one.keys === two.keys) return null;
  return (
    `a difference needs as many rows and columns on both sides, and these are ${one.queries} × ${one.keys} ` +
    `and ${two.queries} × ${two.keys}; look at them beside each other`
  );
}

/** An app that shows the difference: its manifest has one map more, of signed weights. */
export function differenceApp(app: App, first: Two, second: Two): App & { stop(): void } {
  const { manifest: given } = app;
  const number = given.maps.length;
  const [one, two] = [given.maps[first.map], given.maps[second.map]];
  const info: MapInfo = {
    ...one,
    name: `${mapText(one, first.heads)}, less ${mapText(two, second.heads)}`,
    of: null,
    layer: null,
    kind: "map",
    heads: 1,
    probabilities: false,
    steps: false,
    error: one.error + two.error,
    statistics: {},
  };
  const manifest: Manifest = { ...given, maps: [...given.maps, info] };
  const store = differenceStore(app.store, manifest, number);
  const { source: from } = app;
  const both = async <T>(ask: (two: Two) => Promise<T>) => Promise.all([ask(first), ask(second)]);
  const source: Source = {
    ...from,
    async region(request, signal) {
      if (request.map !== number) return from.region(request, signal);
      const ask = ({ map, heads }: Two) => from.region({ ...request, map, heads, rowAxis: 0 }, signal);
      const [a, b] = await both(ask);
      return lessRegion(a, b);
    },
    async margins(request, signal) {
      if (request.map !== number) return from.margins(request, signal);
      const [a, b] = await both(({ map, heads }) => from.margins({ ...request, map, heads, rowAxis: 0 }, signal));
      const received = less(a.received, b.received);
      return { received, entropy: less(a.entropy, b.entropy), sampled: Math.max(a.sampled, b.sampled) };
    },
    async overview(map, signal) {
      if (map !== number) return from.overview(map, signal);
      const [a, b] = await both((side) => from.overview(side.map, signal));
      return lessOverview(a, b, first.heads, second.heads);
    },
  };
  return {
    manifest,
    source,
    store,
    embedded: app.embedded,
    get palette() {
      return app.palette;
    },
    say: (text) => app.say(text),
    describe: (text) => app.describe(text),
    fail: (error) => app.fail(error),
    stop: () => store.stop(),
  };
}

/** The same state, but of the map that is the difference. */
function differenceStore(store: Store, manifest: Manifest, number: number): Store & { stop(): void } {
  const listeners = new Set<Parameters<Store["subscribe"]>[0]>();
  const derived = (): State => ({
    ...store.state,
    map: number,
    heads: [0],
    rowAxis: rowAxisOf(manifest.maps[number], store.state),
    with: null,
    several: "mean",
  });
  let state = derived();
  const stop = store.subscribe((_, changed) => {
    state = derived();
    for (const listener of [...listeners]) listener(state, changed);
  });
  return {
    get state() {
      return state;
    },
    set: ({ map: _map, heads: _heads, ...change }) => store.set(change),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop,
  };
}

function less(one: Float32Array, two: Float32Array): Float32Array {
  return one.map((value, at) => value - two[at]);
}

function lessRegion(a: Region, b: Region): Region {
  const [sampled, every] = [Math.max(a.sampled, b.sampled), Math.max(a.every, b.every)];
  return { rows: a.rows, columns: a.columns, values: less(a.values, b.values), sampled, every };
}

function lessOverview(a: Overview, b: Overview, first: readonly number[], second: readonly number[]): Overview {
  const { rows, columns } = a;
  const mean = (side: Overview, values: Float32Array, heads: readonly number[]) => {
    const made = new Float32Array(rows * columns);
    if (side.rows !== rows || side.columns !== columns) return made; // of sides of other sizes nothing is known from afar
    for (const head of heads)
      for (let at = 0; at < made.length; at++) made[at] += values[head * made.length + at] / heads.length;
    return made;
  };
  const both = (way: "mean" | "max") => less(mean(a, a[way], first), mean(b, b[way], second));
  return { heads: 1, rows, columns, mean: both("mean"), max: both("max") };
}
