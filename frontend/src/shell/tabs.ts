/** The views as tabs. */

import type { App, View } from "../contract";
import { button, element, hasFocus, roving, scrollAlong } from "../elements";

export class Tabs {
  readonly element = element("div", "tabs");
  private readonly tabs: HTMLButtonElement[];
  private readonly reach: (current: HTMLElement | undefined) => void;

  /** `panel`: the id of the element that the views are in. */
  constructor(
    private readonly app: App,
    private readonly views: readonly View[],
    panel: string,
  ) {
    this.element.setAttribute("role", "tablist");
    this.element.setAttribute("aria-label", "views");
    this.tabs = views.map((view, at) => {
      const tab = button(view.title, "", () => this.choose(view.name));
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel);
      tab.setAttribute("aria-keyshortcuts", String(at + 1));
      tab.id = `${panel}-${view.name}`;
      return tab;
    });
    this.element.append(...this.tabs);
    this.reach = roving(this.element, () => this.tabs.filter((tab) => !tab.hidden));
    this.update();
  }

  update(): void {
    const { state } = this.app.store;
    this.views.forEach((view, at) => {
      const tab = this.tabs[at];
      tab.setAttribute("aria-selected", String(view.name === state.view));
      tab.hidden = view.unavailable(this.app.manifest, state) !== null; // the menu says why
      tab.title = `${view.title} (key ${at + 1})`;
    });
    const chosen = this.tabs[this.views.findIndex((view) => view.name === state.view)];
    if (!this.tabs.some((tab) => hasFocus(tab))) this.reach(chosen);
    scrollAlong(this.element, chosen);
  }

  choose(name: string): void {
    const view = this.views.find((one) => one.name === name);
    const reason = view?.unavailable(this.app.manifest, this.app.store.state);
    if (!view) return;
    if (reason) this.app.say(`${view.title}: ${reason}`);
    else this.app.store.set({ view: name, ...view.enter?.(this.app.manifest, this.app.store.state) });
  }
}
