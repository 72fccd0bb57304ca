/** The ends of the colour bar: dragged, or moved by keys, they say which weights have the palest and the strongest colour. */

import { type ColourScale, LEAST } from "../../colours";
import type { App } from "../../contract";
import { element } from "../../elements";
import { weightText } from "../../labels";
import type { Box } from "../../surface";

type End = "top" | "bottom";

/** What an arrow key does to an end. */
const STEP = 1.25;
/** The palest end is moved from nothing to this part of the strongest. */
const FIRST = 0.05;

export class BarEnds {
  private readonly handles: Record<End, HTMLElement>;
  private bar: Box = { x: 0, y: 0, width: 0, height: 1 };
  private scale: ColourScale | null = null;

  constructor(
    stage: HTMLElement,
    private readonly app: App,
  ) {
    this.handles = { top: this.handle("top"), bottom: this.handle("bottom") };
    stage.append(this.handles.top, this.handles.bottom);
  }

  /** Where the bar is, and what its ends stand for. */
  place(bar: Box, scale: ColourScale): void {
    this.bar = bar;
    this.scale = scale;
    const ends = this.ends();
    for (const end of ["top", "bottom"] as const) {
      const handle = this.handles[end];
      handle.hidden = scale.signed || scale.name === "row";
      handle.style.left = `${bar.x - 4}px`;
      handle.style.top = `${end === "top" ? bar.y - 6 : bar.y + bar.height - 6}px`;
      handle.style.width = `${bar.width + 8}px`;
      handle.setAttribute("aria-valuenow", String(ends[end]));
      handle.setAttribute("aria-valuetext", weightText(ends[end]));
    }
  }

  stop(): void {
    for (const handle of Object.values(this.handles)) handle.remove();
  }

  private ends(): Record<End, number> {
    return { top: this.scale?.top ?? 1, bottom: this.scale?.bottom ?? 0 };
  }

  private handle(end: End): HTMLElement {
    const made = element("div", `bar-end ${end}`);
    made.tabIndex = 0;
    made.setAttribute("role", "slider");
    made.setAttribute("aria-orientation", "vertical");
    made.setAttribute("aria-label", end === "top" ? "weight of the strongest colour" : "weight of the palest colour");
    made.setAttribute("aria-valuemin", "0");
    made.setAttribute("aria-valuemax", "1");
    made.title = "drag, or arrow keys; a double click fits the colours again";
    made.addEventListener("keydown", (event) => this.key(end, event));
    made.addEventListener("dblclick", () => this.app.store.set({ limits: null }));
    made.addEventListener("pointerdown", (event) => this.drag(end, made, event));
    return made;
  }

  private key(end: End, event: KeyboardEvent): void {
    const now = this.ends()[end];
    const [up, down] = now === 0 ? [FIRST * this.ends().top, 0] : [now * STEP, now / STEP];
    if (event.key === "ArrowUp" || event.key === "ArrowRight") this.move(end, up);
    else if (event.key === "ArrowDown" || event.key === "ArrowLeft")
      this.move(end, end === "bottom" && down < LEAST ? 0 : down);
    else if (event.key === "Escape" || event.key === "Delete") this.app.store.set({ limits: null });
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.app.say(
      this.app.store.state.limits === null
        ? "colours fitted again"
        : `colours from ${this.said("bottom")} to ${this.said("top")}`,
    );
  }

  private said(end: End): string {
    const [low, high] = this.app.store.state.limits ?? [0, 1];
    return weightText(end === "top" ? high : low);
  }

  private drag(end: End, handle: HTMLElement, down: PointerEvent): void {
    if (down.button !== 0 || !this.scale) return;
    handle.setPointerCapture(down.pointerId);
    down.preventDefault();
    handle.focus({ preventScroll: true });
    // By the scale as it was: one that follows would run away from the pointer.
    const { bar, scale } = this;
    const moved = (event: PointerEvent) => {
      const stage = handle.offsetParent?.getBoundingClientRect();
      const y = event.clientY - (stage?.top ?? 0) + (handle.offsetParent?.scrollTop ?? 0);
      this.move(end, valueAt(1 - (y - bar.y) / bar.height, scale));
    };
    const ended = () => {
      handle.removeEventListener("pointermove", moved);
      handle.removeEventListener("lostpointercapture", ended);
    };
    handle.addEventListener("pointermove", moved);
    handle.addEventListener("lostpointercapture", ended);
  }

  private move(end: End, value: number): void {
    const { top, bottom } = this.ends();
    const digits = (weight: number) => Number(Math.min(1, Math.max(0, weight)).toPrecision(3));
    const limits: [number, number] =
      end === "top" ? [bottom, digits(Math.max(value, bottom + LEAST))] : [digits(Math.min(value, top - LEAST)), top];
    if (limits[0] < limits[1]) this.app.store.set({ limits });
  }
}

/** The weight at a place of the bar, 0 at its foot and 1 at its head; beyond them the scale goes on. */
function valueAt(place: number, { name, top, bottom = 0 }: ColourScale): number {
  if (name !== "log") return bottom + place * (top - bottom);
  const low = Math.max(bottom, LEAST);
  return low * (top / low) ** place;
}
