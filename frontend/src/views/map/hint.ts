/** A line over the picture that says what would have worked, and goes by itself. */

import { element } from "../../elements";

const SHOWN = 1800;

export class Hint {
  readonly element = element("p", "map-hint");
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.element.hidden = true;
    this.element.setAttribute("role", "note");
  }

  show(text: string): void {
    clearTimeout(this.timer);
    this.element.textContent = text;
    this.element.hidden = false;
    this.timer = setTimeout(() => {
      this.element.hidden = true;
    }, SHOWN);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
