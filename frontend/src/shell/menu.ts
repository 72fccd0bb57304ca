/** The menu behind ⋯: how things are shown, what can be taken away, help. */

import type { Manifest, State } from "../contract";
import { button, element, tick } from "../elements";
import { views } from "../views";
import { Fold } from "./fold";

export interface Actions {
  table(): void;
  copy(): void;
  csv(): void;
  png(): void;
  svg(): void;
  theme(): void;
  help(): void;
  back(): void;
  forward(): void;
}

export class Menu {
  readonly fold: Fold;
  private readonly tableButton: HTMLButtonElement;
  private readonly themeButton: HTMLButtonElement;
  private readonly back: HTMLButtonElement;
  private readonly forward: HTMLButtonElement;
  private readonly absent = element("p", "menu-absent");
  private readonly letters = tick("shortcuts of one key", () => {});

  constructor(
    private readonly manifest: Manifest,
    settings: HTMLElement,
    actions: Actions,
  ) {
    const content = element("div", "menu-content");
    this.fold = new Fold("menu", "⋯", "settings, table, pictures, help", content);
    this.fold.button.setAttribute("aria-label", "menu");
    const closing = (text: string, hint: string, press: () => void) =>
      button(text, hint, () => {
        this.fold.open(false);
        press();
      });
    this.tableButton = closing("Table", "what is shown, as a table (t)", actions.table);
    this.tableButton.setAttribute("aria-expanded", "false");
    this.themeButton = button("", "colours of the viewer: the host's, light, or dark", actions.theme);
    this.back = button("← Back", "to what was looked at before", actions.back);
    this.forward = button("Forward →", "to what was looked at after", actions.forward);
    const buttons = element("div", "buttons");
    buttons.append(
      this.back,
      this.forward,
      this.tableButton,
      closing("Copy table", "tab-separated, for a spreadsheet, with all digits", actions.copy),
      closing("CSV", "save the table as a file, with all digits", actions.csv),
      closing("PNG", "save the picture, whole, in pixels", actions.png),
      closing("SVG", "save the picture, whole, as a drawing", actions.svg),
      this.themeButton,
      closing("Help", "the views, and the keys (?)", actions.help),
    );
    this.letters.control.checked = true;
    this.letters.label.title = "letters, digits and signs; arrows and Escape stay";
    content.append(settings, buttons, this.letters.label, this.absent);
  }

  /** Whether letters do something: who speaks to a computer may not want it. */
  get shortcuts(): boolean {
    return this.letters.control.checked;
  }

  /** Whether there is a place to go back to, and forward. */
  visited(before: boolean, after: boolean): void {
    this.back.disabled = !before;
    this.forward.disabled = !after;
  }

  update(state: Readonly<State>, tableOpen: boolean, theme: string): void {
    this.tableButton.setAttribute("aria-expanded", String(tableOpen));
    this.themeButton.textContent = `Theme: ${theme}`;
    const reasons = views.flatMap(({ title, unavailable }) => {
      const reason = unavailable(this.manifest, state);
      return reason === null ? [] : [`${title}: ${reason}.`];
    });
    this.absent.textContent = reasons.length > 0 ? `Not here: ${reasons.join(" ")}` : "";
    this.absent.hidden = reasons.length === 0;
  }
}
