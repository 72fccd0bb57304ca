// Exhibits in a page of the site: each element with data-exhibit is filled, from the example that the page carries.

import { element } from "../elements";
import { EXHIBITS, type Example } from "./exhibits";
import css from "./playground.css";

export function mountExhibits(root: ParentNode, example: Example): void {
  for (const place of root.querySelectorAll<HTMLElement>("[data-exhibit]")) {
    const exhibit = EXHIBITS[place.dataset.exhibit ?? ""];
    if (!exhibit) throw new Error(`expected one of ${Object.keys(EXHIBITS).join(", ")}, got ${place.dataset.exhibit}`);
    place.classList.add("exhibit");
    exhibit(place, example);
  }
}

const carried = document.getElementById("exhibit-example");
if (carried) {
  const style = element("style", "", css);
  document.head.append(style);
  mountExhibits(document, JSON.parse(carried.textContent ?? ""));
}
