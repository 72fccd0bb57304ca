/** What went wrong, where people see it, until they have seen it. */

import { button, element } from "../elements";

/** As many as are shown; the oldest goes first. */
const MOST = 3;

export class Errors {
  readonly element = element("div", "errors");

  constructor() {
    this.element.setAttribute("role", "alert");
  }

  show(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return; // that answer is not wanted any more
    const text = error instanceof Error ? error.message : String(error);
    const shown = [...this.element.children];
    if (shown.some((one) => one.firstElementChild?.textContent === text)) return;
    if (shown.length >= MOST) shown[0].remove();
    const line = element("div", "error");
    line.append(
      element("span", "", text),
      button("Dismiss", "", () => line.remove()),
    );
    this.element.append(line);
  }
}
