/** How things are shown: units, special tokens, colours, what a cell of many weights is, whose labels rows have. */

import type { App, SettingName, State } from "../contract";
import { choice, element, fill, tick } from "../elements";
import { isOfPair, unitNamesOf } from "../shown";
import { views } from "../views";

/** A shorter map has a pixel for every weight on any screen: nothing is to be said of cells of several. */
const LONG = 128;

export class Settings {
  readonly element = element("div", "settings");
  private readonly controls: Partial<Record<keyof State, HTMLSelectElement>> = {};
  private readonly renormalise;
  private readonly rowAxis;

  constructor(private readonly app: App) {
    this.add("unit", "units", []);
    this.add("special", "special tokens", [
      ["shown", "shown"],
      ["dimmed", "dimmed"],
      ["hidden", "hidden"],
    ]);
    this.renormalise = tick("renormalise rows", (on) => app.store.set({ renormalise: on }));
    this.renormalise.control.title = "divide each row by its sum over the tokens that are not hidden";
    this.element.append(this.renormalise.label);
    this.add("scale", "colours", [
      ["auto", "fitted to what is seen"],
      ["linear", "in proportion"],
      ["log", "logarithmic"],
      ["row", "each row by its largest"],
    ]);
    this.add("how", "a cell shows", [
      ["auto", "the largest of many"],
      ["mean", "the mean"],
      ["max", "the largest"],
    ]);
    this.add("thumbnails", "a cell shows", [
      ["mean", "the mean"],
      ["max", "the largest"],
    ]);
    this.add("several", "several heads", [
      ["mean", "their mean"],
      ["colours", "a colour each"],
    ]);
    this.add("pair", "sentences", [
      ["all", "both"],
      ["a-b", "A looks at B"],
      ["b-a", "B looks at A"],
      ["a-a", "within A"],
      ["b-b", "within B"],
    ]);
    this.rowAxis = choice("row labels", [], (axis) => app.store.set({ rowAxis: Number(axis) }));
    this.element.append(this.rowAxis.label);
    this.update();
  }

  update(): void {
    const { manifest, store } = this.app;
    const { state } = store;
    const info = manifest.maps[state.map];
    const known = unitNamesOf(manifest, info);
    const units = this.controls.unit!;
    fill(
      units,
      known.map((name) => [name, name] as const),
    );
    for (const [name, control] of Object.entries(this.controls)) control.value = String(state[name as keyof State]);
    const acts = new Set<SettingName>(views.find(({ name }) => name === state.view)?.settings);
    for (const [name, control] of Object.entries(this.controls)) hide(control, !acts.has(name as SettingName));
    units.disabled = known.length === 1;
    units.title = units.disabled ? "where words begin is not known" : "";
    const specials = [...info.rowAxes, info.columnAxis].some((name) => manifest.axes[name].special.length > 0);
    if (!specials) hide(this.controls.special!, true);
    if (Math.max(info.queries, info.keys) <= LONG) hide(this.controls.how!, true);
    if (!isOfPair(manifest, info, state)) hide(this.controls.pair!, true);
    if (state.heads.length < 2) hide(this.controls.several!, true);
    this.renormalise.label.hidden = state.special !== "hidden" || !acts.has("renormalise");
    this.renormalise.control.checked = state.renormalise;
    fill(
      this.rowAxis.control,
      info.rowAxes.map((name, at) => [String(at), manifest.axes[name].title] as const),
    );
    this.rowAxis.control.value = String(state.rowAxis);
    this.rowAxis.label.hidden = info.rowAxes.length < 2 || !acts.has("rowAxis");
  }

  private add(name: Exclude<SettingName, "renormalise" | "rowAxis">, text: string, options: [string, string][]): void {
    const { label, control } = choice(text, options, (value) => this.app.store.set({ [name]: value }));
    this.controls[name] = control;
    this.element.append(label);
  }
}

function hide(control: HTMLSelectElement, hidden: boolean): void {
  control.closest("label")!.hidden = hidden;
}
