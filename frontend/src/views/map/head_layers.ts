/** The cells of several heads, each by itself: read where they are to have colours of their own. */

import { type ScaleName, scaleOf, strength } from "../../colours";
import { areColoured } from "../../compare/head_colours";
import type { App, State } from "../../contract";
import type { Shown } from "../../shown";
import { type CellGrid, sameGrids } from "./cells";
import { readCells } from "./question";

/** How strong the colours of each head are, on one scale for all of them: largest rows of their own they have not. */
export function strengthsOf(layers: readonly Float32Array[], name: ScaleName | "auto", least: number): Float32Array[] {
  const scales = layers.map((values) => scaleOf(name === "row" ? "linear" : name, values, false, least));
  const scale = { ...scales[0], top: Math.max(...scales.map(({ top }) => top)) };
  return layers.map((values) => values.map((value) => Math.max(0, strength(value, scale))));
}

export class HeadLayers {
  private found: { subject: string; cells: CellGrid; layers: Float32Array[] } | null = null;
  private asked = "";
  private abort = new AbortController();

  /** `changed` is called when they have been read. */
  constructor(
    private readonly app: App,
    private readonly changed: () => void,
  ) {}

  /** The layers of these cells, in the order of the heads; null until they are there, or where they are not wanted. */
  look(state: Readonly<State>, shown: Shown, cells: CellGrid | null): Float32Array[] | null {
    if (!areColoured(state) || !cells?.read) return null;
    const { map, heads, unit, special, renormalise, rowAxis, how, pair } = state;
    const subject = JSON.stringify([map, heads, unit, special, renormalise, rowAxis, how, pair]);
    const question = JSON.stringify([subject, cells.rows, cells.columns, cells.sampled, cells.every]);
    if (question !== this.asked) {
      this.asked = question;
      this.abort.abort();
      this.abort = new AbortController();
      void this.read(state, shown, cells, subject, this.abort.signal);
    }
    return this.found?.subject === subject && sameGrids(this.found.cells, cells) ? this.found.layers : null;
  }

  stop(): void {
    this.abort.abort();
  }

  private async read(
    state: Readonly<State>,
    shown: Shown,
    cells: CellGrid,
    subject: string,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const read = (head: number) =>
        readCells(this.app.source, { ...state, heads: [head] }, shown, cells, cells.sampled, signal, cells.every > 1);
      const layers = (await Promise.all(state.heads.map(read))).map(({ values }) => values);
      if (signal.aborted) return;
      this.found = { subject, cells, layers };
      this.changed();
    } catch (error) {
      if (!signal.aborted) this.app.fail(error);
    }
  }
}
