/** The field that looks for a text or a position, with how many there are, and the way to the next. */

import type { App, State } from "../contract";
import { button, element } from "../elements";
import { pinHere, toggled } from "../pins";
import { Finder } from "./finder";

/** Milliseconds without a letter before it is looked for. */
const PAUSE = 120;

export class FindBar {
  readonly element = element("div", "find");
  readonly finder: Finder;
  private readonly input = element("input", "find-input");
  private readonly count = element("span", "find-count");
  private readonly opener: HTMLButtonElement;
  private readonly form = element("div", "find-form");
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `changed` is called when other places are found, or another of them is looked at. */
  constructor(
    private readonly app: App,
    changed: () => void,
    /** Called when the cursor leaves the field for good. */
    private readonly left: () => void,
  ) {
    this.finder = new Finder(app, () => {
      this.count.textContent = this.finder.text();
      changed();
    });
    this.input.type = "search";
    this.input.placeholder = "/ find";
    this.input.title = 'a word or a position (/); "12" in quotes is a text';
    this.input.setAttribute("aria-label", "find a word or a position");
    this.input.maxLength = 200;
    this.count.setAttribute("role", "status");
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.key(event));
    const previous = button("‹", "the one before (Shift N)", () => this.next(-1));
    previous.setAttribute("aria-label", "the one before");
    const next = button("›", "the next one (n)", () => this.next(1));
    next.setAttribute("aria-label", "the next one");
    this.form.append(this.input, this.count, previous, next);
    // Where the bar is narrow, the field is behind a button.
    this.opener = button("⌕", "find a word or a position (/)", () => this.open());
    this.opener.className = "find-open";
    this.opener.setAttribute("aria-label", "find");
    this.element.append(this.opener, this.form);
    this.update(new Set(["find"]));
  }

  /** What is looked for may have come with a link, and other axes have other places. */
  update(changed: ReadonlySet<keyof State>): void {
    const { find } = this.app.store.state;
    if (changed.has("find") && this.input.value !== find) {
      this.input.value = find;
      this.element.toggleAttribute("data-open", find !== "");
    }
    if (changed.has("find") || changed.has("map") || changed.has("rowAxis")) void this.finder.look(find);
  }

  /** Puts the cursor into the field. */
  open(): void {
    this.element.toggleAttribute("data-open", true);
    this.input.focus();
    this.input.select();
  }

  /** What the keys of the viewer do here; whether they did something. */
  used(key: string): boolean {
    if (key === "/") this.open();
    else if ((key === "n" || key === "N") && this.app.store.state.find !== "") this.next(key === "n" ? 1 : -1);
    else if (key === "p") this.pin();
    else return false;
    return true;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.finder.stop();
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.app.store.set({ find: this.input.value }), PAUSE);
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter") {
      void this.chosen(event.shiftKey);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Goes to the next place of what has been typed; and keeps it, where that is asked for. */
  private async chosen(pinned: boolean): Promise<void> {
    clearTimeout(this.timer);
    this.app.store.set({ find: this.input.value });
    await this.finder.settled;
    if (!pinned || this.finder.at < 0) this.next(1);
    if (pinned) this.pin();
  }

  private next(by: number): void {
    const change = this.finder.next(by);
    if (change) this.app.store.set(change);
    if (this.finder.text() !== "") this.app.say(this.finder.text());
  }

  private pin(): void {
    const { store } = this.app;
    const pin = pinHere(store.state);
    if (!pin) {
      this.app.say("there is nothing to pin: point at a cell or a word first");
      return;
    }
    const pins = toggled(store.state.pins, pin);
    const before = store.state.pins.length;
    store.set({ pins });
    this.app.say(pins.length < before ? "the pin is gone" : "pinned");
  }

  private close(): void {
    clearTimeout(this.timer);
    this.app.store.set({ find: "" });
    this.input.value = "";
    this.input.blur();
    this.element.toggleAttribute("data-open", false);
    this.left();
  }
}
