/** From passages to their sentences, words and tokens: a button a unit, where there are larger ones than words. */

import type { Section } from "../contract";
import { button, element, roving } from "../elements";
import { closer, levelsOf } from "../nesting";
import { views } from "../views";
import css from "./levels.css";

export const section: Section = {
  name: "levels",
  styles: css,
  mount(root, app) {
    const row = element("div", "levels");
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "units, from the largest");
    const reach = roving(row, () => [...row.querySelectorAll("button")]);
    root.append(row);
    const choose = (unit: string, finer: boolean) => {
      const { manifest, store } = app;
      store.set(finer ? closer(manifest, store.state, unit) : { unit, viewport: null });
      app.say(finer && store.state.viewport ? `${unit} of what is chosen` : unit);
      row.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
    };
    const write = () => {
      const { manifest, store } = app;
      const { map, unit, view } = store.state;
      const levels = levelsOf(manifest, manifest.maps[map]);
      const acts = views.find(({ name }) => name === view)?.settings.includes("unit");
      root.hidden = !acts || levels.every((name) => ["tokens", "words", "characters"].includes(name));
      const now = levels.indexOf(unit);
      const buttons = levels.map((name, at) => {
        const made = button(name, at > now ? `${name} of what is chosen` : `all ${name}`, () => choose(name, at > now));
        made.setAttribute("aria-pressed", String(at === now));
        return made;
      });
      row.replaceChildren(...buttons);
      reach(buttons[now]);
    };
    write();
    return {
      update(changed) {
        if (changed.size === 0 || (["view", "map", "unit"] as const).some((name) => changed.has(name))) write();
      },
      destroy: () => {},
    };
  },
};
