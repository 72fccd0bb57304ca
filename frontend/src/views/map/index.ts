/** The map: queries down, keys across, from all of it to single weights. */

import type { App, View } from "../../contract";
import css from "./map.css";
import { MapView } from "./map_view";

export const view: View = {
  name: "map",
  title: "Map",
  styles: css,
  keys: [
    ["← ↑ → ↓", "move the crosshair by a cell (with Shift, by ten)"],
    ["Home, End", "first or last key on the row (with Ctrl, of the first or last query)"],
    ["Page Up, Page Down", "move by a screen"],
    ["+, −", "zoom in or out around the crosshair"],
    ["0", "the whole map"],
    ["Enter, Escape", "pin the crosshair, let it go"],
    ["wheel, pinch", "zoom around the pointer"],
    ["drag", "move the map"],
    ["double click", "zoom in (with Alt, out)"],
    ["Shift + drag", "zoom to a box"],
  ],
  unavailable: (manifest) => (manifest.maps.length === 0 ? "there is no map" : null),
  mount: (root: HTMLElement, app: App) => new MapView(root, app),
};
