/** The two axes of the map that is looked at, in the units that are shown. */

import type { Manifest, Viewport } from "../../contract";
import { brief } from "../../labels";
import type { Shown } from "../../shown";
import type { Units } from "../../units";

/** What a row says under each of its axes; the first is the one that labels it. */
export function rowNames(manifest: Manifest, axes: Shown, unit: number): { title: string; text: string }[] {
  const first = { title: axes.rows.axis.title, text: brief(axes.rows.name(unit)) };
  const others = axes.info.rowAxes
    .map((id) => manifest.axes[id])
    .filter((axis) => axis.title !== axes.rows.axis.title)
    .map((axis) => {
      const tokens = axis.tokens.slice(
        axes.rows.start(unit),
        Math.min(axes.rows.stop(unit), axes.rows.start(unit) + 8),
      );
      return { title: axis.title, text: brief(tokens.map((token) => brief(token)).join(" ")) };
    });
  return [first, ...others];
}

/** The same part of a map in other units, by the tokens that it shows; the whole of an axis of other tokens. */
export function convertViewport(view: Viewport, from: Shown, to: Shown): Viewport | null {
  const [top, bottom] = convertSpan(view.top, view.bottom, from.rows, to.rows);
  const [left, right] = convertSpan(view.left, view.right, from.columns, to.columns);
  const whole = top <= 0 && left <= 0 && bottom >= to.rows.count && right >= to.columns.count;
  return whole ? null : { top, bottom, left, right };
}

function convertSpan(low: number, high: number, from: Units, to: Units): [number, number] {
  if (from.axis.tokens.length !== to.axis.tokens.length || from.count === 0 || to.count === 0) return [0, to.count];
  if (low <= 0 && high >= from.count) return [0, to.count];
  const start = unitAt(tokenAt(low, from), to);
  const stop = unitAt(tokenAt(high, from), to);
  return stop > start ? [start, stop] : [Math.max(0, start - 1), Math.min(to.count, start + 1)];
}

/** Tokens from the start of the axis to a place in units, fractions of units being fractions of their tokens. */
function tokenAt(place: number, units: Units): number {
  const unit = Math.min(Math.max(Math.floor(place), 0), units.count - 1);
  return units.start(unit) + Math.min(place - unit, 1) * (units.stop(unit) - units.start(unit));
}

/** The inverse of tokenAt; a hidden token is at the edge of the next unit that is shown. */
function unitAt(token: number, units: Units): number {
  let low = 0;
  let high = units.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (units.stop(middle) <= token) low = middle + 1;
    else high = middle;
  }
  if (low === units.count) return units.count;
  return low + Math.max(0, token - units.start(low)) / (units.stop(low) - units.start(low));
}
