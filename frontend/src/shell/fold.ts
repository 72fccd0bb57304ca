/** A part of the bar behind a button: always, or where the bar is too narrow to hold it (shell.css says which). */

import { button, element } from "../elements";

export class Fold {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  private readonly away: (event: Event) => void;

  constructor(
    name: string,
    text: string,
    hint: string,
    readonly content: HTMLElement,
  ) {
    this.element = element("div", `fold ${name}`);
    this.button = button(text, hint, () => this.open(!this.isOpen));
    this.button.setAttribute("aria-expanded", "false");
    content.classList.add("folded");
    this.element.append(this.button, content);
    this.away = (event) => {
      if (this.isOpen && !event.composedPath().includes(this.element)) this.open(false);
    };
    document.addEventListener("pointerdown", this.away);
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOpen) return;
      event.preventDefault();
      this.open(false);
      this.button.focus();
    });
  }

  get isOpen(): boolean {
    return this.element.hasAttribute("data-open");
  }

  open(open: boolean): void {
    const inside = this.content.contains((this.element.getRootNode() as Document | ShadowRoot).activeElement);
    if (!open && this.isOpen && inside) this.button.focus(); // what has the focus is about to be gone
    this.element.toggleAttribute("data-open", open);
    this.button.setAttribute("aria-expanded", String(open));
  }

  stop(): void {
    document.removeEventListener("pointerdown", this.away);
  }
}
