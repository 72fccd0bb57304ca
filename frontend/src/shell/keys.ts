/** Keys of the viewer, wherever its focus is. */

import type { App, State } from "../contract";
import { nextLevel } from "../nesting";
import { goTo, neighbourLayer, stepsOf } from "../places";
import { mapText, unitNamesOf } from "../shown";

const CYCLES = {
  s: ["special", ["shown", "dimmed", "hidden"]],
  c: ["scale", ["auto", "linear", "log", "row"]],
  m: ["how", ["auto", "mean", "max"]],
} as const satisfies Record<string, readonly [keyof State, readonly string[]]>;

const SAID: Partial<Record<keyof State, (value: string) => string>> = {
  special: (value) => `special tokens ${value}`,
  scale: (value) =>
    ({ auto: "colours fitted to what is seen", linear: "colours in proportion", log: "colours by logarithm" })[value] ??
    "each row by its largest",
  how: (value) =>
    ({ max: "a cell shows the largest weight", mean: "a cell shows the mean" })[value] ??
    "a cell shows the mean of few weights, the largest of many",
};

/** Does what a key stands for; whether it stands for something. */
export function changedByKey(key: string, { manifest, store, say }: App): boolean {
  const { state } = store;
  const info = manifest.maps[state.map];
  if (key === "[" || key === "]") {
    const step = key === "]" ? 1 : -1;
    store.set({
      heads: [((state.heads.length > 1 ? state.heads[0] : state.heads[0] + step) + info.heads) % info.heads],
    });
    say(mapText(info, store.state.heads));
  } else if (key === "{" || key === "}") {
    const next = neighbourLayer(manifest, state, key === "}" ? 1 : -1);
    if (next !== null) store.set(goTo(manifest, state, next));
    const now = mapText(manifest.maps[store.state.map], store.state.heads);
    say(next === null ? `${now}: there is no ${key === "}" ? "later" : "earlier"} layer` : now);
  } else if (key === "(" || key === ")") {
    const steps = stepsOf(manifest, state.map);
    const next = steps[steps.findIndex(({ map }) => map === state.map) + (key === ")" ? 1 : -1)];
    if (next) store.set(goTo(manifest, state, next.map));
    say(next ? `step ${next.step + 1}` : `there is no ${key === ")" ? "later" : "earlier"} step`);
  } else if (key === "." || key === ",") {
    const change = nextLevel(manifest, state, key === "." ? 1 : -1);
    if (change) store.set(change);
    say(change ? store.state.unit : `there are no ${key === "." ? "smaller" : "larger"} units than ${state.unit}`);
  } else if (key === "w") {
    const known = unitNamesOf(manifest, info);
    store.set({ unit: known[(known.indexOf(state.unit) + 1) % known.length] });
    say(known.length > 1 ? store.state.unit : "where words begin is not known");
  } else if (key in CYCLES) {
    const [name, values] = CYCLES[key as keyof typeof CYCLES];
    const all: readonly string[] = values;
    const value = all[(all.indexOf(state[name]) + 1) % all.length];
    store.set({ [name]: value });
    say(SAID[name]?.(value) ?? value);
  } else return false;
  return true;
}

/** Whether a key typed here is text, or moves a control of its own. */
export function takesKeys(target: EventTarget | undefined): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("select, textarea")) return true;
  return target.matches("input:not([type=checkbox])");
}

/** Whether Enter and the space bar press what has the focus. */
export function isPressed(target: EventTarget | undefined, key: string): boolean {
  return (
    (key === "Enter" || key === " ") && target instanceof HTMLElement && target.matches("button, summary, a, input")
  );
}

const USES = ["focusin", "pointerdown"] as const;

/**
 * Listens to keys; returns how to stop. A page of its own is there to be used at once, and keeps its keys when what had the
 * focus is gone: `inUse` says that nothing beside the viewer was used since. Inside another page keys come with the focus only.
 */
export function hearKeys(
  viewer: HTMLElement,
  embedded: boolean,
  heard: (event: KeyboardEvent, inUse: boolean) => void,
): () => void {
  let inUse = true;
  const keys: EventTarget = embedded ? viewer : document;
  const key = (event: Event) => heard(event as KeyboardEvent, inUse);
  const used = (event: Event) => {
    inUse = event.composedPath().includes(viewer);
  };
  keys.addEventListener("keydown", key);
  for (const name of USES) document.addEventListener(name, used);
  viewer.tabIndex = -1;
  if (!embedded) viewer.focus({ preventScroll: true });
  return () => {
    keys.removeEventListener("keydown", key);
    for (const name of USES) document.removeEventListener(name, used);
  };
}
