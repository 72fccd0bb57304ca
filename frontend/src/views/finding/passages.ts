/** Passages, ranked, beside the running text in which they stand. */

import { inkOn, rgbAt } from "../../colours";
import type { App, PassagesInfo, State, TextTable } from "../../contract";
import { button, choice, element, svgElement } from "../../elements";
import { brief, countText, fullText, isolated, weightText } from "../../labels";
import { headsWords } from "../../shown";
import { Units } from "../../units";
import { EDGE, FindingPart, LETTER } from "./part";

/** The numbers that stand beside each passage. */
const SHOWN = ["lift", "mass", "density"];
/** How strong the colour under letters is at most: they are read. */
const STRONGEST = 0.45;
/** Characters of a text that are written at once. */
const LONGEST = 400_000;

export class PassagesView extends FindingPart<PassagesInfo> {
  private readonly list = element("ol", "finding-list");
  private readonly text = element("div", "finding-text");
  private readonly by;
  private marked: { at: number; element: HTMLElement }[] = [];

  constructor(root: HTMLElement, app: App, found: PassagesInfo) {
    super(root, app, found);
    const names = found.statistics.map((name, at) => [String(at), name.replaceAll("_", " ")] as const);
    this.by = choice("ranked by", names, (at) => app.store.set({ query: Number(at) }));
    const both = element("div", "finding-both");
    this.text.tabIndex = 0;
    this.text.setAttribute("role", "region");
    this.text.setAttribute("aria-label", "the text, its passages coloured");
    this.text.addEventListener("click", ({ target }) => {
      const mark = this.marked.find((one) => one.element.contains(target as Node));
      if (mark) this.app.store.set({ key: mark.at, pinned: true });
    });
    both.append(this.list, this.text);
    const bar = element("div", "finding-bar");
    bar.append(this.by.label);
    this.element.append(bar, both);
    this.writeText();
  }

  override keydown(event: KeyboardEvent): boolean {
    if (event.key === "r" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const next = (this.statistic() + 1) % this.found.statistics.length;
      this.app.store.set({ query: next });
      this.app.say(`ranked by ${this.found.statistics[next].replaceAll("_", " ")}`);
      return true;
    }
    return super.keydown(event);
  }

  async table(full = false): Promise<TextTable> {
    const text = full ? fullText : weightText;
    const { statistics, passages, effects } = this.found;
    return {
      caption: `${this.sentence()}: ${this.title()}`,
      columns: [
        "passage",
        "tokens",
        ...statistics.map((one) => one.replaceAll("_", " ")),
        ...(effects ? ["effect"] : []),
      ],
      rows: this.order().map((at) => [
        passages[at].name,
        String(passages[at].tokens),
        ...statistics.map((_, which) => text(this.value(which, at))),
        ...(effects ? [text(effects[at])] : []),
      ]),
    };
  }

  async svg(): Promise<string> {
    const { palette } = this.app;
    const [left, track, line] = [280, 260, 22];
    const order = this.order();
    const numbers = order.map((at) => this.numbers(at).join(" · "));
    const width = Math.ceil(left + track + LETTER * Math.max(32, ...numbers.map((one) => one.length)) + 2 * EDGE);
    const heading = this.heading(width);
    const top = heading.height + EDGE;
    const height = top + order.length * line + EDGE;
    const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    const put = (name: string, attributes: Record<string, string | number>, text = "") =>
      svg.append(svgElement(name, { "font-family": "system-ui, sans-serif", "font-size": 13, ...attributes }, text));
    put("rect", { width, height, fill: palette.background });
    heading.write(svg);
    const most = this.most();
    order.forEach((at, place) => {
      const y = top + place * line;
      const wide = (track * Math.max(0, this.value(this.statistic(), at))) / most;
      put("text", { x: 12, y: y + 15, fill: palette.text }, brief(this.found.passages[at].name, 36));
      put("rect", { x: left, y: y + 3, width: wide, height: 14, fill: palette.accent });
      put("text", { x: left + track + EDGE, y: y + 15, fill: palette.text, "font-size": 12 }, numbers[place]);
    });
    return new XMLSerializer().serializeToString(svg);
  }

  // -- numbers ------------------------------------------------------------------------------------------------------------

  private statistic(): number {
    const { query } = this.app.store.state;
    return query !== null && query < this.found.statistics.length ? query : 0;
  }

  private value(statistic: number, passage: number): number {
    return this.values[statistic * this.columns + passage] ?? 0;
  }

  private order(): number[] {
    const by = this.statistic();
    return this.found.passages
      .map((_, at) => at)
      .sort((one, two) => this.value(by, two) - this.value(by, one) || one - two);
  }

  /** The strongest, and no less than even attention would give. */
  private most(): number {
    const by = this.statistic();
    const even = this.isLift(by) ? 1 : Number.MIN_VALUE;
    return Math.max(even, ...this.found.passages.map((_, at) => this.value(by, at)));
  }

  private isLift(statistic: number): boolean {
    return this.found.statistics[statistic].startsWith("lift");
  }

  private numbers(at: number): string[] {
    const shown = SHOWN.map((name) => `${name} ${weightText(this.value(this.found.statistics.indexOf(name), at))}`);
    const effect = this.found.effects?.[at];
    return effect === undefined ? shown : [...shown, `effect ${effect < 0 ? "−" : "+"}${weightText(Math.abs(effect))}`];
  }

