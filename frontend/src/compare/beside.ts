/** A picture and a second one beside it: the switch, what each of them is called, and the end of colours that they share. */

import type { App, View } from "../contract";
import { button, element } from "../elements";
import { mapText } from "../shown";
import { ComparePane, firstBeside } from "./pane";
import { SharedTop } from "./shared_top";

export class Beside {
  readonly button: HTMLButtonElement;
  /** Both pictures: the first is what `panel` holds. */
  readonly element = element("div", "pictures");
  readonly pane: ComparePane;
  private readonly shared: SharedTop;
  private readonly first = element("p", "compare-first");

  /** `redraw` is called when one picture has moved the end of the other's colours. */
  constructor(
    private readonly app: App,
    views: readonly View[],
    panel: HTMLElement,
    redraw: () => void,
  ) {
    this.shared = new SharedTop(redraw);
    this.button = button("⇄", "a second picture beside this one (v)", () => this.toggle());
    this.button.setAttribute("aria-label", "compare");
    this.pane = new ComparePane(app, views);
    const own = element("div", "picture");
    own.append(this.first, panel);
    this.element.append(own, this.pane.element);
  }

  /** What both pictures end their colours by, where there are two of one kind. */
  get sharedTop(): SharedTop | undefined {
    const { state } = this.app.store;
    return state.with !== null && state.compare === "beside" ? this.shared : undefined;
  }

  toggle(): void {
    const { store } = this.app;
    store.set({ with: store.state.with === null ? firstBeside(this.app) : null });
  }

  update(): void {
    const { manifest, store } = this.app;
    const { map, heads, with: other } = store.state;
    this.button.setAttribute("aria-pressed", String(other !== null));
    this.first.hidden = other === null;
    this.first.textContent = `A: ${mapText(manifest.maps[map], heads)}`;
    this.pane.update();
  }
}
