/** The heads of the map in a strip: choose one, or several to average. */

import type { App, Overview } from "../contract";
import { button, element, hasFocus, roving, scrollAlong } from "../elements";
import { drawHead, headsCanvas } from "../thumbnails";

/** Pixels of a thumbnail. */
const SIDE = 26;

/** What a click chooses: one head; with Ctrl (or ⌘) one more or less; with Shift all from the first that was chosen. */
export function chosenHeads(
  before: readonly number[],
  head: number,
  keys: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean },
): number[] {
  if (keys.shiftKey) {
    const [low, high] = [Math.min(before[0], head), Math.max(before[0], head)];
    return Array.from({ length: high - low + 1 }, (_, at) => low + at);
  }
  if (!keys.ctrlKey && !keys.metaKey) return [head];
  const toggled = before.includes(head) ? before.filter((one) => one !== head) : [...before, head];
  return toggled.length > 0 ? toggled.sort((one, two) => one - two) : [head];
}

export class HeadStrip {
  readonly element = element("div", "head-strip");
  private buttons: HTMLButtonElement[] = [];
  private readonly all: HTMLButtonElement;
  /** Where there is no Ctrl key: pressed, every head that is chosen is one more, or one less. */
  private readonly several: HTMLButtonElement;
  private readonly reach: (current: HTMLElement | undefined) => void;
  private map = -1;
  private overview: Overview | null = null;
  private asking = new AbortController();

  constructor(private readonly app: App) {
    this.element.setAttribute("role", "toolbar");
    this.element.setAttribute("aria-label", "heads");
    this.all = button("all", "the mean of all heads", () => {
      app.store.set({ heads: this.buttons.map((_, head) => head) });
    });
    this.several = button("+", "choose several, which are averaged", () => {
      this.several.setAttribute("aria-pressed", String(!this.isSeveral));
    });
    this.several.setAttribute("aria-label", "choose several heads");
    this.several.setAttribute("aria-pressed", "false");
    this.reach = roving(this.element, () => [...this.buttons, this.all, this.several]);
    this.update();
  }

  update(): void {
    const { map, heads } = this.app.store.state;
    if (map !== this.map) this.build(map);
    this.buttons.forEach((one, head) => {
      one.setAttribute("aria-pressed", String(heads.includes(head)));
    });
    this.all.setAttribute("aria-pressed", String(heads.length === this.buttons.length));
    const focused = this.buttons.find((one) => one.tabIndex === 0);
    if (!hasFocus(focused)) this.reach(this.buttons[heads[0]]);
    scrollAlong(this.element, this.buttons[heads[0]]);
  }

  private get isSeveral(): boolean {
    return this.several.getAttribute("aria-pressed") === "true";
  }

  /** Thumbnails again: the theme or what they show has changed. */
  paint(): void {
    const { overview } = this;
    const heads = overview && headsCanvas(overview, this.app.store.state, this.app.palette);
    if (!heads || !overview) return;
    this.buttons.forEach((one, head) => {
      const canvas = one.querySelector("canvas");
      const context = canvas?.getContext("2d");
      if (canvas && context)
        drawHead(context, heads, overview, head, { x: 0, y: 0, width: canvas.width, height: canvas.height });
    });
  }

  stop(): void {
    this.asking.abort();
  }

  private build(map: number): void {
    this.map = map;
    const { heads } = this.app.manifest.maps[map];
    this.element.hidden = heads < 2;
    this.buttons = Array.from({ length: heads }, (_, head) => this.headButton(head));
    this.element.replaceChildren(element("span", "strip-title", "heads"), ...this.buttons, this.all, this.several);
    this.overview = null;
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    if (heads < 2) return;
    this.app.source.overview(map, signal).then(
      (overview) => {
        if (signal.aborted) return;
        this.overview = overview;
        this.paint();
      },
      (error) => signal.aborted || this.app.fail(error),
    );
  }

  private headButton(head: number): HTMLButtonElement {
    const made = button("", `head ${head} (with Ctrl or Shift, several are averaged)`, (event) => {
      const { shiftKey, metaKey, ctrlKey } = event;
      const keys = { shiftKey, metaKey, ctrlKey: ctrlKey || this.isSeveral };
      this.app.store.set({ heads: chosenHeads(this.app.store.state.heads, head, keys) });
    });
    made.setAttribute("aria-label", `head ${head}`);
    const canvas = element("canvas");
    canvas.width = canvas.height = SIDE * Math.min(2, Math.ceil(devicePixelRatio || 1));
    canvas.setAttribute("aria-hidden", "true");
    made.append(canvas, element("span", "", String(head)));
    return made;
  }
}
