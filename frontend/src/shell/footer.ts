/** The foot of the viewer: what is said, what must be said beside the picture, and what can be taken away. */

import type { Manifest, State } from "../contract";
import { button, element } from "../elements";

export interface Actions {
  table(): void;
  copy(): void;
  png(): void;
  svg(): void;
  theme(): void;
  help(): void;
}

export class Footer {
  readonly element = element("footer");
  private readonly status = element("p", "status");
  private readonly notes = element("p", "notes");
  private readonly tableButton: HTMLButtonElement;
  private readonly themeButton: HTMLButtonElement;

  constructor(
    private readonly manifest: Manifest,
    actions: Actions,
  ) {
    this.status.setAttribute("role", "status");
    this.status.setAttribute("aria-live", "polite");
    this.notes.tabIndex = 0; // scrolled by keys
    this.notes.setAttribute("role", "region");
    this.notes.setAttribute("aria-label", "notes");
    this.tableButton = button("Table", "what is shown, as a table (t)", actions.table);
    this.tableButton.setAttribute("aria-expanded", "false");
    this.themeButton = button("", "colours of the viewer: the host's, light, or dark", actions.theme);
    const buttons = element("div", "buttons");
    buttons.append(
      this.tableButton,
      button("Copy table", "tab-separated, for a spreadsheet", actions.copy),
      button("PNG", "save what is shown as a picture of pixels", actions.png),
      button("SVG", "save what is shown as a drawing", actions.svg),
      this.themeButton,
      button("Help", "keys (?)", actions.help),
    );
    this.element.append(this.status, buttons, this.notes);
  }

  say(text: string): void {
    this.status.textContent = text;
  }

  update(state: Readonly<State>, tableOpen: boolean, theme: string): void {
    const renormalised = state.special === "hidden" && state.renormalise;
    this.notes.textContent = [
      ...(renormalised ? ["special tokens are left out, and each row is divided by what remains of it"] : []),
      ...this.manifest.notes,
    ].join(" · ");
    this.notes.hidden = this.notes.textContent === "";
    this.tableButton.setAttribute("aria-expanded", String(tableOpen));
    this.themeButton.textContent = `Theme: ${theme}`;
  }
}
