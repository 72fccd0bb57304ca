/** What was measured of attention: passages beside their text, words under their sound, contacts, and what caches keep. */

import type { App, Manifest, MountedView, State, View } from "../../contract";
import { goTo } from "../../places";
import { CacheView } from "./cache";
import { ContactsView } from "./contacts";
import css from "./finding.css";
import { PassagesView } from "./passages";
import { SurveyView } from "./survey";
import { TimesView } from "./times";

const MEANINGS = {
  passages:
    "Each line is a passage: how much of the answer's attention it has. Lift is 1 where attention is spread evenly over what the answer may see.",
  times: "Each word stands under the sound where the chosen heads looked while it was written.",
  contacts:
    "Each line is a pair of residues, by how probable it is that they touch; neighbours in the chain are left out.",
  cache:
    "Each line of the picture is a way to choose the keys that a smaller cache keeps: how much of later rows is left.",
  survey:
    "Each line is a head of the model: the mean of a statistic over the texts of a corpus. Open one for its distribution and the texts at either end.",
};

/** The finding's own maps, with all heads together, unless they are looked at already. */
function enter({ finding, maps, ...manifest }: Manifest, state: Readonly<State>): Partial<State> {
  if (!finding || finding.maps.includes(state.map)) return {};
  const [first] = finding.maps;
  const heads = Array.from({ length: maps[first].heads }, (_, at) => at);
  return { ...goTo({ maps, ...manifest }, state, first, heads), query: 0, key: null };
}

function mounted(root: HTMLElement, app: App): MountedView {
  const { finding } = app.manifest;
  switch (finding?.kind) {
    case "passages":
      return new PassagesView(root, app, finding);
    case "times":
      return new TimesView(root, app, finding);
    case "contacts":
      return new ContactsView(root, app, finding);
    case "cache":
      return new CacheView(root, app, finding);
    case "survey":
      return new SurveyView(root, app, finding);
    default:
      throw new Error("nothing was measured");
  }
}

export const view: View = {
  name: "finding",
  title: "Finding",
  styles: css,
  keys: [
    ["↑ ↓, ← →", "previous or next line or word"],
    ["Home, End", "the first or the last"],
    ["Enter", "its place in the map"],
    ["r", "sorted by another number"],
  ],
  settings: [],
  about:
    "Finding: what was measured of attention. Passages beside their text, words under their sound, residues that touch, or what a smaller cache keeps.",
  meaning: (_, { finding }) => (finding ? MEANINGS[finding.kind] : ""),
  unavailable: ({ finding }) => (finding ? null : "nothing was measured: there is no finding here"),
  enter,
  mount: mounted,
};
