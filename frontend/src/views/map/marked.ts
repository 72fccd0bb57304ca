/** What is marked on a map: the places that were found, what is pinned, and named spans along the axes. */

import type { App, Palette } from "../../contract";
import { standsOn } from "../../pins";
import type { Shown } from "../../shown";
import type { Surface } from "../../surface";
import type { Units } from "../../units";
import { boxOf, type Layout, onPlot } from "./layout";

/** A span in units. */
type Span = [number, number];

export interface Marks {
  found: { rows: Span[]; columns: Span[] };
  pins: { row: number | null; column: number | null }[];
  bands: { rows: Span[]; columns: Span[] };
}

const TICK = 5;
const BAND = 3;

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

export function drawMarks(surface: Surface, layout: Layout, palette: Palette, { found, pins, bands }: Marks): void {
  const { plot } = layout;
  const strip = (span: Span, side: "rows" | "columns", thick: number, colour: string, opacity = 1) => {
    const whole = side === "rows" ? boxOf(layout, span, [0, 0]) : boxOf(layout, [0, 0], span);
    const box =
      side === "rows"
        ? { x: plot.x - thick, y: whole.y, width: thick, height: Math.max(whole.height, 1.5) }
        : { x: whole.x, y: plot.y - thick, width: Math.max(whole.width, 1.5), height: thick };
    const room =
      side === "rows" ? { ...plot, x: plot.x - thick, width: thick } : { ...plot, y: plot.y - thick, height: thick };
    const seen = onPlot(box, room);
    if (seen) surface.rect(seen, colour, opacity);
  };
  for (const side of ["rows", "columns"] as const) {
    bands[side].forEach((span, at) => {
      strip(span, side, BAND, palette.dimmed, at % 2 ? 0.9 : 0.4);
    });
    // Where many places are closer than a pixel, one mark stands for them.
    let last = Number.NEGATIVE_INFINITY;
    for (const span of found[side]) {
      const at = span[0] * (side === "rows" ? layout.frame.y : layout.frame.x);
      if (at - last < 1) continue;
      last = at;
      strip(span, side, TICK, palette.accent);
    }
  }
  surface.clipped(plot, () => {
    for (const [side, spans] of Object.entries(bands) as ["rows" | "columns", Span[]][]) {
      for (const [start] of spans.slice(1)) {
        const { x, y } =
          side === "rows" ? boxOf(layout, [start, start], [0, 0]) : boxOf(layout, [0, 0], [start, start]);
        const end: [number, number] = side === "rows" ? [plot.x + plot.width, y] : [x, plot.y + plot.height];
        surface.line([side === "rows" ? [plot.x, y] : [x, plot.y], end], palette.dimmed, 1);
      }
    }
    for (const { row, column } of pins) {
      const box = boxOf(
        layout,
        row === null ? [0, layout.extent.rows] : [row, row + 1],
        column === null ? [0, layout.extent.columns] : [column, column + 1],
      );
      const [width, height] = [Math.max(box.width, 6), Math.max(box.height, 6)];
      const around = { x: box.x - (width - box.width) / 2, y: box.y - (height - box.height) / 2, width, height };
      // Two lines, of which one is seen on any colour.
      surface.outline(around, palette.background, 3);
      surface.outline(around, palette.accent, 1.5);
    }
  });
  for (const { row, column } of pins) {
    if (row !== null) strip([row, row + 1], "rows", TICK, palette.accent);
    if (column !== null) strip([column, column + 1], "columns", TICK, palette.accent);
  }
}
