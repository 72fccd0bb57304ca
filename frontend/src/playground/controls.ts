// Sliders, lists and tables of the exhibits: ordinary elements, so that keyboards and screen readers work as everywhere.

import { choice, element } from "../elements";
import type { Table } from "./numbers";

export interface Slider {
  name: string;
  from: number;
  to: number;
  step: number;
  value: number;
  /** What stands beside it; the number itself where left out. */
  says?: (value: number) => string;
}

/** A slider with its name and value. */
export function slider(
  { name, from, to, step, value, says = String }: Slider,
  turn: (value: number) => void,
): HTMLLabelElement {
  const label = element("label", "slider");
  const control = element("input");
  const output = element("output", "", says(value));
  Object.assign(control, {
    type: "range",
    min: String(from),
    max: String(to),
    step: String(step),
    value: String(value),
  });
  control.setAttribute("aria-valuetext", says(value));
  control.addEventListener("input", () => {
    const now = Number(control.value);
    output.textContent = says(now);
    control.setAttribute("aria-valuetext", says(now));
    turn(now);
  });
  label.append(element("span", "", name), control, output);
  return label;
}

/** A list of words to choose from. */
export function list(name: string, words: readonly string[], choose: (word: string) => void): HTMLLabelElement {
  return choice(
    name,
    words.map((word) => [word, word]),
    choose,
  ).label;
}

export interface Cell {
  /** 0 to 1: how dark. */
  share: number;
  text?: string;
  /** Nothing may be seen there. */
  hidden?: boolean;
  chosen?: boolean;
}

/** A table whose cells are as dark as their numbers; `press` makes buttons of them, which can also be drawn over. */
export function matrix(
  rows: readonly string[],
  columns: readonly string[],
  cell: (row: number, column: number) => Cell,
  caption: string,
  press?: (row: number, column: number, on: boolean) => void,
): HTMLElement {
  const table = element("table", "numbers");
  table.append(element("caption", "", caption));
  const head = table.createTHead().insertRow();
  head.append(element("td"), ...columns.map((name) => heading(name, "col")));
  const body = table.createTBody();
  rows.forEach((name, row) => {
    const line = body.insertRow();
    line.append(heading(name, "row"));
    columns.forEach((_, column) => {
      line.append(filled(cell(row, column), press && ((on) => press(row, column, on)), `${name}, ${columns[column]}`));
    });
  });
  const frame = element("div", "frame");
  frame.append(table);
  return frame;
}

function heading(name: string, scope: string): HTMLElement {
  const made = element("th", "", name);
  made.scope = scope;
  return made;
}

function filled(
  { share, text = "", hidden = false, chosen = false }: Cell,
  press: ((on: boolean) => void) | undefined,
  name: string,
): HTMLElement {
  const made = element(
    "td",
    [hidden && "hidden", chosen && "chosen", share > 0.55 && "dark"].filter(Boolean).join(" "),
  );
  made.style.setProperty("--share", `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`);
  if (!press) {
    made.textContent = text;
    return made;
  }
  const toggle = element("button", "", text);
  toggle.type = "button";
  toggle.setAttribute("aria-pressed", String(!hidden));
  toggle.setAttribute("aria-label", `${name}: ${hidden ? "hidden" : "visible"}`);
  toggle.addEventListener("pointerdown", (event) => {
    toggle.releasePointerCapture(event.pointerId);
    painting = hidden;
    press(hidden);
  });
  toggle.addEventListener("pointerenter", (event) => {
    if (event.buttons === 1 && painting !== undefined && painting === hidden) press(painting);
  });
  toggle.addEventListener("click", (event) => {
    if (event.detail === 0) press(hidden); // by keyboard: a pointer has pressed already
  });
  made.append(toggle);
  return made;
}

/** Whether cells that are drawn over become visible. */
let painting: boolean | undefined;

/** A table of plain numbers, with signs. */
export function plain(
  rows: readonly string[],
  columns: readonly string[],
  numbers: Table,
  caption: string,
): HTMLElement {
  const most = Math.max(1e-9, ...numbers.flat().map(Math.abs));
  const cell = (row: number, column: number): Cell => ({
    share: Math.abs(numbers[row][column]) / most,
    text: brief(numbers[row][column]),
  });
  return matrix(rows, columns, cell, caption);
}

/** As short as it can be read: nothing for what rounds to 0. */
export function brief(number: number, digits = 2): string {
  const said = number.toFixed(digits);
  return Number(said) === 0 ? "" : said.replace("-", "−");
}
