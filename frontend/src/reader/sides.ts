/** What rows and columns of a map are, as parts of a sentence: by its kind, the unit, and the roles that its axes know. */

import type { App, Sides } from "../contract";
import { rowAxisOf, shownBy } from "../shown";
import { beginsOf } from "../units";

/** By the titles that axes have where a model's texts are known (axes/roles.py). */
const ROLES: Record<string, (unit: string) => string> = {
  "source tokens": (unit) => `a ${unit} of the source`,
  "tokens consumed": (unit) => `a ${unit} that the model had read`,
  "tokens produced": (unit) => `a ${unit} that the model wrote`,
  tokens: (unit) => `a ${unit} of the text`,
  queries: () => "a query",
  keys: () => "a key",
};

export function sidesOf({ manifest, store, palette }: Pick<App, "manifest" | "store" | "palette">): Sides {
  const { state } = store;
  const { info, rows, columns } = shownBy(manifest, state);
  const unit = [rows, columns].some(({ axis }) => beginsOf(axis, state.unit)) ? state.unit.slice(0, -1) : "token";
  const role = (title: string) => ROLES[title]?.(unit) ?? `one of the ${title}`;
  const produced = manifest.axes[info.rowAxes[rowAxisOf(info, state)]].title === "tokens produced";
  return {
    row: role(rows.axis.title),
    column:
      rows.axis.title === columns.axis.title || info.kind === "decoder"
        ? `the ${unit} of that column`
        : role(columns.axis.title),
    purpose: produced ? " to write it" : "",
    stronger: palette.name === "dark" ? "brighter" : "darker",
    unit,
    signed: !info.probabilities,
  };
}
