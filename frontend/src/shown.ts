/** What the store points at, looked up in the manifest. */

import type { Axis, How, Manifest, MapInfo, RegionRequest, State, UnitName } from "./contract";
import { brief } from "./labels";
import { beginsOf, type Units, unitsOf } from "./units";

export interface Shown {
  info: MapInfo;
  rows: Units;
  columns: Units;
}

/** The row axis that is chosen, where the map has it; a decoder has two, others one. */
export function rowAxisOf(info: MapInfo, state: Pick<State, "rowAxis">): number {
  return state.rowAxis < info.rowAxes.length ? state.rowAxis : 0;
}

/** The two sentences of an axis; null where it is of one text, or that is not known. */
export function sentencesOf(axis: Axis): [[number, number], [number, number]] | null {
  const spans = axis.bands?.find(({ name }) => name === "segments")?.spans ?? [];
  return spans.length === 2 ? [spans[0], spans[1]] : null;
}

/** Whether the rows and the columns of a map are each of two sentences, so that those of one can be looked at alone. */
export function isOfPair(manifest: Manifest, info: MapInfo, state: Pick<State, "rowAxis">): boolean {
  const { axes } = manifest;
  return (
    sentencesOf(axes[info.rowAxes[rowAxisOf(info, state)]]) !== null && sentencesOf(axes[info.columnAxis]) !== null
  );
}

export function shownBy(
  manifest: Manifest,
  state: Pick<State, "map" | "unit" | "special" | "rowAxis" | "pair">,
): Shown {
  const info = manifest.maps[state.map];
  const hidden = state.special === "hidden";
  const rows = manifest.axes[info.rowAxes[rowAxisOf(info, state)]];
  const columns = manifest.axes[info.columnAxis];
  const filtered = state.pair !== "all" && isOfPair(manifest, info, state);
  const part = (axis: Axis, side: 0 | 2) => {
    const sentences = filtered ? sentencesOf(axis) : null;
    return sentences === null ? null : sentences[state.pair[side] === "a" ? 0 : 1];
  };
  return {
    info,
    rows: unitsOf(rows, state.unit, hidden, part(rows, 0)),
    columns: unitsOf(columns, state.unit, hidden, part(columns, 2)),
  };
}

/** The units that a map can be shown in: its axes know where they begin. */
export function unitNamesOf(manifest: Manifest, info: MapInfo): UnitName[] {
  const axes = [...info.rowAxes, info.columnAxis].map((name) => manifest.axes[name]);
  const spans = axes.flatMap(({ bands = [] }) => bands.map(({ name }) => name));
  const names = ["tokens", "words", "characters", "sentences", ...new Set(spans)];
  return names.filter((unit) => unit === "tokens" || axes.some((axis) => beginsOf(axis, unit) !== null));
}

/** What a cell of whole units shows: of words and characters, the mass; of tokens, the weight itself. */
export function howOfUnits(state: Readonly<State>): How {
  return state.unit === "tokens" ? "mean" : "mass";
}

/** A request for units first … last of each axis, one cell a unit. */
export function unitsRequest(
  state: Readonly<State>,
  shown: Shown,
  rows: readonly [number, number],
  columns: readonly [number, number],
): RegionRequest {
  return {
    map: state.map,
    heads: state.heads,
    rows: shown.rows.cells(rows[0], rows[1], rows[1] - rows[0]),
    columns: shown.columns.cells(columns[0], columns[1], columns[1] - columns[0]),
    how: howOfUnits(state),
    hideSpecial: state.special === "hidden",
    rowAxis: rowAxisOf(shown.info, state),
    renormalise: state.special === "hidden" && state.renormalise,
    sample: 0,
  };
}

/** "cross layer 3, head 5", "self layer 0, mean of heads 1, 4": what is being looked at, in words; `apart`: not their mean, but each. */
export function mapText(info: MapInfo, heads: readonly number[], apart = false): string {
  const own = info.layer === null ? brief(info.name || "map", 60) : `${info.kind} layer ${info.layer}`;
  const layer = info.of === null ? own : `${brief(info.of, 40)}: ${own}`;
  if (info.heads === 1) return layer;
  if (apart && heads.length > 1) return `${layer}, heads ${heads.join(", ")}, a colour each`;
  return `${layer}, ${headsWords(info, heads)}`;
}

/** "head 3", "mean of all heads", "mean of heads 1, 4". */
export function headsWords(info: Pick<MapInfo, "heads">, heads: readonly number[]): string {
  if (heads.length === 1) return `head ${heads[0]}`;
  return heads.length === info.heads ? "mean of all heads" : `mean of heads ${heads.join(", ")}`;
}

/** What the rows of a map of effects are called. */
export const SITES = "sites";

/** Whether a map is of effects: its rows are sites and its columns prompts, and nobody looks at anything. */
export function isOfEffects(manifest: Manifest, { map }: Pick<State, "map">): boolean {
  const { rowAxes, probabilities } = manifest.maps[map];
  return !probabilities && manifest.axes[rowAxes[0]].title === SITES;
}

/** Why a view of attention has nothing to show of a map of other numbers; null where it has. */
export function noAttention(manifest: Manifest, state: Pick<State, "map">): string | null {
  if (manifest.maps[state.map]?.meaning !== undefined) return "what was measured is no attention";
  return isOfEffects(manifest, state) ? "effects are no attention" : null;
}

/** At most `limit` neighbouring units around what the viewport shows. */
export function stretch(first: number, last: number, count: number, limit: number): readonly [number, number] {
  const start = Math.max(0, Math.min(Math.floor(first), count - 1));
  const stop = Math.max(start + 1, Math.min(Math.ceil(last), count));
  return count === 0 ? [0, 0] : [start, Math.min(stop, start + limit)];
}
