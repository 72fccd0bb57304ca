/** What is marked in every view: the places that were found, what is pinned, and named spans of the axes; in units. */

import type { App } from "./contract";
import { standsOn } from "./pins";
import type { Shown } from "./shown";
import type { Units } from "./units";

/** Units [first, last). */
export type Span = [number, number];

export interface Marks {
  found: { rows: Span[]; columns: Span[] };
  pins: { row: number | null; column: number | null }[];
  bands: { rows: Span[]; columns: Span[] };
}

/** The marks of the map that an app looks at, in the units that are shown. */
export function marksOn(app: App, shown: Shown): Marks {
  const { manifest, store } = app;
  const { state } = store;
  const found = app.marked?.() ?? { rows: [], columns: [] };
  const pins = state.pins.flatMap((pin) => {
    const stands = state.map < manifest.maps.length && standsOn(manifest, pin, state.map);
    const row = pin.query === null ? null : shown.rows.unitOf(pin.query);
    const column = pin.key === null ? null : shown.columns.unitOf(pin.key);
    return !stands || row === -1 || column === -1 ? [] : [{ row, column }];
  });
  return {
    found: {
      rows: found.rows.flatMap((hit) => unitsOf(shown.rows, hit.start, hit.stop)),
      columns: found.columns.flatMap((hit) => unitsOf(shown.columns, hit.start, hit.stop)),
    },
    pins,
    bands: { rows: bandsOf(shown.rows), columns: bandsOf(shown.columns) },
  };
}

/** Units of the tokens [start, stop), as none or one span. */
function unitsOf(units: Units, start: number, stop: number): Span[] {
  const inside: number[] = [];
  for (let token = start; token < stop; token++) {
    const unit = units.unitOf(token);
    if (unit >= 0) inside.push(unit);
  }
  return inside.length === 0 ? [] : [[inside[0], inside[inside.length - 1] + 1]];
}

/** The spans of an axis that has named ones: of the first kind. */
function bandsOf(units: Units): Span[] {
  return (units.axis.bands?.[0]?.spans ?? []).flatMap(([start, stop]): Span[] => {
    let [first, last] = [-1, -1];
    // Ends may be hidden: the span is what is seen of it.
    for (let token = start; token < stop && first < 0; token++) first = units.unitOf(token);
    for (let token = stop - 1; token >= start && last < 0; token--) last = units.unitOf(token);
    return first < 0 ? [] : [[first, last + 1]];
  });
}

/** ": sentence A | sentence B", after what an axis counts; of more spans than a title has room for, how many they are. */
export function bandNames({ axis, unit }: Units): string {
  const bands = axis.bands?.[0];
  if (!bands || bands.name === unit) return ""; // its own labels say it
  return `: ${bands.texts.length <= 4 ? bands.texts.join(" | ") : `${bands.texts.length} ${bands.name}`}`;
}
