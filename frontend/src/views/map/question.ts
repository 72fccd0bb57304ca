/** A part of a map as a question to its source. */

import type { MarginsRequest, Source, State } from "../../contract";
import { rowAxisOf, type Shown } from "../../shown";
import { type CellGrid, cellsOf, type Grid, howOf, massPerUnit } from "./cells";

export interface Part {
  rows: Grid;
  columns: Grid;
}

/** Reads cells; `sample`, `quick` and what comes of them are as in RegionRequest. */
export async function readCells(
  source: Source,
  state: Readonly<State>,
  shown: Shown,
  part: Part,
  sample: number,
  signal?: AbortSignal,
  quick = false,
): Promise<CellGrid> {
  const { rows, columns } = part;
  const how = howOf(state, shown, rows, columns);
  const request = marginsRequest(state, shown, part);
  const renormalise = request.hideSpecial && state.renormalise;
  const asked = { ...request, how, renormalise, sample, ...(quick ? { quick } : {}) };
  const { values, sampled, every } = await source.region(asked, signal);
  return { rows, columns, values: how === "mass" ? massPerUnit(values, columns) : values, sampled, every, read: true };
}

export function marginsRequest(state: Readonly<State>, shown: Shown, { rows, columns }: Part): MarginsRequest {
  return {
    map: state.map,
    heads: state.heads,
    rows: cellsOf(shown.rows, rows),
    columns: cellsOf(shown.columns, columns),
    hideSpecial: state.special === "hidden",
    rowAxis: rowAxisOf(shown.info, state),
  };
}
