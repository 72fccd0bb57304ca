/** The running text: choose a token, and see what it attends to, or what attends to it. */

import type { View } from "../../contract";
import { noAttention } from "../../shown";
import { RunningText } from "./running_text";
import css from "./text.css";

export const view: View = {
  name: "text",
  title: "Text",
  styles: css,
  keys: [
    ["← →", "previous or next token"],
    ["↑ ↓", "the other text, where there are two"],
    ["Enter", "hold the token, let it go"],
    ["d", "what it attends to, or what attends to it"],
    ["PageUp PageDown", "another part of a long text"],
  ],
  settings: ["unit", "pair", "special", "renormalise", "rowAxis", "scale", "several"],
  about:
    "Text: the running text. Choose a word, and the others are coloured by how much it looks at them, or they at it.",
  meaning: ({ unit, stronger }) =>
    `Choose a ${unit}: the ${stronger} another is coloured, the more of its attention goes there, or comes from there.`,
  unavailable: (manifest, state) => noAttention(manifest, state),
  mount: (root, app) => new RunningText(root, app),
};
