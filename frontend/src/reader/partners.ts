/** The chosen token's strongest partners, both ways, as buttons that walk on to them. */

import type { App, Section, State } from "../contract";
import { button, element } from "../elements";
import { brief, countText, isolated, weightText } from "../labels";
import { isOfEffects } from "../shown";
import type { Units } from "../units";
import css from "./partners.css";
import { patchSeen } from "./patch_seen";
import { PartnerWeights, sameToken, type Weights } from "./weights";

const SHOWN = 6;
/** In a longer text one word stands at several places: its position says which. */
const FEW = 40;
/** A pointer that passes over tokens asks nothing. */
const REST = 80;

type Walk = Pick<State, "query" | "key">;

export const section: Section = {
  name: "partners",
  styles: css,
  mount(root, app) {
    const weights = new PartnerWeights(app);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = new AbortController();
    const write = async () => {
      asking.abort();
      asking = new AbortController();
      const { signal } = asking;
      try {
        const found = await weights.read(signal);
        if (!signal.aborted) show(root, app, found);
      } catch (error) {
        if (!signal.aborted) app.fail(error);
      }
    };
    void write();
    return {
      update(changed) {
        if (changed.size > 0 && [...changed].every((name) => name === "view" || name === "viewport")) return;
        clearTimeout(timer);
        timer = setTimeout(write, weights.known() ? 0 : REST);
      },
      destroy() {
        clearTimeout(timer);
        asking.abort();
      },
    };
  },
};

function show(root: HTMLElement, app: App, { shown, query, key, ofQuery, ofKey, left }: Weights): void {
  const same = sameToken(app.manifest, app.store.state);
  const parts: (HTMLElement | string)[] = [];
  if (app.manifest.maps[app.store.state.map].meaning !== undefined) {
    root.replaceChildren(); // whoever stands on its sides looks at nobody
    return;
  }
  const effects = isOfEffects(app.manifest, app.store.state);
  const [looks, looked] = effects ? ["changes most", "is changed most by"] : ["looks at", "is looked at by"];
  const none = effects
    ? "Point at a site, or choose one."
    : "Point at a word, or choose one, to read whom it looks at.";
  const unit = query !== null ? shown.rows.unitOf(query) : key !== null ? shown.columns.unitOf(key) : -1;
  if (unit < 0) parts.push(element("p", "partners-none", none));
  const heading = (units: Units, at: number) => {
    const title = element("h3", "partners-title", isolated(brief(units.name(at))));
    title.prepend(...patchSeen(app, units, units.start(at)));
    if (named(units, at)) title.append(" ", element("small", "", `(${countText(units.start(at))})`));
    title.title = units.spelling(at);
    parts.push(title);
  };
  if (query !== null && ofQuery) {
    heading(shown.rows, shown.rows.unitOf(query));
    const walk = (token: number): Walk =>
      same === null ? { query: null, key: token } : { query: Math.max(0, token - same), key: null };
    parts.push(element("p", "partners-verb", looks), list(app, shown.columns, ofQuery, walk, !effects));
  }
  if (key !== null && ofKey) {
    if (query === null || !ofQuery || same === null || query + same !== key)
      heading(shown.columns, shown.columns.unitOf(key));
    parts.push(
      element("p", "partners-verb", looked),
      list(app, shown.rows, ofKey, (token) => ({ query: token, key: null }), false),
    );
  }
  if (left) parts.push(element("p", "partners-left", left));
  root.replaceChildren(...parts);
}

/** Partners, the strongest first; `whole` where what is left of them is worth saying: a row's weights have a sum. */
function list(
  app: App,
  units: Units,
  values: Float32Array,
  walk: (token: number) => Walk,
  whole: boolean,
): HTMLElement {
  const made = element("ol");
  const order = Array.from(values.keys()).filter((at) => values[at] !== 0);
  order.sort((one, two) => Math.abs(values[two]) - Math.abs(values[one]) || one - two);
  const first = order.slice(0, SHOWN);
  const most = Math.max(...first.map((at) => Math.abs(values[at])), Number.MIN_VALUE);
  for (const at of first) {
    const name = isolated(brief(units.name(at)));
    const entry = button("", `${name}, position ${countText(units.start(at))}`, () =>
      app.store.set({ ...walk(units.start(at)), pinned: false }),
    );
    const bar = element("span", "partner-bar");
    const filled = element("i");
    filled.style.width = `${((100 * Math.abs(values[at])) / most).toFixed(1)}%`;
    bar.setAttribute("aria-hidden", "true");
    bar.append(filled);
    const label = element("span", "partner-name", name.replace(/^patch /, ""));
    label.prepend(...patchSeen(app, units, units.start(at)));
    if (units.count > FEW && named(units, at)) label.append(" ", element("small", "", countText(units.start(at))));
    entry.append(label, bar, element("span", "partner-weight", sizeText(values[at])));
    const line = element("li");
    line.append(entry);
    made.append(line);
  }
  const rest = order.slice(SHOWN);
  if (order.length === 0) made.append(element("li", "partners-left", "nothing"));
  else if (whole && rest.length > 0) {
    const sum = rest.reduce((total, at) => total + values[at], 0);
    made.append(
      element(
        "li",
        "partners-left",
        rest.length === 1
          ? `and 1 other, ${sizeText(sum)}`
          : `and ${countText(rest.length)} others, ${sizeText(sum)} together`,
      ),
    );
  }
  return made;
}

/** Whether it has a text of its own: what has none is called by its position. */
function named(units: Units, at: number): boolean {
  return units.label(at) !== String(units.start(at));
}

/** What is next to nothing needs no digits. */
function sizeText(weight: number): string {
  return Math.abs(weight) < 0.00095 ? "< 0.001" : weightText(weight);
}
