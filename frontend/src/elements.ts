/** Elements of the viewer's controls. Texts are set as text: nothing here reads markup. */

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = "",
  text = "",
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing. */
export function svgElement(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text) made.textContent = text;
  return made;
}

/** A button; `hint` says more than its text where there is more to say. */
export function button(text: string, hint: string, press: (event: MouseEvent) => void): HTMLButtonElement {
  const made = element("button", "", text);
  made.type = "button";
  if (hint) made.title = hint;
  made.addEventListener("click", press);
  return made;
}

export interface Choice {
  label: HTMLLabelElement;
  control: HTMLSelectElement;
}

/** A list to choose from, [value, text], with its label. */
export function choice(
  name: string,
  options: readonly (readonly [string, string])[],
  choose: (value: string) => void,
): Choice {
  const label = element("label", "choice");
  const control = element("select");
  fill(control, options);
  control.addEventListener("change", () => choose(control.value));
  label.append(element("span", "", name), control);
  return { label, control };
}

export function fill(control: HTMLSelectElement, options: readonly (readonly [string, string])[]): void {
  control.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

/** A box to tick, with its label. */
export function tick(
  name: string,
  toggle: (on: boolean) => void,
): { label: HTMLLabelElement; control: HTMLInputElement } {
  const label = element("label", "tick");
  const control = element("input");
  control.type = "checkbox";
  control.addEventListener("change", () => toggle(control.checked));
  label.append(control, element("span", "", name));
  return { label, control };
}

/**
 * One stop of the tab key for a row of buttons: arrows, Home and End move between them. Returns what makes a button the one
 * that the tab key reaches.
 */
export function roving(group: HTMLElement, buttons: () => HTMLElement[]): (current: HTMLElement | undefined) => void {
  const reach = (current: HTMLElement | undefined) => {
    const all = buttons();
    for (const one of all) one.tabIndex = one === (current ?? all[0]) ? 0 : -1;
  };
  group.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(event.target as HTMLElement);
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    const next = step ? all[(at + step + all.length) % all.length] : { Home: all[0], End: all.at(-1) }[event.key];
    if (at < 0 || !next || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    reach(next);
    next.focus();
  });
  return reach;
}

/** Scrolls a row so that one of its parts is in sight, and nothing else on the page. */
export function scrollAlong(row: HTMLElement, part: HTMLElement | undefined): void {
  if (!part) return;
  const [outer, inner] = [row.getBoundingClientRect(), part.getBoundingClientRect()];
  if (inner.left < outer.left) row.scrollLeft -= outer.left - inner.left + 8;
  else if (inner.right > outer.right) row.scrollLeft += inner.right - outer.right + 8;
}

/** Whether an element has the focus, also inside a shadow root. */
export function hasFocus(one: Element | undefined): boolean {
  return one !== undefined && (one.getRootNode() as Document | ShadowRoot).activeElement === one;
}
