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

/** The map of the layer before or after, of the same kind and sequence; null at the ends. */
export function neighbourLayer(manifest: Manifest, state: Readonly<State>, step: 1 | -1): number | null {
  const { kind, item } = manifest.maps[state.map];
  const same = manifest.maps.flatMap((one, at) => (one.kind === kind && one.item === item ? [at] : []));
  return same[same.indexOf(state.map) + step] ?? null;
}
