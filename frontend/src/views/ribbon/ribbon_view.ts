/** The ribbon: its elements, what is drawn of the weights, and what happens when state, size or pointer change. */

import { areColoured, cssOf } from "../../compare/head_colours";
import { headLegend } from "../../compare/head_legend";
import type { App, MountedView, Region, State, TextTable } from "../../contract";
import { svgElement } from "../../elements";
import { brief, countText, isolated, weightText, weightTexts } from "../../labels";
import { Pointed } from "../../pointed";
import { Question } from "../../question";
import { howOfUnits, mapText, type Shown, shownBy, stretch, unitsRequest } from "../../shown";
import type { Units } from "../../units";
import { alignmentLinks, drawAlignment } from "./alignment";
import {
  drawLabels,
  drawTitles,
  type Link,
  measure,
  type Side,
  stroke,
  strongest,
  thresholdOf,
  titledSvg,
} from "./drawing";
import { curve, type Layout, layOut, leastHeight } from "./layout";

/** Units of a side, and curves, that are drawn at once: more than can be told apart. */
const LABELS = 240;
const CURVES = 4000;

interface Drawn {
  shown: Shown;
  rows: readonly [number, number];
  columns: readonly [number, number];
  /** The heads that have a colour each; empty where there is one, or their mean. */
  heads: readonly number[];
  layout: Layout;
  /** Queries and keys are counted from the first on screen; strongest first. */
  links: (Link & { path: SVGPathElement })[];
  left: number;
  labels: Record<Side, SVGTextElement[]>;
  numbers: SVGGElement;
}

/** What it does not show. */
const ELSEWHERE: ReadonlySet<keyof State> = new Set(["pins", "find", "with", "compare"]);

export class Ribbon implements MountedView {
  private readonly frame = document.createElement("div");
  private readonly stage = document.createElement("div");
  /** What is shown, in words. */
  private said = "";
  private readonly threshold = document.createElement("input");
  private readonly thresholdText = document.createElement("output");
  private readonly links = document.createElement("input");
  private readonly linksLabel = document.createElement("label");
  private readonly turn = document.createElement("button");
  private readonly legend = headLegend([]);
  private readonly pointed: Pointed;
  private readonly stop: () => void;
  private readonly sized: ResizeObserver;
  private readonly question: Question;
  private wanted: "auto" | "lines" | "columns" = "auto";
  private drawn: Drawn | null = null;
  /** The least weight that is drawn. */
  private least = 0;
  private side: Side = "query";

