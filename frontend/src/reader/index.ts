/** The reader: the column beside the picture, or a drawer below it where the viewer is small, that says what is seen. */

import type { App, MountedSection, State } from "../contract";
import { button, element } from "../elements";
import { brief } from "../labels";
import { sections } from "./sections";

export class Reader {
  readonly element = element("aside", "reader");
  private readonly described = element("p", "described");
  private readonly status = element("p", "status");
  private readonly notes = element("p", "notes");
  private readonly expand: HTMLButtonElement;
  private mounted: MountedSection[] = [];

  constructor(private readonly title: HTMLElement) {
    this.element.setAttribute("aria-label", "what is seen, in words");
    this.status.setAttribute("role", "status");
    this.status.setAttribute("aria-live", "polite");
    this.expand = button("▴", "", () => this.open(!this.isOpen));
    this.expand.className = "reader-expand";
    this.open(false);
  }

  /** Fills it; once the app is there, which speaks through it. */
  mount(app: App): void {
    const parts = element("div", "reader-parts");
    parts.tabIndex = 0; // scrolled by keys
    parts.setAttribute("role", "region");
    parts.setAttribute("aria-label", "reader");
    const heading = brief(app.manifest.title, 120);
    this.title.textContent = heading;
    this.title.title = heading;
    const inside = sections.map(({ name }) => element("section", `reader-${name}`));
    parts.append(this.title, ...inside, this.described, this.notes);
    this.element.append(this.expand, this.status, parts);
    this.mounted = sections.map((section, at) => section.mount(inside[at], app));
  }

  say(text: string): void {
    this.status.textContent = text;
  }

  describe(text: string): void {
    if (this.described.textContent !== text) this.described.textContent = text;
  }

  update(state: Readonly<State>, changed: ReadonlySet<keyof State>, notes: readonly string[]): void {
    const renormalised = state.special === "hidden" && state.renormalise;
    const said = renormalised
      ? ["special tokens are left out, and each row is divided by what remains of it", ...notes]
      : notes;
    this.notes.textContent = said.join(" · ");
    this.notes.hidden = said.length === 0;
    for (const section of this.mounted) section.update(changed);
  }

  destroy(): void {
    for (const section of this.mounted) section.destroy();
  }

  private get isOpen(): boolean {
    return this.element.hasAttribute("data-open");
  }

  /** Where it is a drawer: whether all of it is seen, or its first lines. */
  private open(open: boolean): void {
    this.element.toggleAttribute("data-open", open);
    this.expand.setAttribute("aria-expanded", String(open));
    this.expand.textContent = open ? "▾" : "▴";
    this.expand.setAttribute("aria-label", open ? "less of the reader" : "more of the reader");
  }
}
