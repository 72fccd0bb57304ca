/** Tokens and pairs that stay marked while others are looked at. */

import type { Manifest, MapInfo, Pin, State } from "./contract";
import { rowAxisOf } from "./shown";

/** More than these are a text to read, not marks. */
export const MOST_PINS = 40;

/** What is under the crosshair as a pin: a pair, a row or a column; null where nothing is. */
export function pinHere({ map, query, key }: Pick<State, "map" | "query" | "key">): Pin | null {
  return query === null && key === null ? null : { map, query, key };
}

export function samePin(one: Pin, two: Pin): boolean {
  return one.map === two.map && one.query === two.query && one.key === two.key;
}

/** The pins with one more, or without it where it is there already. */
export function toggled(pins: readonly Pin[], pin: Pin): Pin[] {
  const others = pins.filter((one) => !samePin(one, pin));
  return others.length < pins.length ? others : [...others, pin].slice(-MOST_PINS);
}

/** Whether a pin's tokens are those of a map too: its axes are the pin's own. */
export function standsOn(manifest: Manifest, pin: Pin, map: number): boolean {
  const [own, other] = [manifest.maps[pin.map], manifest.maps[map]];
  if (!own || !other) return false;
  if (own.item !== other.item && own.of === other.of) return false; // axes without names are alike, whatever they are of
  const rows = pin.query === null || own.rowAxes.join() === other.rowAxes.join();
  const columns = pin.key === null || own.columnAxis === other.columnAxis;
  return rows && columns;
}

/** What looking at a pin changes. */
export function lookAt(pin: Pin, state: Readonly<State>, manifest: Manifest): Partial<State> {
  const here = standsOn(manifest, pin, state.map);
  const heads = manifest.maps[pin.map].heads;
  const place = { query: pin.query, key: pin.key, pinned: true };
  if (here) return place;
  const kept = state.heads.filter((head) => head < heads);
  return { ...place, map: pin.map, heads: kept.length > 0 ? kept : [0], viewport: null, rowAxis: 0 };
}

/** "nous → us", "nous", "→ us": a pin's tokens, words where words are shown. */
export function pinTexts(
  manifest: Manifest,
  pin: Pin,
  label: (axis: string, token: number) => string,
  state: Pick<State, "rowAxis">,
): { query: string | null; key: string | null } {
  const info: MapInfo = manifest.maps[pin.map];
  return {
    query: pin.query === null ? null : label(info.rowAxes[rowAxisOf(info, state)], pin.query),
    key: pin.key === null ? null : label(info.columnAxis, pin.key),
  };
}

/** "0.3-5,0.-7": map, query and key, as a link says them. */
export function pinsText(pins: readonly Pin[]): string {
  return pins.map(({ map, query, key }) => `${map}.${query ?? ""}-${key ?? ""}`).join(",");
}

/** The pins of a link; those of places that are not there are left out. */
export function pinsOf(text: string, manifest: Manifest): Pin[] {
  const found: Pin[] = [];
  for (const part of text.split(",")) {
    const [, map, query, key] = /^(\d{1,6})\.(\d{0,9})-(\d{0,9})$/.exec(part) ?? [];
    const info = map === undefined ? undefined : manifest.maps[Number(map)];
    if (!info || (query === "" && key === "")) continue;
    const pin = { map: Number(map), query: query === "" ? null : Number(query), key: key === "" ? null : Number(key) };
    const there = (pin.query ?? 0) < info.queries && (pin.key ?? 0) < info.keys;
    if (there && found.length < MOST_PINS && !found.some((one) => samePin(one, pin))) found.push(pin);
  }
  return found;
}
