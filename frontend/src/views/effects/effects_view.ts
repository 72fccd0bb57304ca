/** Sites in a list, the strongest first: a bar each, and behind it the prompts. */

import type { App, EffectRow, Manifest, MeasureEffects, MountedView, State, TextTable } from "../../contract";
import { button, element } from "../../elements";
import { brief, countText, isolated, weightText } from "../../labels";
import { goTo } from "../../places";
import { effectsSvg } from "./drawing";
import { Prompts } from "./prompts";
import { chanceText, effectText, isSure, type Scale, scaleOf, signed } from "./scale";

/** What else is looked at when effects are: the map of a measure, and its strongest site. */
export function effectsOpening(manifest: Manifest, state: Readonly<State>): Partial<State> {
  const { effects } = manifest;
  if (!effects || effects.measures.some(({ map }) => map === state.map)) return {};
  const [first] = effects.measures;
  return { ...goTo(manifest, state, first.map, [0]), query: first.rows[0].site, key: null };
}

interface Line {
  row: EffectRow;
  element: HTMLLIElement;
  name: HTMLButtonElement | null;
  toggle: HTMLButtonElement;
}

export class EffectsView implements MountedView {
  private readonly element = element("div", "effects-view");
  private readonly said = element("p", "effects-said");
  private readonly list = element("ol", "effects-sites");
  private readonly stop: () => void;
  private measure: MeasureEffects;
  private lines: Line[] = [];
  private prompts: Prompts | null = null;
  private open = -1;

  constructor(
    root: HTMLElement,
    private readonly app: App,
  ) {
    this.measure = this.measureOf(app.store.state);
    this.element.append(this.said, this.list);
    root.append(this.element);
    this.stop = app.store.subscribe((state, changed) => this.changed(state, changed));
    this.write();
  }

  redraw(): void {
    // Colours are those of the theme's own properties.
  }

  destroy(): void {
    this.stop();
    this.prompts?.stop();
    this.element.remove();
  }

