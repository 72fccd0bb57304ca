/** Two rows of tokens joined by curves: as wide as the weight. */

import type { View } from "../../contract";
import { noAttention } from "../../shown";
import css from "./ribbon.css";
import { Ribbon } from "./ribbon_view";

export const view: View = {
  name: "ribbon",
  title: "Ribbon",
  styles: css,
  keys: [
    ["↑ ↓ ← →", "next or previous token; the other side"],
    ["Enter", "hold the token, let it go"],
    ["+ −", "draw more or fewer curves"],
    ["l", "lines or columns"],
  ],
  settings: ["unit", "pair", "special", "renormalise", "rowAxis", "scale", "several"],
  about:
    "Ribbon: two rows of words joined by curves, the wider the more weight. Point at a word to see its curves alone.",
  meaning: ({ row, column, own, unit, purpose }) =>
    `A curve joins ${row} to ${own ? `a ${unit}` : column} that it looked at${purpose}: the wider, the more.`,
  unavailable: (manifest, state) => noAttention(manifest, state),
  mount: (root, app) => new Ribbon(root, app),
};
