/** Formulas as MathML: typeset by the browser, and read out by screen readers. */

/** A name, a number or a sign; or an element of MathML with its parts. */
export type Part = string | readonly [string, ...Part[]];
export type Formula = readonly Part[];

const SPACE = "http://www.w3.org/1998/Math/MathML";

export function sub(name: string, index: string): Part {
  return ["msub", name, index];
}

export function math(formula: Formula): Element {
  const made = document.createElementNS(SPACE, "math");
  made.setAttribute("displaystyle", "true"); // fractions as large as their neighbours
  made.append(...formula.map(part));
  return made;
}

function part(one: Part): Element {
  if (typeof one !== "string") {
    const [name, ...inner] = one;
    const made = document.createElementNS(SPACE, name);
    made.append(...inner.map(part));
    return made;
  }
  const leaf = document.createElementNS(SPACE, kindOf(one));
  leaf.textContent = one === "or" ? "\u00a0or\u00a0" : one; // a word keeps its distance
  return leaf;
}

function kindOf(text: string): string {
  if (text === "or") return "mtext";
  if (/^\u2212?[\d\u221e]/.test(text)) return "mn"; // a minus, and infinity
  return /^\p{L}+$/u.test(text) && text !== "Σ" ? "mi" : "mo";
}
