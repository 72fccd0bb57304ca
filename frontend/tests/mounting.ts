/** Mounts a view over the small example, without the shell. */

import type { App, Manifest, MountedView, Source, State, View } from "../src/contract";
import { paletteOf } from "../src/palette";
import { initialState, makeStore } from "../src/store";
import { smallExample } from "./dense_source";

export interface Stage {
  app: App;
  root: HTMLElement;
  view: MountedView;
  errors: unknown[];
  said: string[];
  described: string[];
  /** What the view did since has been answered and drawn. */
  settle(): Promise<void>;
}

export function stageOf(
  view: View,
  change: Partial<State> = {},
  example: { manifest: Manifest; source: Source } = smallExample(),
): Stage {
  globalThis.ResizeObserver ??= class {
    observe() {}
    unobserve() {}
    disconnect() {}
  } as unknown as typeof ResizeObserver;
  HTMLElement.prototype.scrollIntoView ??= () => {};
  // jsdom forgets a focus that is removed, but not where it was in a shadow tree, and then cannot tell :focus.
  const focused = document.body.appendChild(document.createElement("button"));
  focused.focus();
  focused.remove();
  const errors: unknown[] = [];
  const said: string[] = [];
  const described: string[] = [];
  const app: App = {
    manifest: example.manifest,
    source: example.source,
    store: makeStore({ ...initialState(example.manifest), ...change }),
    embedded: false,
    palette: paletteOf("light"),
    say: (text) => said.push(text),
    describe: (text) => described.push(text),
    fail: (error) => errors.push(error),
  };
  const root = document.createElement("div");
  document.body.append(root);
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 30));
  return { app, root, view: view.mount(root, app), errors, said, described, settle };
}

export function press(view: MountedView, key: string): boolean {
  return view.keydown(new KeyboardEvent("keydown", { key }));
}
