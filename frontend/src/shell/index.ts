/** The viewer in an element of a page, whoever the host is. */

import compareCss from "../compare/compare.css";
import type { Store } from "../contract";
import { element } from "../elements";
import findCss from "../find/find.css";
import { sections } from "../reader/sections";
import { views } from "../views";
import printCss from "./printing.css";
import css from "./shell.css";
import type { Theme } from "./theme";
import { type Host, Viewer } from "./viewer";

export type { Host } from "./viewer";

export interface MountedViewer {
  /** What is looked at; there is none where there is no map. */
  readonly store: Store | null;
  destroy(): void;
  setTheme(theme: Theme): void;
}

/** Draws the viewer into a shadow root of `root`; a host has at most one viewer in an element. */
export function mountViewer(root: HTMLElement, host: Host): MountedViewer {
  // A shadow root stays for good: one that a former viewer left is used again.
  const shadow = root.shadowRoot ?? root.attachShadow({ mode: "open" });
  const own = [css, findCss, compareCss, printCss];
  shadow.adoptedStyleSheets = [...own, ...[...sections, ...views].map(({ styles }) => styles)].map((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  // Notebooks that run on Lumino leave keys alone below such an element.
  if (host.kind === "widget") root.dataset.lmSuppressShortcuts = "true";
  if (host.manifest.maps.length === 0) {
    const empty = element("p", "empty", "There is no map in this recording.");
    shadow.replaceChildren(empty);
    return { store: null, destroy: () => empty.remove(), setTheme: () => {} };
  }
  const viewer = new Viewer(shadow, host);
  return { store: viewer.store, destroy: () => viewer.destroy(), setTheme: (theme) => viewer.setTheme(theme) };
}
