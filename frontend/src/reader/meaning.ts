/** The reader's first sentence: what rows, columns and colours of the picture mean. */

import type { Section } from "../contract";
import { element } from "../elements";
import { mapText } from "../shown";
import { views } from "../views";
import { sidesOf } from "./sides";

export const section: Section = {
  name: "meaning",
  styles: "",
  mount(root, app) {
    const where = element("p", "meaning-where");
    const said = element("p", "meaning-said");
    root.append(where, said);
    const write = () => {
      const { state } = app.store;
      const view = views.find(({ name }) => name === state.view) ?? views[0];
      where.textContent = mapText(app.manifest.maps[state.map], state.heads);
      said.textContent = view.meaning(sidesOf(app));
    };
    write();
    return {
      update(changed) {
        const names = ["view", "map", "heads", "unit", "rowAxis"] as const;
        if (changed.size === 0 || names.some((name) => changed.has(name))) write();
      },
      destroy: () => {},
    };
  },
};
