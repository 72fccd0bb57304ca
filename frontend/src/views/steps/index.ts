/** The computation as it goes, with its numbers. */

import type { View } from "../../contract";
import css from "./steps.css";
import { StepsView } from "./steps_view";

export const view: View = {
  name: "steps",
  title: "Steps",
  styles: css,
  keys: [
    ["j, k", "next or previous stage"],
    ["↑ ↓", "previous or next query"],
    ["← →", "previous or next key"],
    ["o", "open the dot product of the query and the key"],
  ],
  settings: ["special", "rowAxis"],
  about:
    "Steps: how one row of the map is computed, number by number, from the product of queries and keys to the weights; and all queries and keys of the head in one plane.",
  meaning: ({ row }) => `How one row, ${row}, is computed: stage by stage, a number for each key.`,
  unavailable: (manifest, state) => {
    const info = manifest.maps[state.map];
    if (!info) return "there is no map";
    return info.steps
      ? null
      : (info.withoutSteps ?? "this map is kept as weights, without the queries and keys that made them");
  },
  mount: (root, app) => new StepsView(root, app),
};
