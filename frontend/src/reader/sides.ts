/** What rows and columns of a map are, as parts of a sentence: by its kind, the unit, and the roles that its axes know. */

import type { App, Sides } from "../contract";
import { rowAxisOf, shownBy } from "../shown";
import { beginsOf, singular } from "../units";

/** By the titles that axes have where a model's texts are known (axes/roles.py); `source` is what is translated from, if it has a name. */
const ROLES: Record<string, (unit: string, written: string, source: string | null) => string> = {
  "source tokens": (unit, _, source) => source ?? `${unit} of the source`,
  "tokens consumed": (_, written) => `${written} that the model had read`,
  "tokens produced": (_, written) => `${written} that the model wrote`,
  tokens: (unit) => `${unit} of the text`,
  patches: () => "a patch of the picture",
  queries: () => "a query",
  keys: () => "a key",
};

export function sidesOf({ manifest, store, palette }: Pick<App, "manifest" | "store" | "palette">): Sides {
  const { state } = store;
  const { info, rows, columns } = shownBy(manifest, state);
  const single = rows.axis.title === "patches" ? "patch" : "token";
  const unit = [rows, columns].some(({ axis }) => beginsOf(axis, state.unit)) ? singular(state.unit) : single;
  const [from, to] = manifest.languages?.[info.item] ?? [null, null];
  const [source, target] = [languageText(from), languageText(to)];
  const role = (title: string) =>
    ROLES[title]?.(`a ${unit}`, named(unit, target) ?? `a ${unit}`, named(unit, source)) ?? `one of the ${title}`;
  const produced = manifest.axes[info.rowAxes[rowAxisOf(info, state)]].title === "tokens produced";
  return {
    row: role(rows.axis.title),
    column: role(columns.axis.title),
    own: rows.axis.title === columns.axis.title || info.kind === "decoder",
    purpose: produced ? " to write it" : "",
    stronger: palette.name === "dark" ? "brighter" : "darker",
    unit,
    signed: !info.probabilities,
  };
}

/** "an English word"; null where the language is not known. */
function named(unit: string, language: string | null): string | null {
  return language && `${/^[AEIO]/.test(language) ? "an" : "a"} ${language} ${unit}`;
}

/** What a language is called in English, by the code that a tokenizer has for it: "fr", "fra_Latn", "fr_XX". */
function languageText(code: string | null): string | null {
  const [tag] = code?.split(/[_-]/) ?? [];
  if (!tag) return null;
  try {
    const name = new Intl.DisplayNames(["en"], { type: "language" }).of(tag);
    return name === undefined || name === tag ? null : name;
  } catch {
    return null; // no code of a language
  }
}
