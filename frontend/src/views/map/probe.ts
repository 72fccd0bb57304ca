/** What is exactly under the crosshair, where the cells on screen are of many weights: read when the crosshair rests. */

import type { App, State } from "../../contract";
import type { Shown } from "../../shown";
import type { CellGrid } from "./cells";
import { type Part, readCells } from "./question";
import { pause } from "./reader";
import type { Reading } from "./words";

export interface Probed extends Reading {
  /** The row over the columns on screen, and the column over the rows. */
  ofRow: CellGrid;
  ofColumn: CellGrid;
}

const REST = 150;

export class Probe {
  found: Probed | null = null;
  private abort = new AbortController();
  private question = "";

  constructor(
    private readonly app: App,
    private readonly changed: () => void,
  ) {}

  /** Asks about the crosshair, unless it has been asked already; a grid of single weights answers for itself. */
  look(state: Readonly<State>, shown: Shown, at: { row: number; column: number } | null, cells: CellGrid | null): void {
    const pooled = at && cells && (cells.rows.step > 1 || cells.columns.step > 1);
    const { heads, map, unit, special, renormalise, rowAxis, how } = state;
    const question = pooled
      ? JSON.stringify([at, cells.rows, cells.columns, heads, map, unit, special, renormalise, rowAxis, how])
      : "";
    if (question === this.question) return;
    this.question = question;
    this.abort.abort();
    this.found = null;
    if (!pooled) return;
    this.abort = new AbortController();
    void this.read(state, shown, at, cells, this.abort.signal);
  }

  stop(): void {
    this.abort.abort();
    this.question = "";
    this.found = null;
  }

  private async read(
    state: Readonly<State>,
    shown: Shown,
    { row, column }: { row: number; column: number },
    { rows, columns }: CellGrid,
    signal: AbortSignal,
  ): Promise<void> {
    await pause(REST, signal);
    if (signal.aborted) return;
    const oneRow = { first: row, last: row + 1, step: 1, count: 1 };
    const oneColumn = { first: column, last: column + 1, step: 1, count: 1 };
    const read = (part: Part, sample: number) => readCells(this.app.source, state, shown, part, sample, signal);
    try {
      const [weight, ofRow, ofColumn] = await Promise.all([
        read({ rows: oneRow, columns: oneColumn }, 0),
        read({ rows: oneRow, columns }, 0),
        read({ rows, columns: oneColumn }, 1),
      ]);
      if (signal.aborted) return;
      this.found = { row, column, weight: weight.values[0], ofRow, ofColumn };
      this.changed();
    } catch (error) {
      if (!signal.aborted) this.app.fail(error);
    }
  }
}