  protected sentence(): string {
    const { rows, rest, agreement } = this.found;
    const { state } = this.app.store;
    const parts = [
      `${countText(rows)} row${rows === 1 ? "" : "s"} of the answer`,
      headsWords(this.app.manifest.maps[state.map], state.heads),
      `${countText(rest)} tokens in no passage: mass ${weightText(this.value(this.found.statistics.indexOf("mass"), this.found.passages.length))}`,
    ];
    if (agreement)
      parts.push(
        `ranks agree with effects: ${Object.entries(agreement)
          .map(([name, value]) => `${name} ${value.toFixed(2).replace("-", "−")}`)
          .join(", ")} (1 is wholly)`,
      );
    return parts.join(" · ");
  }

  // -- what is shown ------------------------------------------------------------------------------------------------------

  protected choose(at: number): void {
    this.app.store.set({ key: this.order()[at], pinned: true });
  }

  protected write(): void {
    const [by, most] = [this.statistic(), this.most()];
    this.by.control.value = String(by);
    this.said.textContent = this.sentence();
    this.app.describe(""); // it is said above, and has a height now
    const heads = this.app.store.state.heads.length;
    const focused = this.stops.some((one) => one.matches(":focus"));
    this.stops = this.order().map((at) => {
      const { name, first, tokens } = this.found.passages[at];
      const line = button("", "", () => this.app.store.set({ key: at, pinned: true }));
      line.className = "finding-line";
      const bar = element("span", "finding-track");
      bar.setAttribute("aria-hidden", "true");
      const filled = element("i");
      filled.style.width = `${(100 * Math.max(0, this.value(by, at))) / most}%`;
      bar.append(filled);
      if (this.isLift(by)) {
        const even = element("i", "finding-even");
        even.style.left = `${100 / most}%`;
        bar.append(even);
      }
      const all = heads === this.found.heads && heads > 1 ? ` · first in ${first[by]} of ${heads} heads` : "";
      line.append(
        element("span", "finding-name", isolated(brief(name, 60))),
        bar,
        element("span", "finding-numbers", this.numbers(at).join(" · ")),
        element("small", "", `${countText(tokens)} token${tokens === 1 ? "" : "s"}${all}`),
      );
      line.dataset.at = String(at);
      return line;
    });
    this.listStops(this.list);
    for (const { at, element: mark } of this.marked) {
      const share = Math.min(1, Math.max(0, this.value(by, at)) / most) * STRONGEST;
      mark.style.backgroundColor = `rgb(${rgbAt(share, this.app.palette).join(" ")})`;
      mark.style.color = inkOn(share, this.app.palette);
      mark.title = `${this.found.passages[at].name}: ${this.numbers(at).join(", ")}`;
    }
    this.show(new Set());
    if (focused) this.stops.find((one) => one.tabIndex === 0)?.focus();
  }

  protected show(changed: ReadonlySet<keyof State>): void {
    if (changed.has("query")) {
      this.write();
      return;
    }
    const { key } = this.app.store.state;
    const at = this.stops.findIndex((one) => Number(one.dataset.at) === key);
    this.stops.forEach((one, which) => {
      one.setAttribute("aria-pressed", String(which === at));
    });
    this.reach(at);
    let near = true;
    for (const { at: passage, element: mark } of this.marked) {
      const chosen = passage === key;
      mark.toggleAttribute("data-chosen", chosen);
      if (chosen && near && changed.has("key")) {
        // Only the text scrolls, and not the page around it.
        this.text.scrollTop += mark.getBoundingClientRect().top - this.text.getBoundingClientRect().top - 24;
        near = false;
      }
    }
    if (changed.has("key") && at >= 0) {
      const found = this.found.passages[Number(key)];
      this.app.say(`${brief(found.name, 60)}: ${this.numbers(Number(key)).join(", ")}`);
    }
  }

  /** The text, once: passages are marks in it, and of those that lie in one another the inner one is marked. */
  private writeText(): void {
    const { axis } = this.found;
    if (axis === undefined) {
      this.text.append(element("p", "finding-none", "the text is not known: record with tokenizer="));
      return;
    }
    const side = this.app.manifest.axes[axis];
    const owner = new Int32Array(side.tokens.length).fill(-1);
    const runs = this.found.passages.flatMap(({ runs }, at) => runs.map(([start, stop]) => ({ at, start, stop })));
    runs.sort((one, two) => two.stop - two.start - (one.stop - one.start));
    for (const { at, start, stop } of runs) owner.fill(at, start, stop);
    const words = new Units(side, side.words ? "words" : "tokens", false);
    const between = side.words ? " " : "";
    const paragraph = element("p");
    paragraph.dir = "auto";
    let length = 0;
    for (let start = 0; start < owner.length && length < LONGEST; ) {
      let stop = start + 1;
      while (stop < owner.length && owner[stop] === owner[start]) stop++;
      const said: string[] = [];
      for (let unit = Math.max(0, words.unitOf(start)); unit < words.count && words.start(unit) < stop; unit++)
        if (words.start(unit) >= start) said.push(words.label(unit));
      const text = said.join(between);
      const at = owner[start];
      const part = element(at < 0 ? "span" : "mark", "", text);
      part.dir = "auto";
      if (at >= 0) this.marked.push({ at, element: part });
      paragraph.append(part, between);
      length += text.length;
      start = stop;
    }
    this.text.append(paragraph);
    if (length >= LONGEST) this.text.append(element("p", "finding-none", "… the rest is too long to be written here"));
  }
}
