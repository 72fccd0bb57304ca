/** The computation as it goes, with its numbers: for small maps. */

import type { View } from "../../contract";
import css from "./steps.css";
import { StepsView } from "./steps_view";

/** Queries and keys whose numbers people can still read. */
const MOST = 64;

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
    "Steps: how one row of the map is computed, number by number, from the product of queries and keys to the weights.",
  meaning: ({ row }) => `How one row, ${row}, is computed: stage by stage, a number for each key.`,
  unavailable: (manifest, state) => {
    const info = manifest.maps[state.map];
    if (!info) return "there is no map";
    if (Math.max(info.queries, info.keys) > MOST)
      return `${info.queries} × ${info.keys} numbers are too many to read; it is there up to ${MOST} × ${MOST}`;
    return info.steps ? null : "this map is kept as weights: the queries and keys that made them are not there";
  },
  mount: (root, app) => new StepsView(root, app),
};
