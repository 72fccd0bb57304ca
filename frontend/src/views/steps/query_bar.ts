/** The queries, to choose one from; of a long text the neighbours of the one that is chosen. */

import type { Axis, Store } from "../../contract";
import { button, element, hasFocus, roving } from "../../elements";
import { brief } from "../../labels";

/** Letters of a token that is written here. */
export const LABEL = 16;

/** Queries to either side that can be chosen by a button. */
const NEIGHBOURS = 12;

export class QueryBar {
  readonly element = element("div", "steps-queries");
  private readonly reach: (current: HTMLElement | undefined) => void;

  constructor(private readonly store: Store) {
    this.element.setAttribute("role", "toolbar");
    this.element.setAttribute("aria-label", "query");
    this.reach = roving(this.element, () => this.buttons());
  }

  /** `count` queries in all; `whole` where each has a button. */
  show(query: number, { axis, count, whole }: { axis: Axis; count: number; whole: boolean }): void {
    const { tokens, special, title } = axis;
    const dimmed = new Set(this.store.state.special === "shown" ? [] : special);
    const held = this.buttons();
    const first = whole ? 0 : Math.max(0, Math.min(query - NEIGHBOURS, count - 2 * NEIGHBOURS - 1));
    const last = whole ? count : Math.min(count, first + 2 * NEIGHBOURS + 1);
    const texts = tokens.slice(first, last).map((token) => brief(token, LABEL));
    const same = held.length === texts.length && texts.every((text, at) => held[at].textContent === text);
    if (!same || Number(held[0]?.dataset.at) !== first) {
      const made = texts.map((text, at) => {
        const one = button(text, `query ${first + at}`, () => this.store.set({ query: first + at }));
        one.dataset.at = String(first + at);
        return one;
      });
      const where = whole ? "" : `, ${first}–${last - 1} of ${count}`;
      this.element.replaceChildren(element("span", "steps-title", `query (${title}${where})`), ...made);
    }
    const buttons = this.buttons();
    for (const one of buttons) {
      const at = Number(one.dataset.at);
      one.setAttribute("aria-pressed", String(at === query));
      one.classList.toggle("dimmed", dimmed.has(at));
    }
    if (!buttons.some((one) => hasFocus(one))) this.reach(buttons[query - first]);
  }

  private buttons(): HTMLElement[] {
    return [...this.element.querySelectorAll("button")];
  }
}
