/**
 * Reads what is on screen, step by step: what is known already, at once; a quick answer from few queries; then the exact one.
 * Answers to questions that are no longer asked are dropped.
 */

import type { App, Margins, MarginsRequest, Overview, State } from "../../contract";
import type { Shown } from "../../shown";
import { averaged, type CellGrid, gridsOf, MOST_CELLS, preview, sameGrids, tokensOf } from "./cells";
import { marginsRequest, type Part, readCells } from "./question";
import type { Frame } from "./viewport";

export interface ShownMargins {
  grids: Part;
  margins: Margins;
}

type Far = { subject: string; rows: number; columns: number; values: Float32Array };

/** Milliseconds without a change before the quick question is asked, and before the exact one. */
const QUICK_DELAY = 40;
const EXACT_DELAY = 180;
/** Of so many weights or fewer the exact answer is quick. */
const QUICK_WEIGHTS = 1 << 20;
/** Earlier answers that are kept to be shown until better ones are there. */
const KEPT = 4;

export class Reader {
  /** What there is to draw for the frame that was last looked at. */
  cells: CellGrid | null = null;
  margins: ShownMargins | null = null;
  /** Whether a better answer is awaited. */
  reading = false;

  private subject = "";
  private plan: Part | null = null;
  private earlier: CellGrid[] = [];
  private far: Far | null = null;
  private overview: { map: number; answer: Overview } | null = null;
  private overviewOf = -1;
  private overviewAbort = new AbortController();
  private looked: { state: Readonly<State>; shown: Shown; frame: Frame } | null = null;
  private abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `changed` is called when there is something new to draw. */
  constructor(
    private readonly app: App,
    private readonly changed: () => void,
  ) {}

  /** Looks at a part of a map; asks only if it is another than before. */
  look(state: Readonly<State>, shown: Shown, frame: Frame): void {
    const subject = JSON.stringify([
      ...[state.map, state.heads, state.unit, state.special === "hidden", state.how, state.rowAxis, state.pair],
      state.special === "hidden" && state.renormalise,
    ]);
    const grids = gridsOf(frame, shown, MOST_CELLS);
    const another = subject !== this.subject;
    if (!another && this.plan && sameGrids(this.plan, grids)) return;
    if (another) {
      this.earlier = [];
      this.margins = null;
    }
    this.withdraw();
    const first = this.subject === "";
    this.subject = subject;
    this.plan = grids;
    if (grids.rows.count === 0 || grids.columns.count === 0) {
      this.cells = null;
      return;
    }
    this.abort = new AbortController();
    this.looked = { state, shown, frame };
    this.lookFromAfar(state, grids);
    this.reading = true;
    const { signal } = this.abort;
    const ask = () => void this.read(state, shown, grids, signal);
    if (first || another) ask();
    else this.timer = setTimeout(ask, QUICK_DELAY);
  }

  /** Asks nothing more; what is under way is dropped. */
  stop(): void {
    this.withdraw();
    this.overviewAbort.abort();
  }

  private withdraw(): void {
    clearTimeout(this.timer);
    this.abort.abort();
    this.reading = false;
  }

  private async read(state: Readonly<State>, shown: Shown, grids: Part, signal: AbortSignal): Promise<void> {
    const queries = tokensOf(shown.rows, grids.rows);
    const heavy = queries * tokensOf(shown.columns, grids.columns) > QUICK_WEIGHTS && queries > grids.rows.count;
    const answer = async (sample: number, quick: boolean) => {
      const cells = await readCells(this.app.source, state, shown, grids, sample, signal, quick);
      if (!signal.aborted) this.keep(cells);
      return cells;
    };
    try {
      const begun = performance.now();
      const first = await answer(heavy ? 1 : 0, true);
      if (signal.aborted) return;
      void this.readMargins(marginsRequest(state, shown, grids), grids, signal);
      if (heavy || first.every > 1 || first.sampled > 0) {
        await pause(EXACT_DELAY - (performance.now() - begun), signal);
        if (signal.aborted) return;
        await answer(0, false);
        if (signal.aborted) return;
      }
      this.reading = false;
      this.changed();
    } catch (error) {
      if (signal.aborted) return;
      this.reading = false;
      this.app.fail(error);
      this.changed();
    }
  }

  private async readMargins(request: MarginsRequest, grids: Part, signal: AbortSignal): Promise<void> {
    try {
      const margins = await this.app.source.margins(request, signal);
      if (signal.aborted) return;
      this.margins = { grids, margins };
      this.changed();
    } catch (error) {
      if (!signal.aborted) this.app.fail(error);
    }
  }

  private keep(cells: CellGrid): void {
    this.cells = cells;
    this.earlier = [cells, ...this.earlier.filter((one) => !sameGrids(one, cells))].slice(0, KEPT);
    this.changed();
  }

  /** What is known of this part before it is read. */
  private lookFromAfar(state: Readonly<State>, grids: Part): void {
    const known = this.earlier.find((cells) => sameGrids(cells, grids));
    if (known) {
      this.cells = known;
      return;
    }
    this.cells = this.fromAfar();
    // Before the overview of another map is here, nothing of the old one is shown.
    if (this.overviewOf !== state.map) void this.readOverview(state.map);
  }

  private fromAfar(): CellGrid | null {
    if (!this.looked) return null;
    const { state, shown, frame } = this.looked;
    return preview(frame, shown, this.earlier, this.farOf(state), state.unit !== "tokens");
  }

  private farOf({ map, heads, how }: Readonly<State>): Far | null {
    if (this.overview?.map !== map) return null;
    const { answer } = this.overview;
    // From afar a cell has many weights.
    const shown = how === "auto" ? (this.app.manifest.maps[map].probabilities ? "max" : "mean") : how;
    const subject = JSON.stringify([map, heads, shown]);
    if (this.far?.subject !== subject) {
      const values = averaged(answer, heads, shown);
      this.far = { subject, rows: answer.rows, columns: answer.columns, values };
    }
    return this.far;
  }

  /** Asked once a map, however often its parts are looked at until the answer is here. */
  private async readOverview(map: number): Promise<void> {
    this.overviewOf = map;
    this.overviewAbort.abort();
    this.overviewAbort = new AbortController();
    const { signal } = this.overviewAbort;
    try {
      const answer = await this.app.source.overview(map, signal);
      if (signal.aborted) return;
      this.overview = { map, answer };
      if (this.cells) return;
      this.cells = this.fromAfar();
      this.changed();
    } catch (error) {
      if (!signal.aborted) this.app.fail(error);
    }
  }
}

/** Waits; an abort ends it at once. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(milliseconds, 0));
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