  keydown(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.altKey || event.metaKey) return false;
    const at = Math.max(0, this.current());
    const last = this.lines.length - 1;
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last };
    const next = moves[event.key];
    if (next !== undefined) {
      const line = this.lines[Math.max(0, Math.min(next, last))];
      this.reach(line);
      line.toggle.focus();
    } else if (event.key === "Enter") this.toggle(this.lines[at]);
    else if (event.key === "o") this.lines[at].name?.click();
    else if (event.key === "r" && this.prompts) this.prompts.turn();
    else return false;
    return true;
  }

  contentHeight(): number {
    return this.said.offsetHeight + this.list.scrollHeight + 12;
  }

  async table(full = false): Promise<TextTable> {
    const number = (value: number | null) => (value === null ? "" : full ? signed(value, true) : signed(value));
    return {
      caption: this.title(),
      columns: ["site", "effect", "± error", "from", "to", "adjusted p", "unchanged", "changed", "prompts"],
      rows: this.measure.rows.map((row) => [
        this.nameOf(row),
        number(row.effect),
        row.error === null ? "" : full ? String(row.error) : weightText(row.error),
        number(row.low),
        number(row.high),
        row.adjusted === null ? "" : full ? String(row.adjusted) : chanceText(row.adjusted),
        number(row.unchanged),
        number(row.changed),
        String(row.prompts),
      ]),
    };
  }

  async svg(): Promise<string> {
    const rows = this.measure.rows.map((row) => ({ row, name: this.nameOf(row) }));
    return effectsSvg(rows, this.title(), this.note(), this.app.palette);
  }

  // -- what changes ---------------------------------------------------------------------------------------------------

  private changed(state: Readonly<State>, changed: ReadonlySet<keyof State>): void {
    if (changed.has("map") && this.measureOf(state) !== this.measure) {
      this.measure = this.measureOf(state);
      this.write();
    } else if (changed.has("map") || changed.has("query")) this.show();
  }

  private measureOf({ map }: Pick<State, "map">): MeasureEffects {
    const { measures } = this.app.manifest.effects!;
    return measures.find((one) => one.map === map) ?? measures[0];
  }

  /** The line that is looked at; −1 for none. */
  private current(): number {
    const focused = this.lines.findIndex(({ element: one }) => one.matches(":focus-within"));
    return focused >= 0 ? focused : this.lines.findIndex(({ toggle }) => toggle.tabIndex === 0);
  }

  private toggle({ row }: Line): void {
    const { manifest, store } = this.app;
    const { state } = store;
    const query = this.open === row.site ? null : row.site;
    store.set({ ...goTo(manifest, state, this.measure.map, [0]), query, key: null, pinned: query !== null });
  }

  private openMap(row: EffectRow): void {
    const { manifest, store } = this.app;
    const { map, head } = manifest.effects!.sites[row.site];
    if (map !== null && head !== null) store.set({ ...goTo(manifest, store.state, map, [head]), view: "map" });
  }

  // -- what is shown --------------------------------------------------------------------------------------------------

  private nameOf(row: EffectRow): string {
    return isolated(this.app.manifest.effects!.sites[row.site].name);
  }

  private title(): string {
    const { manifest } = this.app;
    const what = manifest.effects!.estimated ? "estimated effects" : "effects";
    return `${brief(this.measure.name, 60)}: ${what} of ${countText(this.measure.rows.length)} sites, ${brief(manifest.title, 120)}`;
  }

  private note(): string {
    const prompts = Math.max(...this.measure.rows.map((row) => row.prompts));
    return `${countText(prompts)} prompts; filled: adjusted p < 0.05, ${this.measure.adjusted}`;
  }

  private write(): void {
    const { rows, name } = this.measure;
    const scale = scaleOf(rows);
    this.prompts?.stop();
    this.prompts = null;
    this.open = -1;
    this.said.textContent = `${brief(name, 60)} · ${this.note()}`;
    this.list.setAttribute("aria-label", this.title());
    this.lines = rows.map((row) => this.line(row, scale));
    this.list.replaceChildren(...this.lines.map((line) => line.element));
    this.show();
    if (this.open < 0) this.reach(this.lines[0]);
  }

  /** Opens the prompts of the site that the state points at. */
  private show(): void {
    const { state } = this.app.store;
    const site = state.map === this.measure.map ? (state.query ?? -1) : -1;
    if (site === this.open) return;
    this.open = site;
    this.prompts?.stop();
    this.prompts = null;
    for (const line of this.lines) {
      const open = line.row.site === site;
      line.toggle.setAttribute("aria-expanded", String(open));
      if (!open) continue;
      this.prompts = new Prompts(this.app, this.measure, line.row);
      line.element.append(this.prompts.element);
      this.reach(line);
    }
  }

  /** Makes a line the one that the tab key reaches, and says it. */
  private reach(line: Line): void {
    for (const one of this.lines) {
      one.toggle.tabIndex = one === line ? 0 : -1;
      if (one.name) one.name.tabIndex = one.toggle.tabIndex;
    }
    const { row } = line;
    const { low, high, adjusted, unchanged, changed, otherSign } = row;
    const parts = [`${this.nameOf(row)}: ${effectText(row)} on ${brief(this.measure.name, 60)}`];
    if (low !== null && high !== null) parts.push(`interval ${signed(low)} to ${signed(high)}`);
    if (adjusted !== null) parts.push(`adjusted p ${chanceText(adjusted)}, ${this.measure.adjusted}`);
    if (unchanged !== null && changed !== null) parts.push(`${signed(unchanged)} becomes ${signed(changed)}`);
    if (otherSign !== null) parts.push(`${Math.round(100 * otherSign)} % of prompts have the other sign`);
    this.app.describe(parts.join(" · "));
  }

  private line(row: EffectRow, scale: Scale): Line {
    const { effects } = this.app.manifest;
    const label = this.nameOf(row);
    const item = element("li");
    const toggle = button("", "its prompts", () => this.toggle(line));
    toggle.className = "effects-toggle";
    toggle.setAttribute("aria-expanded", "false");
    const sure = isSure(row);
    toggle.setAttribute("aria-label", `${label}: ${effectText(row)}${sure ? ", surely not 0" : ""}; prompts`);
    const opens = effects!.sites[row.site].map !== null;
    const name = opens ? button(label, "open its map (o)", () => this.openMap(row)) : null;
    if (name) {
      name.className = "effects-name";
      name.setAttribute("aria-label", `${label}: open its map`);
    } else toggle.append(element("span", "effects-name", label));
    toggle.append(trackOf(row, scale, effects!.estimated), element("span", "effects-number", effectText(row)));
    item.append(...(name ? [name] : []), toggle);
    const line = { row, element: item, name, toggle };
    item.addEventListener("pointerenter", () => this.reach(line));
    item.addEventListener("focusin", () => this.reach(line));
    return line;
  }
}

/** 0 as a line, the interval as a bar, the effect as a dot. */
function trackOf(row: EffectRow, scale: Scale, estimated: boolean): HTMLElement {
  const track = element("span", "effects-track");
  track.setAttribute("aria-hidden", "true");
  const put = (name: string, from: number, to = from) => {
    const part = element("i", name);
    part.style.left = `${100 * scale.at(from)}%`;
    if (to !== from) part.style.width = `${100 * (scale.at(to) - scale.at(from))}%`;
    track.append(part);
  };
  put("effects-zero", 0);
  if (row.low !== null && row.high !== null) put("effects-interval", row.low, row.high);
  if (row.effect !== null) put(`effects-dot${isSure(row) ? " sure" : ""}${estimated ? " estimated" : ""}`, row.effect);
  return track;
}
