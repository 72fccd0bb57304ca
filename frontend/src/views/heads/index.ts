/** All heads at once. */

import type { View } from "../../contract";
import css from "./heads.css";
import { HeadsView } from "./heads_view";

export const view: View = {
  name: "heads",
  title: "Heads",
  styles: css,
  keys: [
    ["← ↑ → ↓", "move between heads"],
    ["Home, End", "first or last head"],
    ["Enter, click", "open the head in the map"],
    ["r", "the other way round, where sorted"],
  ],
  settings: ["scale", "thumbnails"],
  about:
    "Heads: a small map of every head of every layer. Look for patterns, sort them by a number, and click one to open it.",
  meaning: ({ row, column, stronger }) =>
    `Each small square is the map of one head: its rows and columns are those of the map, ${row === column ? `${row} each` : `${row} and ${column}`}, and ${stronger} is more.`,
  unavailable: (manifest) => (manifest.maps.length === 0 ? "there is no map" : null),
  mount: (root, app) => new HeadsView(root, app),
};
