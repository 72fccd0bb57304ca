/** What the views are, and the keys, in a dialog. */

import type { View } from "../contract";
import { button, element } from "../elements";
import { views } from "../views";

export const SHELL_KEYS: readonly (readonly [string, string])[] = [
  [`1 … ${views.length}`, "choose the view"],
  ["[ ]", "previous or next head"],
  ["{ }", "previous or next layer"],
  ["( )", "previous or next step, where the model ran several times"],
  ["w", "tokens, words, characters, or larger units"],
  [". ,", "closer: what is chosen, in smaller units; or further away"],
  ["s", "special tokens shown, dimmed or hidden"],
  ["c", "colours fitted, in proportion, logarithmic, or each row by its largest"],
  ["m", "a cell of many weights shows their mean or the largest"],
  ["/", "find a word or a position; n and N go to the next and the one before"],
  ["p", "pin what is chosen, or let it go"],
  ["v", "a second picture beside the first"],
  ["t", "the table of what is shown"],
  ["?", "this help"],
];

export class Help {
  readonly element = element("dialog", "help");
  private readonly body = element("div");

  constructor() {
    this.element.setAttribute("aria-label", "help");
    this.element.append(
      this.body,
      button("Close", "", () => this.element.close()),
    );
  }

  open(view: View | undefined): void {
    const parts = [list("Keys everywhere", SHELL_KEYS)];
    if (view && view.keys.length > 0) parts.unshift(list(`Keys of ${view.title}`, view.keys));
    this.body.replaceChildren(explained(), ...parts);
    this.element.showModal();
  }
}

/** What is seen at all, and each view in a sentence. */
function explained(): HTMLElement {
  const part = element("section");
  part.append(
    element("h2", "", "What is seen"),
    element(
      "p",
      "",
      "For every word that a model reads or writes, each of its attention heads spreads a weight of 1 over other words: where it " +
        "looked. Choose a layer and a head in the bar; the reader beside the picture says what is seen of the word that is chosen.",
    ),
  );
  const entries = element("ul");
  for (const { about } of views) entries.append(element("li", "", about));
  part.append(entries);
  return part;
}

function list(title: string, keys: readonly (readonly [string, string])[]): HTMLElement {
  const part = element("section");
  const entries = element("dl");
  for (const [key, what] of keys) {
    const term = element("dt");
    term.append(element("kbd", "", key));
    entries.append(term, element("dd", "", what));
  }
  part.append(element("h2", "", title), entries);
  return part;
}
