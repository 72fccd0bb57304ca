/** The links that an alignment found, among the curves of a ribbon. */

import type { Manifest, Palette, UnitName } from "../../contract";
import { svgElement } from "../../elements";
import type { Shown } from "../../shown";
import type { Units } from "../../units";
import { curve, type Layout } from "./layout";

/** (key, query) in units, where words or characters are shown and both texts' are found on the axes; else null. */
export function alignmentLinks(manifest: Manifest, shown: Shown, unit: UnitName): [number, number][] | null {
  if (shown.info.kind !== "cross" || unit === "tokens") return null;
  const alignment = manifest.alignments.find(({ item }) => item === shown.info.item);
  if (!alignment) return null;
  const places = (units: Units) =>
    Array.from({ length: units.count }, (_, at) => at).filter((one) => !units.special(one));
  const [sources, targets] = [places(shown.columns), places(shown.rows)];
  if (sources.length !== alignment.sourceWords.length || targets.length !== alignment.targetWords.length) return null;
  return alignment.links.map(([source, target]) => [sources[source], targets[target]]);
}

/** Dashes over a light edge, so that they are seen on dark curves, too. */
export function drawAlignment(
  layout: Layout,
  links: readonly [number, number][],
  firstQuery: number,
  firstKey: number,
  palette: Palette,
): Element {
  const group = svgElement("g", { fill: "none" });
  for (const [source, target] of links) {
    const [key, query] = [layout.keys[source - firstKey], layout.queries[target - firstQuery]];
    if (!key || !query) continue;
    const d = curve(layout, key, query);
    group.append(
      svgElement("path", { d, stroke: palette.background, "stroke-width": 4 }),
      svgElement("path", { d, stroke: palette.accent, "stroke-width": 2, "stroke-dasharray": "5 4", class: "link" }),
    );
  }
  return group;
}
