/** The elements of the map view. */

import { button, element } from "../../elements";
import { Hint } from "./hint";

export interface MapElements {
  element: HTMLElement;
  stage: HTMLElement;
  hint: Hint;
  /** The map; and above it what follows the pointer. */
  base: HTMLCanvasElement;
  overlay: HTMLCanvasElement;
}

export function buildElements(root: HTMLElement, zoom: Record<"out" | "in" | "whole", () => void>): MapElements {
  const all = element("div", "map-view");
  const buttons = element("div", "map-zoom");
  buttons.append(named("−", "zoom out", zoom.out), named("+", "zoom in", zoom.in), named("⤢", "whole map", zoom.whole));
  const stage = element("div", "map-stage");
  const base = element("canvas", "map-canvas");
  base.tabIndex = 0;
  base.setAttribute("role", "img");
  base.setAttribute("aria-label", "attention map");
  const overlay = element("canvas", "map-overlay");
  overlay.setAttribute("aria-hidden", "true");
  stage.append(base, overlay);
  const hint = new Hint();
  all.append(stage, buttons, hint.element);
  root.append(all);
  return { element: all, stage, hint, base, overlay };
}

/** A button whose text is a sign. */
function named(sign: string, name: string, press: () => void): HTMLButtonElement {
  const made = button(sign, name, press);
  made.setAttribute("aria-label", name);
  return made;
}
