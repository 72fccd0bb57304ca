/** The bar of the viewer: what is looked at, how, and the menu, in one row of 40 pixels. */

import { element } from "../elements";
import { Fold } from "./fold";
import type { Menu } from "./menu";

export class Bar {
  readonly element = element("header", "bar");
  /** Empty places for what finds a token and for what brings a second picture: whoever has one mounts it there. */
  readonly find = element("div", "bar-find");
  readonly compare = element("div", "bar-compare");
  private readonly heads: Fold;
  private readonly views: Fold;

  constructor(
    choice: HTMLElement,
    strip: HTMLElement,
    tabs: HTMLElement,
    private readonly menu: Menu,
  ) {
    this.heads = new Fold("fold-heads", "", "choose heads", strip);
    this.views = new Fold("fold-views", "", "choose the view", tabs);
    this.element.append(choice, this.heads.element, this.views.element, this.find, this.compare, menu.fold.element);
  }

  /**
   * What is chosen, for the buttons that stand for the strip and the tabs where there is no room for these; null where there is
   * nothing to choose.
   */
  update(heads: string | null, view: string): void {
    this.heads.element.hidden = heads === null;
    this.heads.button.textContent = `${heads} ▾`;
    this.views.button.textContent = `${view} ▾`;
    this.views.open(false);
  }

  stop(): void {
    for (const fold of [this.heads, this.views, this.menu.fold]) fold.stop();
  }
}
