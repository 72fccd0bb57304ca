/** What a browser has and jsdom has not, as far as the shell wants it. */

import { vi } from "vitest";
import { mountViewer } from "../src/shell";
import type { Host } from "../src/shell/viewer";
import { smallExample } from "./dense_source";

export const dark = { matches: false, listeners: new Set<() => void>() };

export function browser(): void {
  dark.matches = false;
  dark.listeners.clear();
  HTMLCanvasElement.prototype.getContext = () => null;
  vi.stubGlobal("matchMedia", () => ({
    get matches() {
      return dark.matches;
    },
    addEventListener: (_: string, heard: () => void) => dark.listeners.add(heard),
    removeEventListener: (_: string, heard: () => void) => dark.listeners.delete(heard),
  }));
  vi.stubGlobal(
    "CSSStyleSheet",
    class {
      replaceSync() {}
    },
  );
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  HTMLElement.prototype.scrollIntoView = () => {};
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true;
  };
}

export function shown(change: Partial<Host> = {}) {
  const transport = { ask: vi.fn(), close: vi.fn() };
  const root = document.createElement("div");
  document.body.append(root);
  const viewer = mountViewer(root, { ...smallExample(), transport, kind: "page", ...change });
  const shadow = root.shadowRoot!;
  const find = <E extends HTMLElement = HTMLElement>(selector: string) => shadow.querySelector<E>(selector)!;
  return {
    viewer,
    root,
    transport,
    shadow,
    find,
    all: (selector: string) => [...shadow.querySelectorAll<HTMLElement>(selector)],
    press: (key: string, target: EventTarget = find(".viewer")) => {
      const event = new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true });
      target.dispatchEvent(event);
      return event.defaultPrevented;
    },
    status: () => find(".status").textContent,
    tab: () => find("[role=tab][aria-selected=true]").textContent,
    select: (label: string) => {
      const found = [...shadow.querySelectorAll("label")].find((one) => one.firstChild?.textContent === label);
      return found!.querySelector("select")!;
    },
    settle: (milliseconds = 40) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)),
  };
}
