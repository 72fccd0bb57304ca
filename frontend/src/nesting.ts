/** Units that stand in one another: passages, the sentences in them, their words, their tokens. */

import type { Manifest, MapInfo, State, UnitName, Viewport } from "./contract";
import { shownBy, unitNamesOf } from "./shown";
import { beginsOf, type Units } from "./units";

/** Units of a map, those with the fewest first. */
export function levelsOf(manifest: Manifest, info: MapInfo): UnitName[] {
  const axes = [...info.rowAxes, info.columnAxis].map((name) => manifest.axes[name]);
  const most = (unit: UnitName) =>
    Math.max(...axes.map((axis) => beginsOf(axis, unit)?.length ?? (unit === "tokens" ? axis.tokens.length : 0)));
  return unitNamesOf(manifest, info).sort((one, two) => most(one) - most(two) || (one === "tokens" ? 1 : -1));
}

/** Looking closer: what is chosen, be it a row, a column or both, fills the picture in smaller units. */
export function closer(manifest: Manifest, state: Readonly<State>, unit: UnitName): Partial<State> {
  const [before, after] = [shownBy(manifest, state), shownBy(manifest, { ...state, unit })];
  const down = inside(before.rows, after.rows, state.query);
  const across = inside(before.columns, after.columns, state.key);
  const viewport: Viewport | null =
    down || across
      ? {
          top: down?.[0] ?? 0,
          bottom: down?.[1] ?? after.rows.count,
          left: across?.[0] ?? 0,
          right: across?.[1] ?? after.columns.count,
        }
      : null;
  return { unit, viewport };
}

/** The smaller units [first, last) of the unit that has a token; null where none is chosen. */
function inside(before: Units, after: Units, token: number | null): [number, number] | null {
  const unit = token === null ? -1 : before.unitOf(token);
  if (unit < 0) return null;
  const found = new Set<number>();
  for (let at = before.start(unit); at < before.stop(unit); at++) found.add(after.unitOf(at));
  found.delete(-1);
  return found.size === 0 ? null : [Math.min(...found), Math.max(...found) + 1];
}

/** One level closer, or one further away, where all is seen again; null where there is none. */
export function nextLevel(manifest: Manifest, state: Readonly<State>, step: 1 | -1): Partial<State> | null {
  const levels = levelsOf(manifest, manifest.maps[state.map]);
  const unit = levels[levels.indexOf(state.unit) + step];
  if (unit === undefined) return null;
  return step === 1 ? closer(manifest, state, unit) : { unit, viewport: null };
}
