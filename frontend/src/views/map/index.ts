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
  settings: ["unit", "pair", "special", "renormalise", "rowAxis", "scale", "how", "several"],
  about:
    "Map: every weight of a head at once. A row is what looks, a column is what is looked at; point at a cell to read it, click to keep it.",
  meaning: ({ row, column, own, unit, purpose, stronger, signed }) => {
    const there = own ? `the ${unit} of that column` : column;
    return signed
      ? `Each row is ${row}, each column ${column}; colours say how far a weight is from 0, and on which side.`
      : `Each row is ${row}; the ${stronger} a cell, the more the model looked at ${there}${purpose}.`;
  },
  terms: [
    ["received", "The weights of a column added up: how much all rows together look at that key."],
    [
      "entropy",
      "How widely a row spreads its weight, in nats: 0 where one key has all, ln n where n keys have the same.",
    ],
  ],
  unavailable: (manifest) => (manifest.maps.length === 0 ? "there is no map" : null),
  mount: (root: HTMLElement, app: App) => new MapView(root, app),
};
