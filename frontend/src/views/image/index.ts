/** The picture that an image model looked at, with the attention of one of its tokens over it. */

import type { App, View } from "../../contract";
import css from "./image.css";
import { ImageView } from "./image_view";
import { looked } from "./patches";

export const view: View = {
  name: "image",
  title: "Image",
  styles: css,
  keys: [
    ["← ↑ → ↓", "choose the next patch"],
    ["Home, End", "first or last patch of the row"],
    ["Page Up, Page Down", "the picture before or after, where there are several"],
    ["d", "what it attends to, or what attends to it"],
    ["b", "smooth overlay, or patch by patch"],
    ["Enter, Escape", "keep the chosen token, let it go"],
  ],
  settings: ["scale"],
  about: "Image: the picture that the model looked at, coloured by how much a part of it is looked at.",
  meaning: () => "The stronger the colour over a part of the picture, the more the chosen token looked at it.",
  unavailable: (manifest, state) => {
    const found = looked(manifest, state);
    return typeof found === "string" ? found : null;
  },
  mount: (root: HTMLElement, app: App) => new ImageView(root, app),
};
