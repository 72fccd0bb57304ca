/** The prompts of one site: each with what replacing the site did to it, sorted. */

import type { App, EffectRow, MeasureEffects } from "../../contract";
import { button, element } from "../../elements";
import { countText } from "../../labels";
import { Question } from "../../question";
import { scaleBetween, signed } from "./scale";

/** Prompts that are shown at once, and with each "more". */
const SHOWN = 12;

export class Prompts {
  readonly element = element("div", "effects-prompts");
  private readonly list = element("ol");
  private readonly order: HTMLButtonElement;
  private readonly more: HTMLButtonElement;
  private readonly question: Question;
  private found: { prompt: number; value: number }[] = [];
  private shown = SHOWN;
  private falling: boolean;

  constructor(
    private readonly app: App,
    private readonly measure: MeasureEffects,
    private readonly row: EffectRow,
  ) {
    this.falling = (row.effect ?? 0) >= 0; // those that show the effect most come first
    this.order = button("", "the other way round (r)", () => this.turn());
    this.more = button("", "", () => this.showMore());
    this.list.setAttribute("aria-label", `prompts by the effect of ${this.name} on ${measure.name}`);
    this.element.append(this.order, this.list, this.more);
    this.write();
    this.question = new Question(app, this.element);
    this.ask();
  }

  turn(): void {
    this.falling = !this.falling;
    this.write();
  }

  stop(): void {
    this.question.drop();
    this.element.remove();
  }

  private get name(): string {
    return this.app.manifest.effects!.sites[this.row.site].name;
  }

  private ask(): void {
    const { map } = this.measure;
    const { keys } = this.app.manifest.maps[map];
    const { site, absent = [] } = this.row;
    const rows = { starts: [site], stops: [site + 1] };
    const request = { map, heads: [0], rows, columns: { start: 0, stop: keys, count: keys }, how: "mean" as const };
    const exact = { hideSpecial: false, renormalise: false, sample: 0 };
    const left = new Set(absent);
    this.question.ask(
      (signal) => this.app.source.region({ ...request, ...exact }, signal),
      ({ values }) => {
        const all = Array.from(values, (value, prompt) => ({ prompt, value }));
        this.found = all.filter(({ prompt }) => !left.has(prompt));
        this.write();
      },
    );
  }

  /** The next ones get the focus, which their button may be about to lose. */
  private showMore(): void {
    const first = this.shown;
    this.shown *= 4;
    this.write();
    const next = this.list.children[first] as HTMLElement | undefined;
    next?.focus();
  }

  private write(): void {
    const { found, falling } = this;
    const sign = falling ? -1 : 1;
    found.sort((one, two) => sign * (one.value - two.value) || one.prompt - two.prompt);
    const values = found.map(({ value }) => value);
    const ends = [values.at(falling ? -1 : 0) ?? 0, values.at(falling ? 0 : -1) ?? 0];
    const scale = scaleBetween(Math.min(0, ends[0]), Math.max(0, ends[1]));
    this.list.replaceChildren(...found.slice(0, this.shown).map((one) => this.line(one, scale)));
    this.order.textContent = `${countText(this.row.prompts)} prompts, ${falling ? "highest" : "lowest"} first`;
    const left = Math.max(0, found.length - this.shown);
    this.more.hidden = left === 0;
    const next = Math.min(left, 3 * this.shown);
    this.more.textContent = `${countText(next)} more${next < left ? ` of ${countText(left)}` : ""}`;
  }

  private line({ prompt, value }: { prompt: number; value: number }, scale: ReturnType<typeof scaleBetween>) {
    const { name, text } = this.app.manifest.effects!.prompts[prompt];
    const made = element("li");
    made.tabIndex = -1;
    const bar = element("span", "effects-bar");
    bar.setAttribute("aria-hidden", "true");
    const [from, to] = [scale.at(Math.min(0, value)), scale.at(Math.max(0, value))];
    const filled = element("i");
    filled.style.left = `${100 * from}%`;
    filled.style.width = `${100 * (to - from)}%`;
    bar.append(filled);
    const said = element("span", "effects-text", text || name);
    if (text) said.append(" ", element("small", "", name));
    made.append(element("span", "effects-number", signed(value)), bar, said);
    return made;
  }
}
