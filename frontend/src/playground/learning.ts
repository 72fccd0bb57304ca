// A head that appears: the rows of two heads at saved steps of training, and the loss then.

import { element } from "../elements";
import { brief, list, matrix, slider } from "./controls";
import type { Table } from "./numbers";

/** What was kept while a small transformer learned: of each of two heads the rows that matter, in one story. */
export interface Learning {
  words: string[];
  /** Which words of the story the rows of each head are. */
  rows: [number[], number[]];
  heads: [string, string];
  steps: { step: number; loss: number; names: number; heads: [Table, Table] }[];
}

const LOOKS = ["first names, in layer 1", "last names, in layer 0"];

export function watchHead(place: HTMLElement, { words, rows, heads, steps }: Learning): void {
  const state = { at: 0, layer: 1 };
  const shown = element("div", "shown");
  const panel = element("div", "controls");
  panel.append(
    slider(
      {
        name: "step of training",
        from: 0,
        to: steps.length - 1,
        step: 1,
        value: 0,
        says: (at) => String(steps[at].step),
      },
      (at) => {
        state.at = at;
        draw();
      },
    ),
    list("rows of", LOOKS, (word) => {
      state.layer = LOOKS.indexOf(word) === 0 ? 1 : 0;
      draw();
    }),
  );
  place.replaceChildren(panel, shown);
  const draw = () => {
    const { step, loss, names, heads: weights } = steps[state.at];
    const asking = rows[state.layer];
    shown.replaceChildren(
      matrix(
        asking.map((at) => words[at]),
        words,
        (i, j) => ({
          share: weights[state.layer][i][j],
          text: brief(weights[state.layer][i][j], 1),
          hidden: j > asking[i],
        }),
        `Head ${heads[state.layer]} at step ${step}`,
      ),
      element(
        "p",
        "said",
        `Loss: ${loss.toFixed(2)} nats a word; ${names.toFixed(2)} on last names that stand in the story already.`,
      ),
    );
  };
  draw();
}
