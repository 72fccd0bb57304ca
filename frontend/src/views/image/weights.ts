/** The attention between one token and the patches. */

import type { App, Cells, State } from "../../contract";
import { Question } from "../../question";
import { type Looked, shownSide } from "./patches";

export type Direction = State["direction"];

/** So many weights are read at once and kept, so that hovering asks nothing. */
const WHOLE = 1 << 19;

export interface OverPatches {
  token: number;
  /** One a patch of the picture, row by row; 0 where this map has none for it. */
  values: Float32Array;
}

/**
 * Weights of a token over the patches: its row, or its column. Of a small map all are read at the first question; of a large
 * one the row or column alone, and answers that come too late are dropped. Special tokens count, as they do in the model.
 */
export class PatchWeights {
  found: OverPatches | null = null;
  private subject = "";
  private whole: Float32Array | null = null;
  private wanted = -1;
  private readonly question: Question;

  /** `element`: what shows them, which says that they are read. */
  constructor(
    private readonly app: App,
    element: HTMLElement,
    private readonly changed: () => void,
  ) {
    this.question = new Question(app, element);
  }

  look(state: Readonly<State>, looked: Looked, direction: Direction, token: number, which = 0): void {
    const subject = JSON.stringify([state.map, state.heads, direction, which]);
    if (subject !== this.subject) {
      this.stop();
      this.subject = subject;
    }
    if (this.wanted === token) return;
    this.wanted = token;
    const size = direction === "from" ? looked.info.queries : looked.info.keys;
    if (this.whole) this.found = cut(this.whole, looked, direction, token);
    else if (size * shownSide(looked, direction).places.tokens.length > WHOLE) {
      this.read(state, looked, direction, [token, token + 1], (values) => {
        this.found = { token, values: spread(values, looked, direction) };
      });
    } else if (!this.question.open) {
      this.read(state, looked, direction, [0, size], (values) => {
        this.whole = values;
        this.found = cut(values, looked, direction, this.wanted);
      });
    }
  }

  stop(): void {
    this.question.drop();
    this.subject = "";
    this.whole = null;
    this.found = null;
    this.wanted = -1;
  }

  private read(
    { map, heads }: Readonly<State>,
    looked: Looked,
    direction: Direction,
    [start, stop]: [number, number],
    take: (values: Float32Array) => void,
  ): void {
    const tokens = { start, stop, count: stop - start };
    const picture = cellsOf(shownSide(looked, direction).places.tokens);
    const [rows, columns] = direction === "from" ? [tokens, picture] : [picture, tokens];
    const exact = { how: "mean", hideSpecial: false, renormalise: false, sample: 0 } as const;
    void this.question.ask(
      (signal) => this.app.source.region({ map, heads, rows, columns, ...exact }, signal),
      ({ values }) => {
        take(values);
        this.changed();
      },
    );
  }
}

/** A run as a span, other tokens one by one. */
function cellsOf(tokens: number[]): Cells {
  const [first, count] = [tokens[0], tokens.length];
  if (tokens.every((token, at) => token === first + at)) return { start: first, stop: first + count, count };
  return { starts: tokens, stops: tokens.map((token) => token + 1) };
}

/** A token's weights out of all: of its row, or of its column. */
function cut(whole: Float32Array, looked: Looked, direction: Direction, token: number): OverPatches {
  const count = shownSide(looked, direction).places.tokens.length;
  const values =
    direction === "from"
      ? whole.subarray(token * count, (token + 1) * count)
      : Float32Array.from({ length: count }, (_, at) => whole[at * looked.info.keys + token]);
  return { token, values: spread(values, looked, direction) };
}

/** Weights of tokens where their patches are. */
function spread(values: Float32Array, looked: Looked, direction: Direction): Float32Array {
  const side = shownSide(looked, direction);
  const made = new Float32Array(side.count);
  values.forEach((value, at) => {
    made[side.places.patches[at]] = value;
  });
  return made;
}