  constructor(
    root: HTMLElement,
    private readonly app: App,
  ) {
    this.pointed = new Pointed(app.store);
    this.question = new Question(app, this.frame);
    this.frame.className = "ribbon";
    const controls = document.createElement("div");
    controls.className = "ribbon-controls";
    Object.assign(this.threshold, { type: "range", min: "0", max: "1", step: "0.01" });
    const label = document.createElement("label");
    label.append("weights of at least", this.threshold, this.thresholdText);
    this.links.type = "checkbox";
    this.linksLabel.append(this.links, "links that the alignment found");
    this.turn.type = "button";
    controls.append(label, this.turn, this.linksLabel, this.legend);
    this.stage.className = "ribbon-stage";
    this.stage.tabIndex = 0;
    this.frame.append(controls, this.stage);
    root.append(this.frame);

    this.threshold.addEventListener("input", () => this.app.store.set({ threshold: Number(this.threshold.value) }));
    this.links.addEventListener("change", () => this.draw());
    this.turn.addEventListener("click", () => this.turnAround());
    this.stage.addEventListener("pointerover", (event) => this.pointAt(event));
    this.stage.addEventListener("pointerleave", () => this.leave());
    this.stage.addEventListener("click", (event) => this.hold(event));
    this.stop = app.store.subscribe((_, changed) => {
      if ([...changed].every((name) => ELSEWHERE.has(name))) return;
      if ([...changed].every((name) => name === "query" || name === "key" || name === "pinned")) this.highlight();
      else if ([...changed].every((name) => name === "threshold" || name === "scale")) this.draw();
      else this.ask();
    });
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this.stage);
    this.ask();
  }

  destroy(): void {
    this.question.drop();
    this.stop();
    this.sized.disconnect();
    this.frame.remove();
  }

  redraw(): void {
    this.draw();
  }

  /** Its lowest: it grows with the room that there is. */
  contentHeight(): number | null {
    return this.drawn && this.frame.clientHeight - this.stage.clientHeight + leastHeight(this.drawn.layout) + 4;
  }

  private read: (Pick<Drawn, "shown" | "rows" | "columns" | "heads"> & { regions: Region[] }) | null = null;

  /** Reads the weights between the units on screen. */
  private ask(): void {
    const { state } = this.app.store;
    const shown = shownBy(this.app.manifest, state);
    const port = state.viewport;
    const rows = stretch(port?.top ?? 0, port?.bottom ?? shown.rows.count, shown.rows.count, LABELS);
    const columns = stretch(port?.left ?? 0, port?.right ?? shown.columns.count, shown.columns.count, LABELS);
    const heads = areColoured(state) ? state.heads : [];
    const request = unitsRequest(state, shown, rows, columns);
    const each = heads.length > 0 ? heads.map((head) => [head]) : [state.heads];
    this.question.ask(
      (signal) => Promise.all(each.map((some) => this.app.source.region({ ...request, heads: some }, signal))),
      (regions) => {
        this.read = { shown, rows, columns, heads, regions };
        this.draw();
      },
    );
  }

  private draw(): void {
    const { palette } = this.app;
    const { state } = this.app.store;
    if (!this.read) return;
    const { shown, rows, columns, heads, regions } = this.read;
    this.least = state.threshold ?? thresholdOf(regions);
    this.legend.replaceChildren(...headLegend(heads).childNodes);
    this.threshold.value = String(this.least);
    this.thresholdText.value = this.leastText();
    const texts = (units: Units, [first, last]: readonly [number, number]) =>
      Array.from({ length: last - first }, (_, at) => brief(units.label(first + at), 28));
    const layout = layOut(
      texts(shown.columns, columns),
      texts(shown.rows, rows),
      Math.max(320, this.stage.clientWidth - 4),
      this.stage.clientHeight - 4,
      measure,
      this.wanted,
    );
    this.turn.textContent = layout.direction === "lines" ? "as columns" : "as lines";
    const found = alignmentLinks(this.app.manifest, shown, state.unit);
    this.linksLabel.hidden = found === null;
    const links = strongest(regions, this.least, state.scale === "row", CURVES);
    const svg = svgElement("svg", {
      width: layout.width,
      height: layout.height,
      viewBox: `0 0 ${layout.width} ${layout.height}`,
    });
    svg.setAttribute("role", "img");
    const curves = svgElement("g", { fill: "none", "stroke-linecap": "round" });
    const paths = links.kept.map((link) => {
      const { weight, query, key, size, of } = link;
      const path = svgElement("path", {
        d: curve(layout, layout.keys[key], layout.queries[query]),
        ...stroke(palette, weight, size, heads.length > 0 ? cssOf(of) : undefined),
      });
      curves.append(path);
      return { ...link, path: path as SVGPathElement };
    });
    svg.append(curves);
    if (found && this.links.checked) svg.append(drawAlignment(layout, found, rows[0], columns[0], palette));
    const dim = state.special === "dimmed";
    const labels = {
      key: drawLabels(svg, layout.keys, "key", palette, (at) => dim && shown.columns.special(columns[0] + at)),
      query: drawLabels(svg, layout.queries, "query", palette, (at) => dim && shown.rows.special(rows[0] + at)),
    };
    drawTitles(svg, layout, { key: shown.columns.axis.title, query: shown.rows.axis.title }, palette);
    const numbers = svgElement("g", {}) as SVGGElement;
    svg.append(numbers);
    this.stage.replaceChildren(svg);
    this.drawn = { shown, rows, columns, heads, layout, links: paths, left: links.left, labels, numbers };
    this.highlight();
  }

  /** Shows the curves of the chosen token before all others, with their weights beside the labels. */
  private highlight(): void {
    const drawn = this.drawn;
    if (!drawn) return;
    const chosen = this.chosen();
    const { accent, text } = this.app.palette;
    drawn.numbers.replaceChildren();
    for (const { path, query, key } of drawn.links)
      path.classList.toggle("faint-curve", chosen !== null && (chosen.side === "query" ? query : key) !== chosen.at);
    for (const side of ["key", "query"] as const)
      drawn.labels[side].forEach((label, at) => {
        label.setAttribute("font-weight", chosen?.side === side && chosen.at === at ? "700" : "400");
      });
    this.stage.querySelector("svg")?.setAttribute("aria-label", this.caption());
    if (!chosen) {
      this.tell(this.caption());
      return;
    }
    const other: Side = chosen.side === "query" ? "key" : "query";
    const others = drawn.layout[other === "key" ? "keys" : "queries"];
    const mine = drawn.links.filter((link) => link[chosen.side] === chosen.at);
    // Of several heads the one that gives most stands at a place.
    const numbered = mine.filter((link, at) => mine.findIndex((one) => one[other] === link[other]) === at);
    numbered.slice(0, 40).forEach((link) => {
      const place = others[link[other]];
      const lines = drawn.layout.direction === "lines";
      const shift = (place.anchor === "end" ? -1 : 1) * (place.width + 8);
      const number = svgElement("text", {
        x: (lines ? place.x : place.x + shift).toFixed(1),
        y: (lines ? place.y + (other === "key" ? -15 : 14) : place.y).toFixed(1),
        "text-anchor": place.anchor,
        fill: link === mine[0] ? accent : text,
        "font-family": "ui-monospace, monospace",
        "font-size": 11,
      });
      number.textContent = weightText(link.weight);
      drawn.numbers.append(number);
    });
    this.tell(this.sentence(chosen, mine));
  }

  private leastText(): string {
    return this.least < 0.01 && this.least > 0 ? weightText(this.least) : this.least.toFixed(2);
  }

  private tell(text: string): void {
    this.said = text;
    this.app.describe(text);
  }

  private sentence(chosen: { side: Side; at: number }, mine: Drawn["links"]): string {
    const drawn = this.drawn as Drawn;
    const name = (side: Side, at: number) =>
      side === "query"
        ? isolated(brief(drawn.shown.rows.name(drawn.rows[0] + at)))
        : isolated(brief(drawn.shown.columns.name(drawn.columns[0] + at)));
    const other: Side = chosen.side === "query" ? "key" : "query";
    const head = ({ of }: Link) => (drawn.heads.length > 0 ? ` (head ${drawn.heads[of]})` : "");
    const list = mine.slice(0, 6).map((link) => `${name(other, link[other])} ${weightText(link.weight)}${head(link)}`);
    const verb = chosen.side === "query" ? "attends to" : "is attended by";
    return `${name(chosen.side, chosen.at)} ${verb} ${list.join(", ") || `nothing with a weight of ${this.leastText()} or more`}`;
  }

  private caption(): string {
    const drawn = this.drawn;
    if (!drawn) return "";
    const { state } = this.app.store;
    const part = (what: string, [first, last]: readonly [number, number], count: number) =>
      last - first < count ? `; ${what} ${countText(first)} to ${countText(last - 1)} of ${countText(count)}` : "";
    return (
      `${mapText(drawn.shown.info, state.heads, drawn.heads.length > 0)}: weights of at least ${this.leastText()}` +
      (drawn.left > 0 ? `, the strongest ${countText(CURVES)} of ${countText(CURVES + drawn.left)}` : "") +
      part("rows", drawn.rows, drawn.shown.rows.count) +
      part("columns", drawn.columns, drawn.shown.columns.count)
    );
  }

  /** The token under the crosshair, as a place on screen. */
  private chosen(): { side: Side; at: number } | null {
    const drawn = this.drawn;
    if (!drawn) return null;
    const { state } = this.app.store;
    const sides: Side[] = this.side === "query" ? ["query", "key"] : ["key", "query"];
    for (const side of sides) {
      const token = state[side];
      if (token === null) continue;
      const [units, [first, last]] =
        side === "query" ? [drawn.shown.rows, drawn.rows] : [drawn.shown.columns, drawn.columns];
      const unit = units.unitOf(token);
      if (unit >= first && unit < last) return { side, at: unit - first };
    }
    return null;
  }

  private choose(side: Side, at: number, pinned: boolean, passing = false): void {
    const drawn = this.drawn as Drawn;
    this.side = side;
    const token =
      side === "query" ? drawn.shown.rows.start(drawn.rows[0] + at) : drawn.shown.columns.start(drawn.columns[0] + at);
    const place = side === "query" ? { query: token, key: null } : { query: null, key: token };
    if (passing) this.pointed.over(place);
    else {
      this.pointed.keep();
      this.app.store.set({ ...place, pinned });
    }
  }

  private pointAt(event: Event): void {
    const label = labelOf(event);
    if (label && !this.app.store.state.pinned)
      this.choose(label.dataset.side as Side, Number(label.dataset.at), false, true);
  }

  private hold(event: Event): void {
    const label = labelOf(event);
    if (label) this.choose(label.dataset.side as Side, Number(label.dataset.at), true);
    else this.app.store.set({ pinned: false, query: null, key: null });
  }

  private leave(): void {
    this.pointed.leave();
  }

  private turnAround(): void {
    this.wanted = this.drawn?.layout.direction === "lines" ? "columns" : "lines";
    this.draw();
  }

  keydown(event: KeyboardEvent): boolean {
    const drawn = this.drawn;
    if (!drawn) return false;
    const lines = drawn.layout.direction === "lines";
    const along = lines ? { ArrowLeft: -1, ArrowRight: 1 } : { ArrowUp: -1, ArrowDown: 1 };
    const across: Record<string, Side> = lines
      ? { ArrowUp: "key", ArrowDown: "query" }
      : { ArrowLeft: "key", ArrowRight: "query" };
    const { state } = this.app.store;
    const step = (along as Record<string, number>)[event.key];
    if (step || across[event.key]) {
      const now = this.chosen();
      const side = across[event.key] ?? now?.side ?? this.side;
      const count = drawn.labels[side].length;
      const at = now === null ? 0 : Math.max(0, Math.min(count - 1, now.at + (step ?? 0)));
      if (count > 0) this.choose(side, at, state.pinned);
      this.app.say(this.said);
    } else if (event.key === "Enter") this.app.store.set({ pinned: !state.pinned });
    else if (event.key === "Escape") this.app.store.set({ pinned: false, query: null, key: null });
    else if (event.key === "+" || event.key === "-") {
      const threshold = Math.max(0, Math.min(1, this.least + (event.key === "+" ? -0.01 : 0.01)));
      this.app.store.set({ threshold: Number(threshold.toFixed(2)) });
    } else if (event.key === "l") this.turnAround();
    else return false;
    return true;
  }

  async table(full = false): Promise<TextTable> {
    const text = weightTexts(full);
    const drawn = this.drawn;
    if (!drawn) return { caption: "nothing is drawn yet", columns: [], rows: [] };
    const { rows, columns: cols, shown, heads } = drawn;
    const chosen = this.chosen();
    const links = drawn.links.filter((link) => chosen === null || link[chosen.side] === chosen.at);
    const ordered = links.sort((one, two) => one.query - two.query || two.weight - one.weight).slice(0, 500);
    return {
      caption: this.caption(),
      columns: [
        shown.rows.axis.title,
        shown.columns.axis.title,
        ...(heads.length > 0 ? ["head"] : []),
        howOfUnits(this.app.store.state) === "mass" ? "mass" : "weight",
      ],
      rows: ordered.map(({ query, key, of, weight }) => [
        brief(shown.rows.label(rows[0] + query)),
        brief(shown.columns.label(cols[0] + key)),
        ...(heads.length > 0 ? [String(heads[of])] : []),
        text(weight),
      ]),
    };
  }

  async svg(): Promise<string> {
    const svg = this.stage.querySelector("svg")?.cloneNode(true) as SVGSVGElement | undefined;
    if (!svg) throw new Error("nothing is drawn yet");
    for (const faint of svg.querySelectorAll(".faint-curve")) faint.setAttribute("opacity", "0.22");
    return titledSvg(svg, this.caption(), this.app.palette, this.drawn?.heads ?? []);
  }
}

function labelOf(event: Event): SVGElement | null {
  return (event.target as Element).closest<SVGElement>(".label");
}
