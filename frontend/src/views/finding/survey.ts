/** Heads over a corpus: sorted by a statistic, each with its error, its distribution, and the texts at either end. */

import type { App, State, SurveyHead, SurveyInfo, TextTable } from "../../contract";
import { button, choice, element, svgElement } from "../../elements";
import { countText, fullText, isolated, weightText } from "../../labels";
import { goTo } from "../../places";
import { FindingPart } from "./part";

const [BARS, HIGH] = [220, 48];

export class SurveyView extends FindingPart<SurveyInfo> {
  private readonly list = element("ol", "finding-list");
  private readonly by;
  private order: SurveyHead[] = [];

  constructor(root: HTMLElement, app: App, found: SurveyInfo) {
    super(root, app, found);
    const names = found.statistics.map(({ name }, at) => [String(at), name.replaceAll("_", " ")] as const);
    this.by = choice("sorted by", names, (at) => this.turn(Number(at)));
    const bar = element("div", "finding-bar");
    bar.append(this.by.label);
    this.element.append(bar, this.list);
  }

  override keydown(event: KeyboardEvent): boolean {
    if (event.key !== "r" || event.ctrlKey || event.metaKey || event.altKey) return super.keydown(event);
    this.turn((this.statistic() + 1) % this.found.statistics.length);
    this.app.say(`sorted by ${this.found.statistics[this.statistic()].name.replaceAll("_", " ")}`);
    return true;
  }

  async table(full = false): Promise<TextTable> {
    const text = (value: number | null) => (value === null ? "" : full ? fullText(value) : weightText(value));
    return {
      caption: this.sentence(),
      columns: ["head", "mean", "± error", "texts"],
      rows: this.order.map((one) => [this.name(one), text(one[2]), text(one[3]), String(one[4])]),
    };
  }

  async svg(): Promise<string> {
    const { palette } = this.app;
    const [left, track, line] = [150, 320, 20];
    const width = left + track + 170;
    const heading = this.heading(width);
    const top = heading.height + 8;
    const height = top + this.order.length * line + 12;
    const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    const put = (name: string, attributes: Record<string, string | number>, text = "") =>
      svg.append(svgElement(name, { "font-family": "system-ui, sans-serif", "font-size": 13, ...attributes }, text));
    put("rect", { width, height, fill: palette.background });
    heading.write(svg);
    this.order.forEach((one, at) => {
      const y = top + at * line;
      put("text", { x: 12, y: y + 14, fill: palette.text }, this.name(one));
      put("rect", { x: left, y: y + 3, width: track * this.share(one), height: 13, fill: palette.accent });
      put("text", { x: left + track + 12, y: y + 14, fill: palette.text }, this.number(one));
    });
    return new XMLSerializer().serializeToString(svg);
  }

  protected choose(at: number): void {
    this.app.store.set({ query: this.order[at][0], key: this.order[at][1], pinned: true });
  }

  protected write(): void {
    const by = this.statistic();
    this.by.control.value = String(by);
    this.order = [...this.found.statistics[by].heads].sort((one, two) => (two[2] ?? 0) - (one[2] ?? 0));
    this.said.textContent = this.sentence();
    this.app.describe(""); // it is said above, and has a height now
    this.stops = this.order.map((one, at) => {
      const line = button("", "", () => {
        const { query, key } = this.app.store.state;
        if (query === one[0] && key === one[1]) this.app.store.set({ query: null, key: null, pinned: false });
        else this.choose(at);
      });
      line.className = "finding-line finding-head";
      const bar = element("span", "finding-track");
      bar.setAttribute("aria-hidden", "true");
      const filled = element("i");
      filled.style.width = `${100 * this.share(one)}%`;
      bar.append(filled);
      line.append(
        element("span", "finding-name", this.name(one)),
        bar,
        element("span", "finding-numbers", this.number(one)),
      );
      return line;
    });
    this.listStops(this.list);
    this.show(new Set());
  }

  protected show(changed: ReadonlySet<keyof State>): void {
    const { query, key } = this.app.store.state;
    const at = this.order.findIndex(([layer, head]) => layer === query && head === key);
    this.stops.forEach((one, which) => {
      one.setAttribute("aria-expanded", String(which === at));
      const told = one.nextElementSibling;
      if (which !== at) told?.remove();
      else if (!told) one.after(this.told(this.order[at]));
    });
    this.reach(at);
    const one = this.order[at];
    if (one && (changed.has("query") || changed.has("key"))) this.app.say(`${this.name(one)}: ${this.number(one)}`);
  }

  // -- heads --------------------------------------------------------------------------------------------------------------

  private statistic(): number {
    return Math.max(0, this.found.maps.indexOf(this.app.store.state.map));
  }

  private turn(statistic: number): void {
    const { manifest, store } = this.app;
    store.set(goTo(manifest, store.state, this.found.maps[statistic], [0]));
  }

  private name([layer, head]: SurveyHead): string {
    const { axes, maps } = this.app.manifest;
    return `${axes[maps[this.found.maps[0]].rowAxes[0]].tokens[layer]}.${head}`;
  }

  private number([, , mean, error]: SurveyHead): string {
    if (mean === null) return "not known";
    return error === null ? weightText(mean) : `${weightText(mean)} ± ${weightText(error)}`;
  }

  /** Of the largest size. */
  private share([, , mean]: SurveyHead): number {
    const most = Math.max(Number.MIN_VALUE, ...this.order.map((one) => Math.abs(one[2] ?? 0)));
    return Math.abs(mean ?? 0) / most;
  }

  protected sentence(): string {
    const { name, quantity, meaning, heads } = this.found.statistics[this.statistic()];
    const texts = Math.max(...heads.map((one) => one[4]));
    const what = meaning || quantity;
    return `${name.replaceAll("_", " ")} of ${countText(heads.length)} heads: means of ${countText(texts)} texts ± standard error${what ? ` · ${what}` : ""}`;
  }

  /** The distribution over texts, and the texts at its ends. */
  private told([, , , , count, shares, highest, lowest]: SurveyHead): HTMLElement {
    const made = element("div", "finding-told");
    if (!shares) return made;
    const { edges } = this.found.statistics[this.statistic()];
    const svg = svgElement("svg", { width: BARS, height: HIGH, viewBox: `0 0 ${BARS} ${HIGH}`, role: "img" });
    const wide = BARS / shares.length;
    svg.setAttribute(
      "aria-label",
      `distribution over ${countText(count)} texts from ${weightText(edges[0])} to ${weightText(edges[edges.length - 1])}`,
    );
    shares.forEach((share, at) => {
      const height = (HIGH * share) / 100;
      const box = { x: at * wide, y: HIGH - height, width: Math.max(1, wide - 1), height };
      svg.append(svgElement("rect", { ...box, fill: this.app.palette.accent }));
    });
    const ends = element(
      "small",
      "",
      `${weightText(edges[0])} to ${weightText(edges[edges.length - 1])}, ${countText(count)} texts`,
    );
    made.append(svg, ends);
    for (const [title, texts] of [
      ["highest", highest ?? []],
      ["lowest", lowest ?? []],
    ] as const) {
      if (texts.length === 0) continue;
      const list = element("ul");
      for (const [value, at] of texts) {
        const [place, said] = this.found.texts[at];
        const line = element("li", "", `${value === null ? "" : weightText(value)}  `);
        const text = element("span", "", isolated(said));
        text.title = place;
        line.append(text);
        list.append(line);
      }
      made.append(element("small", "", title), list);
    }
    return made;
  }
}
