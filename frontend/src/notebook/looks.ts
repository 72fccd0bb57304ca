/** What is looked at, as a notebook's kernel knows it: traits of the widget, which follow the reader and may be set. */

import type { Manifest, State, Store } from "../contract";
import type { WidgetModel } from "../engine/widget_transport";
import { goTo } from "../places";

/** anywidget's model: messages, and the traits of the Python side. */
export interface NotebookModel extends WidgetModel {
  get(trait: string): unknown;
  set(trait: string, value: unknown): void;
  save_changes(): void;
  on(event: "msg:custom", heard: (content: unknown, buffers: readonly ArrayBufferView[]) => void): void;
  on(event: `change:${string}`, heard: () => void): void;
  off(event: "msg:custom", heard: (content: unknown, buffers: readonly ArrayBufferView[]) => void): void;
  off(event: `change:${string}`, heard: () => void): void;
}

/** Fields of the state that are traits, too. */
const LOOKS = ["view", "map", "heads", "query", "key", "unit", "pins"] as const;

/** Milliseconds in which the kernel hears of what changed at most once. */
const PAUSE = 150;

/** What the widget is set to, as an opening. */
export function lookedAt(model: NotebookModel): Partial<State> {
  const found = LOOKS.map((name) => [name, model.get(name)] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(found);
}

/** Keeps the widget's traits and the viewer's state the same; returns how to stop. */
export function follow(model: NotebookModel, store: Store, manifest: Manifest): () => void {
  let told: ReturnType<typeof setTimeout> | undefined;
  let heard = false;
  const known = (name: (typeof LOOKS)[number]) => model.get(name) !== undefined;
  const tell = () => {
    told = undefined;
    const changed = LOOKS.filter((name) => known(name) && differs(model.get(name), store.state[name]));
    for (const name of changed) model.set(name, store.state[name]);
    if (changed.length > 0) model.save_changes();
  };
  const hear = () => {
    heard = false;
    const wanted = lookedAt(model);
    const { map = store.state.map, ...rest } = wanted;
    const moved = map === store.state.map ? {} : goTo(manifest, store.state, map);
    const held = rest.query !== store.state.query || rest.key !== store.state.key;
    const pinned = held ? { pinned: (rest.query ?? rest.key ?? null) !== null } : {};
    store.set({ ...moved, ...rest, map, ...pinned });
  };
  // Traits that are set together change one after another.
  const soon = () => {
    if (heard || LOOKS.every((name) => !known(name) || !differs(model.get(name), store.state[name]))) return;
    heard = true;
    clearTimeout(told); // what Python says last holds
    told = undefined;
    queueMicrotask(hear);
  };
  for (const name of LOOKS) model.on(`change:${name}`, soon);
  const unsubscribe = store.subscribe((_, changed) => {
    if (!heard && LOOKS.some((name) => changed.has(name))) told ??= setTimeout(tell, PAUSE);
  });
  tell(); // the viewer may have opened another view than the one asked for
  return () => {
    clearTimeout(told);
    unsubscribe();
    for (const name of LOOKS) model.off(`change:${name}`, soon);
  };
}

function differs(one: unknown, two: unknown): boolean {
  return JSON.stringify(one) !== JSON.stringify(two);
}
