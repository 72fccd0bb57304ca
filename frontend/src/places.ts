/** What changes when another map or other heads are looked at: the place stays where the new map has it too. */

import type { Manifest, State } from "./contract";

export function goTo(
  manifest: Manifest,
  state: Readonly<State>,
  map: number,
  heads: readonly number[] = state.heads,
): Partial<State> {
  const [before, after] = [manifest.maps[state.map], manifest.maps[map]];
  const kept = heads.filter((head) => head < after.heads);
  const sameRows = before.item === after.item && before.rowAxes.join() === after.rowAxes.join();
  const sameColumns = before.item === after.item && before.columnAxis === after.columnAxis;
  const query = sameRows ? state.query : null;
  const key = sameColumns ? state.key : null;
  return {
    map,
    heads: kept.length > 0 ? kept : [0],
    rowAxis: sameRows ? state.rowAxis : Math.max(0, after.rowAxes.indexOf(before.rowAxes[state.rowAxis])),
    viewport: sameRows && sameColumns ? state.viewport : null,
    query,
    key,
    pinned: state.pinned && (query !== null || key !== null),
    pair: sameRows && sameColumns ? state.pair : "all",
  };
}

/** The map of another sequence that stands where this one stands, or its first; -1 where it has none. */
export function sameMapOf(manifest: Manifest, state: Readonly<State>, item: number): number {
  const { kind, layer } = manifest.maps[state.map];
  const same = manifest.maps.findIndex((one) => one.item === item && one.kind === kind && one.layer === layer);
  return same >= 0 ? same : manifest.maps.findIndex((one) => one.item === item);
}

/** The passes of the model in which a map's module ran, in order: each with its map; one where it ran once. */
export function stepsOf({ maps }: Manifest, map: number): { step: number; map: number }[] {
  const own = maps[map];
  const found = new Map<number, number>();
  maps.forEach((one, at) => {
    const same = one.name === own.name && one.item === own.item && one.kind === own.kind && one.of === own.of;
    const step = one.step ?? 0;
    // Of several calls in a pass, the one that is looked at stands for its own.
    if (same && one.layer === own.layer && (!found.has(step) || at === map)) found.set(step, at);
  });
  return [...found].map(([step, at]) => ({ step, map: at })).sort((one, two) => one.step - two.step);
}

/** The map of the layer before or after, of the same kind and sequence; null at the ends. */
export function neighbourLayer(manifest: Manifest, state: Readonly<State>, step: 1 | -1): number | null {
  const { kind, item, step: pass } = manifest.maps[state.map];
  const same = manifest.maps.flatMap((one, at) =>
    one.kind === kind && one.item === item && one.step === pass ? [at] : [],
  );
  return same[same.indexOf(state.map) + step] ?? null;
}
