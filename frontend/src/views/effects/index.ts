/** What replacing parts of the model did: each part with its effect, how sure that is, and its prompts. */

import type { View } from "../../contract";
import css from "./effects.css";
import { EffectsView, effectsOpening } from "./effects_view";

export const view: View = {
  name: "effects",
  title: "Effects",
  styles: css,
  keys: [
    ["↑ ↓", "previous or next site"],
    ["Home, End", "first or last site"],
    ["Enter", "open its prompts, or close them"],
    ["o", "open the head in the map"],
    ["r", "prompts the other way round"],
  ],
  settings: [],
  about:
    "Effects: how much each part of the model matters, the strongest first, with error bars. Open one to see every prompt; click its name to see the head's map.",
  meaning: () =>
    "Each line is a part of the model that was replaced, one at a time: the dot is how much that changed the measure, a mean over prompts, and the bar its interval. A filled dot is surely not 0, for all lines together.",
  unavailable: ({ effects }) => (effects ? null : "nothing was replaced: there are no effects here"),
  enter: effectsOpening,
  mount: (root, app) => new EffectsView(root, app),
};
