/** On paper stands the picture, whole and in light colours, with what must be said of it; not the window that it was seen in. */

import { element } from "../elements";

export interface Printed {
  /** What is seen, whole, as a document of its own. */
  picture(): Promise<string>;
  /** What must be said beside the picture. */
  notes(): readonly string[];
  /** Draws in light colours for as long as paper is written on; returns how to go back. */
  light(): () => void;
  fail(error: unknown): void;
}

/** Class of the viewer while the sheet stands for it. Without one, as when a picture comes too late, the window is printed. */
const READY = "has-sheet";

/** Prints `root`, which is alone on its page (`alone`) or one of several things on it; returns how to stop. */
export function printing(root: HTMLElement, alone: boolean, printed: Printed): () => void {
  const sheet = element("div", "sheet");
  sheet.setAttribute("aria-hidden", "true");
  root.append(sheet);
  let back: (() => void) | null = null;
  let height = "";
  let turn = 0;
  const fill = async () => {
    const own = ++turn;
    back ??= printed.light();
    const text = await printed.picture();
    if (own !== turn) return; // too late
    const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    const notes = printed.notes().map((note) => element("p", "", note));
    sheet.replaceChildren(document.importNode(svg, true), ...notes);
    if (!root.classList.contains(READY)) height = root.style.height;
    root.style.height = "auto"; // a notebook's viewer has one of its own
    root.classList.add(READY);
  };
  // The browser does not wait for what is asked of the engine, only for what is at hand: this is over before it prints.
  const before = () => void fill().catch(printed.fail);
  const after = () => {
    turn++;
    back?.();
    back = null;
    if (root.classList.contains(READY)) root.style.height = height;
    root.classList.remove(READY);
    sheet.replaceChildren();
  };
  // By its key, printing waits.
  const key = (event: KeyboardEvent) => {
    if (event.key.toLowerCase() !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    void fill().then(() => print(), printed.fail);
  };
  addEventListener("beforeprint", before);
  addEventListener("afterprint", after);
  if (alone) addEventListener("keydown", key);
  return () => {
    removeEventListener("beforeprint", before);
    removeEventListener("afterprint", after);
    removeEventListener("keydown", key);
    sheet.remove();
  };
}
