/** What a word means, behind a sign beside it. */

import { element } from "../elements";

/** A sign that opens its explanation: by pointer, by touch and by keyboard. */
export function info(name: string, meaning: string): HTMLElement {
  const made = element("details", "info");
  const sign = element("summary", "", "i");
  sign.setAttribute("aria-label", `what ${name} is`);
  made.append(sign, element("span", "", meaning));
  return made;
}
