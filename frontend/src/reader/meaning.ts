/** The reader's first sentence: what rows, columns and colours of the picture mean. */

import { areColoured } from "../compare/head_colours";
import type { Section } from "../contract";
import { element } from "../elements";
import { mapText } from "../shown";
import { views } from "../views";
import { info } from "./info";
import css from "./meaning.css";
import { sidesOf } from "./sides";

export const section: Section = {
  name: "meaning",
  styles: css,
  mount(root, app) {
    const where = element("p", "meaning-where");
    const said = element("p", "meaning-said");
    const terms = element("p", "meaning-terms");
    root.append(where, said, terms);
    let written = "";
    const write = () => {
      const { state } = app.store;
      const view = views.find(({ name }) => name === state.view) ?? views[0];
      const apart = areColoured(state) && view.settings.includes("several");
      where.textContent = mapText(app.manifest.maps[state.map], state.heads, apart);
      const own = view.name === "map" ? app.manifest.maps[state.map].meaning : undefined;
      said.textContent = own ?? view.meaning(sidesOf(app), app.manifest);
      const words = own === undefined ? (view.terms ?? []) : [];
      const name = `${view.name} ${words.length}`;
      if (written !== name) terms.replaceChildren(...words.map(termOf));
      written = name;
    };
    write();
    return {
      update(changed) {
        const names = ["view", "map", "heads", "unit", "rowAxis", "several"] as const;
        if (changed.size === 0 || names.some((name) => changed.has(name))) write();
      },
      destroy: () => {},
    };
  },
};

function termOf([name, meaning]: readonly [string, string]): HTMLElement {
  const made = element("span", "", `${name} `);
  made.append(info(name, meaning));
  return made;
}
