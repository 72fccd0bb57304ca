/** A patch of a picture as it looks, beside its name. */

import type { App } from "../contract";
import { element } from "../elements";
import type { Units } from "../units";

/** The patch that a token is, cut out of the picture; nothing where it is none, or there is no picture. */
export function patchSeen({ manifest, store }: App, units: Units, token: number): HTMLElement[] {
  const { map } = store.state;
  for (const { src, places, maps } of manifest.images) {
    const both = maps.find((one) => one.map === map);
    const side = both && (units.axis === manifest.axes[manifest.maps[map].columnAxis] ? both.keys : both.queries);
    const place = places[side ?? -1];
    const patch = place?.patches[place.tokens.indexOf(token)];
    if (patch === undefined || !src.startsWith("data:image/")) continue;
    const seen = element("i", "patch-seen");
    const [row, column] = [Math.floor(patch / place.columns), patch % place.columns];
    const share = (at: number, count: number) => `${count > 1 ? (100 * at) / (count - 1) : 0}%`;
    seen.style.backgroundImage = `url("${src}")`;
    seen.style.backgroundSize = `${100 * place.columns}% ${100 * place.rows}%`;
    seen.style.backgroundPosition = `${share(column, place.columns)} ${share(row, place.rows)}`;
    seen.setAttribute("aria-hidden", "true");
    return [seen];
  }
  return [];
}
