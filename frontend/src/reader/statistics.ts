/** The head in numbers, each with what it means. */

import type { Section } from "../contract";
import { element } from "../elements";
import { statisticText, weightText } from "../labels";
import { info } from "./info";
import css from "./statistics.css";

/** The numbers that are said first; the rest stand behind "more". */
const FIRST = ["entropy", "distance", "own", "previous", "first"];

export const section: Section = {
  name: "statistics",
  styles: css,
  mount(root, app) {
    const write = () => {
      const { map, heads } = app.store.state;
      const { statistics } = app.manifest.maps[map];
      const names = Object.keys(statistics);
      root.hidden = names.length === 0;
      const title = element(
        "h3",
        "",
        heads.length === 1 ? `head ${heads[0]} in numbers` : "the chosen heads, on average",
      );
      const lead = names.filter((name) => FIRST.includes(name));
      const rest = names.filter((name) => !FIRST.includes(name));
      const more = element("details", "statistics-more");
      more.append(element("summary", "", `${rest.length} more`), list(rest));
      root.replaceChildren(title, list(lead), ...(rest.length > 0 ? [more] : []));
    };
    const list = (names: readonly string[]) => {
      const { map, heads } = app.store.state;
      const shown = app.manifest.maps[map];
      const { statistics, keys } = shown;
      const entries = element("dl");
      for (const name of names) {
        const values = heads.map((head) => statistics[name][head]);
        const value = values.reduce((sum, one) => sum + one, 0) / values.length;
        const number = heads.length === 1 ? statisticText(shown, name, heads[0], value) : weightText(value);
        const { quantity, meaning } = app.manifest.definitions[name] ?? { quantity: "", meaning: "" };
        const term = element("dt", "", name.replaceAll("_", " "));
        const said = element("dd");
        said.append(`${number}${UNITS[quantity] ?? ""}${name === "entropy" ? ` ${sharpness(value, keys)}` : ""} `);
        if (meaning) said.append(info(name, meaning));
        entries.append(term, said);
      }
      return entries;
    };
    write();
    return {
      update(changed) {
        if (changed.size === 0 || changed.has("map") || changed.has("heads")) write();
      },
      destroy: () => {},
    };
  },
};

const UNITS: Record<string, string> = { nats: " nats", keys: " keys" };

/** How much of the most that it can be, in a word. */
function sharpness(entropy: number, keys: number): string {
  const share = keys > 1 ? entropy / Math.log(keys) : 0;
  return share < 0.25 ? "(sharp)" : share < 0.7 ? "(in between)" : "(spread out)";
}
