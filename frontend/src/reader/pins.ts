/** What is pinned, with its weight here: to go back to, and to let go. */

import type { App, Pin, Section } from "../contract";
import { button, element } from "../elements";
import { brief, isolated, weightText } from "../labels";
import { lookAt, pinHere, samePin, standsOn, toggled } from "../pins";
import { mapText, type Shown, shownBy, unitsRequest } from "../shown";
import css from "./pins.css";

/** A pointer that passes over cells changes nothing here for so long. */
const REST = 80;

export const section: Section = {
  name: "pins",
  styles: css,
  mount(root, app) {
    let asking = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const write = () => {
      asking.abort();
      asking = new AbortController();
      show(root, app, asking.signal);
    };
    write();
    return {
      update(changed) {
        if (changed.size > 0 && [...changed].every((name) => name === "viewport")) return;
        clearTimeout(timer);
        timer = setTimeout(write, changed.has("pins") ? 0 : REST);
      },
      destroy() {
        clearTimeout(timer);
        asking.abort();
      },
    };
  },
};

function show(root: HTMLElement, app: App, signal: AbortSignal): void {
  const { store } = app;
  const { state } = store;
  const focused = root.contains((root.getRootNode() as ShadowRoot).activeElement);
  const parts: HTMLElement[] = [];
  if (state.pins.length > 0) {
    const list = element("ul");
    for (const pin of state.pins) list.append(line(app, pin, signal));
    parts.push(element("h3", "", "pinned"), list);
  }
  const here = pinHere(state);
  if (here && !state.pins.some((pin) => samePin(pin, here))) {
    const { text } = named(app, here);
    const add = button(`Pin ${text}`, "keep it in this list and marked in the picture (p)", () =>
      store.set({ pins: toggled(store.state.pins, here) }),
    );
    add.className = "pin-add";
    parts.push(add);
  }
  // A line of a finding is no place in a map.
  root.hidden = parts.length === 0 || state.view === "finding";
  root.replaceChildren(...parts);
  if (focused) root.querySelector("button")?.focus();
}

function line(app: App, pin: Pin, signal: AbortSignal): HTMLElement {
  const { manifest, store } = app;
  const { text, shown } = named(app, pin);
  const here = standsOn(manifest, pin, store.state.map);
  const go = button(
    text,
    here ? "look at it" : `look at it, in ${mapText(manifest.maps[pin.map], store.state.heads)}`,
    () => store.set(lookAt(pin, store.state, manifest)),
  );
  go.className = "pin-go";
  const weight = element("span", "pin-weight", here ? "" : "another map");
  const away = button("×", "let it go", () => store.set({ pins: toggled(store.state.pins, pin) }));
  away.setAttribute("aria-label", `unpin ${text}`);
  const made = element("li");
  made.append(go, weight, away);
  if (here && pin.query !== null && pin.key !== null) {
    weightOf(app, pin, shown, signal).then(
      (found) => {
        if (!signal.aborted) weight.textContent = found === null ? "hidden" : weightText(found);
      },
      (error) => signal.aborted || app.fail(error),
    );
  }
  return made;
}

/** A pin in words, and the map that it is on: the one that is looked at, where it stands there too. */
function named({ manifest, store }: App, pin: Pin): { text: string; shown: Shown } {
  const { state } = store;
  const map = standsOn(manifest, pin, state.map) ? state.map : pin.map;
  const shown = shownBy(manifest, { ...state, map });
  const label = (units: Shown["rows"], token: number) => {
    const unit = units.unitOf(token);
    return isolated(brief(unit < 0 ? units.axis.tokens[token] : units.name(unit), 32));
  };
  const query = pin.query === null ? "" : label(shown.rows, pin.query);
  const key = pin.key === null ? "" : `→ ${label(shown.columns, pin.key)}`;
  return { text: [query, key].filter(Boolean).join(" "), shown };
}

/** The weight of a pair on the map that is looked at; null where one of its tokens is hidden. */
async function weightOf(app: App, pin: Pin, shown: Shown, signal: AbortSignal): Promise<number | null> {
  const [row, column] = [shown.rows.unitOf(pin.query ?? -1), shown.columns.unitOf(pin.key ?? -1)];
  if (row < 0 || column < 0) return null;
  const asked = unitsRequest(app.store.state, shown, [row, row + 1], [column, column + 1]);
  return (await app.source.region(asked, signal)).values[0];
}
