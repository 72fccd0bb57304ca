/** Two documents as one: the maps of the second come after those of the first, and each is asked for its own. */

import type { FindingInfo, Manifest, Source, Transport } from "../contract";

export interface Whole {
  manifest: Manifest;
  source: Source;
  transport: Transport;
}

/** The first document with the second beside it, each by its name. */
export function together(one: Whole & { name: string }, two: Whole & { name: string }): Whole {
  const count = one.manifest.maps.length;
  const manifest = joined(one.manifest, two.manifest, one.name, two.name);
  const sideOf = (map: number) =>
    map < count ? { source: one.source, map } : { source: two.source, map: map - count };
  const source: Source = {
    region(request, signal) {
      const { source, map } = sideOf(request.map);
      return source.region({ ...request, map }, signal);
    },
    margins(request, signal) {
      const { source, map } = sideOf(request.map);
      return source.margins({ ...request, map }, signal);
    },
    overview(number, signal) {
      const { source, map } = sideOf(number);
      return source.overview(map, signal);
    },
    steps(number, head, signal, row) {
      const { source, map } = sideOf(number);
      return source.steps(map, head, signal, row);
    },
    joint(number, head, signal, row) {
      const { source, map } = sideOf(number);
      return source.joint(map, head, signal, row);
    },
  };
  const transport: Transport = {
    ask: (question, request, signal) => one.transport.ask(question, request, signal),
    close() {
      one.transport.close();
      two.transport.close();
    },
  };
  return { manifest, source, transport };
}

function languagesOf({ items, languages }: Manifest) {
  return items.map((_, item) => languages?.[item] ?? null);
}

/** The effects of either: of two sweeps, the first one's have error bars, and both are maps. */
function effectsOf(one: Manifest, two: Manifest): Pick<Manifest, "effects"> {
  if (one.effects || !two.effects) return one.effects ? { effects: one.effects } : {};
  const after = (map: number) => map + one.maps.length;
  const sites = two.effects.sites.map((site) => ({ ...site, map: site.map === null ? null : after(site.map) }));
  const measures = two.effects.measures.map((measure) => ({ ...measure, map: after(measure.map) }));
  return { effects: { ...two.effects, sites, measures } };
}

/** The finding of either, as of effects. */
function findingOf(one: Manifest, two: Manifest, axis: (name: string) => string): Pick<Manifest, "finding"> {
  if (one.finding || !two.finding) return one.finding ? { finding: one.finding } : {};
  const maps = two.finding.maps.map((map) => map + one.maps.length);
  const known = "axis" in two.finding && two.finding.axis !== undefined ? { axis: axis(two.finding.axis) } : {};
  return { finding: { ...two.finding, maps, ...known } as FindingInfo };
}

function joined(one: Manifest, two: Manifest, first: string, second: string): Manifest {
  const [maps, items] = [one.maps.length, one.items.length];
  const axis = (name: string) => `beside-${name}`;
  const called = (name: string, of: string | null) => (of === null ? name : `${name}, ${of}`);
  return {
    ...one,
    notes: [...new Set([...one.notes, ...two.notes])],
    axes: {
      ...one.axes,
      ...Object.fromEntries(Object.entries(two.axes).map(([name, found]) => [axis(name), found])),
    },
    maps: [
      ...one.maps.map((info) => ({ ...info, of: called(first, info.of) })),
      ...two.maps.map((info) => ({
        ...info,
        of: called(second, info.of),
        item: info.item + items,
        rowAxes: info.rowAxes.map(axis),
        columnAxis: axis(info.columnAxis),
      })),
    ],
    items: [...one.items, ...two.items],
    alignments: [...one.alignments, ...two.alignments.map((found) => ({ ...found, item: found.item + items }))],
    images: [
      ...one.images,
      ...two.images.map((image) => ({
        ...image,
        item: image.item + items,
        maps: image.maps.map((place) => ({ ...place, map: place.map + maps })),
      })),
    ],
    languages: [...languagesOf(one), ...languagesOf(two)],
    ...effectsOf(one, two),
    ...findingOf(one, two, axis),
    definitions: { ...two.definitions, ...one.definitions },
    opening: {
      ...one.opening,
      with: { map: maps + (two.opening.map ?? 0), heads: two.opening.heads ?? [0] },
    },
  };
}
