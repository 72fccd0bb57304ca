/** A token in running text: marks of blanks are quiet, lines end where the text has them. */

import { inkOnColour } from "../../colours";
import { element } from "../../elements";

/** Blanks that are written out; bytes and code points, whose letters say nothing of the direction of the text. */
const MARKS = new RegExp(`(${["[▁→␍⍽␣]+", "↵", "⟨[0-9A-F]{2,5}⟩", "^##"].join("|")})`);

/** Fills `token` with a text. What is no text of a language is isolated, so that it does not turn the line around. */
export function fillToken(token: HTMLElement, text: string, special: boolean): void {
  if (special) {
    token.dir = "ltr";
    token.textContent = text;
    return;
  }
  for (const [at, part] of text.split(MARKS).entries()) {
    if (part === "") continue;
    if (at % 2 === 0) token.append(part);
    else {
      const mark = element("span", part.startsWith("⟨") ? "code" : "mark", part);
      if (part.startsWith("⟨")) mark.dir = "ltr";
      token.append(mark);
      if (part === "↵") token.append(document.createElement("br"));
    }
  }
}

/** What stands before a token in its line: letters of two words must not be joined where no mark is between them. */
export function gap(label: string, begins: boolean): (string | HTMLElement)[] {
  if (label.startsWith("↵")) return [];
  return [begins && !label.startsWith("▁") ? " " : document.createElement("wbr")];
}

/** The ground of a token, and letters that can be read on it; nothing where it has no strength. */
export function paint({ style }: HTMLElement, share: number, colour: [number, number, number]): void {
  style.background = share === 0 ? "" : `rgb(${colour.join(",")})`;
  style.color = share === 0 ? "" : inkOnColour(colour);
}
