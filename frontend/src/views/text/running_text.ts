/** The running text, its tokens coloured by what the chosen one attends to, or by what attends to it. */

import { rgbAt, rowTop, strength } from "../../colours";
import { areColoured, inkedColour } from "../../compare/head_colours";
import { headLegend } from "../../compare/head_legend";
import type { App, Cells, MountedView, State, TextTable } from "../../contract";
import { brief, countText, isolated, weightText, weightTexts } from "../../labels";
import { marksOn } from "../../marks";
import { Pointed } from "../../pointed";
import { Question } from "../../question";
import { howOfUnits, mapText, rowAxisOf, type Shown, shownBy } from "../../shown";
import type { Units } from "../../units";
import { textAsSvg } from "./text_svg";
import { fillToken, gap, paint } from "./token";

/** Units on a page of the text: what a browser lays out at once without a pause. */
const PAGE = 1500;

type Side = "query" | "key";

/** Weights of the chosen token, one a unit of the other side. */
export interface Reading {
  /** The side that is coloured. */
  side: Side;
  first: number;
  weights: Float32Array;
  /** The same of each head, where each has a colour; else empty. */
  layers: { head: number; weights: Float32Array }[];
}

export class RunningText implements MountedView {
  private readonly frame = document.createElement("div");
  private readonly stage = document.createElement("div");
  /** What is shown, in words. */
  private said = "";
  private readonly pages = document.createElement("span");
  private readonly directions: Record<State["direction"], HTMLInputElement>;
  private readonly legend = headLegend([]);
  private readonly pointed: Pointed;
  private readonly stop: () => void;
  private readonly question: Question;
  private shown: Shown;
  private reading: Reading | null = null;
  private tokens: Record<Side, Map<number, HTMLElement>> = { query: new Map(), key: new Map() };

  constructor(
    root: HTMLElement,
    private readonly app: App,
  ) {
    this.pointed = new Pointed(app.store);
    this.question = new Question(app, this.frame);
    this.frame.className = "text";
    this.stage.className = "text-stage";
    this.stage.tabIndex = 0;
    const controls = document.createElement("div");
    controls.className = "text-controls";
    const group = document.createElement("span");
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", "direction");
    const name = `direction-${Math.random().toString(36).slice(2)}`;
    const radio = (value: State["direction"], text: string) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name, value });
      input.addEventListener("change", () => this.app.store.set({ direction: value }));
      label.append(input, ` ${text} `);
      group.append(label);
      return input;
    };
    this.directions = { from: radio("from", "what it attends to"), to: radio("to", "what attends to it") };
    controls.append(group, this.pages, this.legend);
    this.frame.append(controls, this.stage);
    root.append(this.frame);

    this.stage.addEventListener("pointerover", (event) => this.point(event, false));
    this.stage.addEventListener("pointerleave", () => {
      this.pointed.leave();
    });
    this.stage.addEventListener("click", (event) => this.point(event, true));
    this.shown = shownBy(app.manifest, app.store.state);
    this.stop = app.store.subscribe((_, changed) => {
      const text = ["map", "unit", "special", "rowAxis", "pair", "viewport"] as const;
      if (text.some((one) => changed.has(one))) this.write();
      else this.read();
    });
    this.write();
  }

  destroy(): void {
    this.question.drop();
    this.stop();
    this.frame.remove();
  }

  redraw(): void {
    this.colour();
  }

  contentHeight(): number {
    const { firstElementChild: first, lastElementChild: last } = this.stage;
    const written = first && last ? last.getBoundingClientRect().bottom - first.getBoundingClientRect().top : 0;
    return this.frame.clientHeight - this.stage.clientHeight + Math.ceil(written) + 24;
  }

  /** One text where rows and columns are the same tokens, or what a decoder consumed; else two. */
  private get one(): boolean {
    return this.shown.info.rowAxes.includes(this.shown.info.columnAxis);
  }

  private unitsOf(side: Side): Units {
    return side === "key" || this.one ? this.shown.columns : this.shown.rows;
  }

  /** The part of a side that is written: whole pages of units, that of the viewport first. */
  private page(side: Side): readonly [number, number] {
    const units = this.unitsOf(side);
    const port = this.app.store.state.viewport;
    const at = port ? (side === "query" && !this.one ? port.top : port.left) : 0;
    const first = Math.floor(Math.max(0, Math.min(at, units.count - 1)) / PAGE) * PAGE;
    return [first, Math.min(first + PAGE, units.count)];
  }

  private write(): void {
    const { state } = this.app.store;
    this.shown = shownBy(this.app.manifest, state);
    this.tokens = { query: new Map(), key: new Map() };
    const sides: Side[] = this.one ? ["key"] : ["key", "query"];
    this.stage.replaceChildren(
      ...sides.flatMap((side) => {
        const units = this.unitsOf(side);
        const [first, last] = this.page(side);
        const title = document.createElement("h2");
        title.textContent =
          units.axis.title +
          (last - first < units.count
            ? ` ${countText(first)} to ${countText(last - 1)} of ${countText(units.count)}`
            : "");
        const text = document.createElement("p");
        text.dir = "auto";
        const words = new Set(units.axis.words);
        for (let unit = first; unit < last; unit++) {
          const token = document.createElement("span");
          const special = units.special(unit);
          token.className = `text-token${state.special === "dimmed" && special ? " special" : ""}`;
          const label = brief(units.label(unit), 200);
          fillToken(token, label, special);
          token.dataset.side = side;
          token.dataset.unit = String(unit);
          this.tokens[side].set(unit, token);
          if (unit > first) text.append(...gap(label, words.has(units.start(unit))));
          text.append(token);
        }
        return [title, text];
      }),
    );
    this.writePages();
    this.read();
  }

  private writePages(): void {
    const most = Math.max(this.shown.rows.count, this.shown.columns.count);
    this.pages.replaceChildren();
    if (most <= PAGE) return;
    for (const [text, step] of [
      ["◀ earlier", -1],
      ["later ▶", 1],
    ] as const) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => this.turn(step));
      this.pages.append(button, " ");
    }
  }

  /** Another page, of both texts. */
  private turn(step: number): void {
    const move = (side: Side) => {
      const units = this.unitsOf(side);
      const [first] = this.page(side);
      const start = Math.max(0, Math.min(first + step * PAGE, Math.floor((units.count - 1) / PAGE) * PAGE));
      return [start, Math.min(start + PAGE, units.count)] as const;
    };
    const [left, right] = move("key");
    const [top, bottom] = this.one ? [left, right] : move("query");
    this.app.store.set({ viewport: { top, bottom, left, right } });
  }

  /** The chosen token and the side that it stands on, by the direction: a query looks, a key is looked at. */
  private chosen(): { side: Side; unit: number; place: Side } | null {
    const { state } = this.app.store;
    const meant: Side = state.direction === "from" ? "query" : "key";
    const other: Side = meant === "query" ? "key" : "query";
    const side = state[meant] === null && state[other] !== null ? other : meant;
    const token = state[side];
    if (token === null) return null;
    const unit = this.unitsOf(side).unitOf(token);
    return unit < 0 ? null : { side, unit, place: this.one ? "key" : side };
  }

  private async read(): Promise<void> {
    const { state } = this.app.store;
    this.directions[state.direction].checked = true;
    const chosen = this.chosen();
    if (!chosen) {
      this.question.drop();
      this.reading = null;
      this.colour();
      return;
    }
    const other: Side = chosen.side === "query" ? "key" : "query";
    const [first, last] = this.page(other);
    const cells = (side: Side, from: number, to: number): Cells => this.unitsOf(side).cells(from, to, to - from);
    const mine = cells(chosen.side, chosen.unit, chosen.unit + 1);
    const others = cells(other, first, last);
    const request = {
      map: state.map,
      heads: state.heads,
      rows: chosen.side === "query" ? mine : others,
      columns: chosen.side === "query" ? others : mine,
      how: howOfUnits(state),
      hideSpecial: state.special === "hidden",
      rowAxis: rowAxisOf(this.shown.info, state),
      renormalise: state.special === "hidden" && state.renormalise,
      sample: 0,
    };
    const apart = areColoured(state) ? state.heads : [];
    const each = [state.heads, ...apart.map((head) => [head])];
    await this.question.ask(
      (signal) => Promise.all(each.map((heads) => this.app.source.region({ ...request, heads }, signal))),
      ([region, ...alone]) => {
        const layers = alone.map(({ values }, at) => ({ head: apart[at], weights: values }));
        this.reading = { side: other, first, weights: region.values, layers };
        this.colour();
      },
    );
  }

  /** A background for each token: its weight, in the colours of the map. */
  private colour(): void {
    const chosen = this.chosen();
    const place: Side | null = this.reading && (this.one ? "key" : this.reading.side);
    const weights = this.reading?.weights ?? new Float32Array();
    const { scale: chosenScale } = this.app.store.state;
    const scale = {
      name: chosenScale === "auto" ? ("linear" as const) : chosenScale,
      top: 1,
      signed: !this.shown.info.probabilities,
    };
    const layers = this.reading?.layers ?? [];
    this.legend.replaceChildren(...headLegend(layers.map(({ head }) => head)).childNodes);
    // Heads with colours of their own are on one scale.
    const most = Math.max(
      ...[weights, ...layers.map((layer) => layer.weights)].map((one) => rowTop(one, 0, one.length)),
    );
    const shareOf = (weight: number) => strength(weight, scale.signed ? { ...scale, top: most } : scale, most);
    for (const side of ["key", "query"] as const)
      for (const [unit, token] of this.tokens[side]) {
        token.classList.toggle("chosen", chosen !== null && chosen.place === side && chosen.unit === unit);
        const at = place === side && this.reading ? unit - this.reading.first : -1;
        const weight = weights[at] ?? 0;
        const shares = layers.map((layer) => Math.max(0, shareOf(layer.weights[at] ?? 0)));
        if (layers.length > 0) paint(token, Math.max(...shares), inkedColour(shares, this.app.palette));
        else paint(token, shareOf(weight), rgbAt(shareOf(weight), this.app.palette));
        const spelling = this.unitsOf(side).spelling(unit);
        const each = layers.map((layer) => `head ${layer.head} ${weightText(layer.weights[at] ?? 0)}`);
        const said = each.length > 0 ? each.join(", ") : weightText(weight);
        token.title = at >= 0 ? `${said} · ${spelling}` : spelling;
      }
    this.mark();
    this.said = this.sentence();
    this.app.describe(this.said);
  }

  /** What was found is underlined, and what is pinned has a line around it. */
  private mark(): void {
    const { found, pins } = marksOn(this.app, this.shown);
    const marked = {
      found: { query: new Set<number>(), key: new Set<number>() },
      pinned: { query: new Set<number>(), key: new Set<number>() },
    };
    // Of a text that looks at itself only the columns are written, which are its rows too.
    const spans = { query: this.one ? [] : found.rows, key: found.columns };
    for (const side of ["query", "key"] as const)
      for (const [first, last] of spans[side]) for (let unit = first; unit < last; unit++) marked.found[side].add(unit);
    for (const { row, column } of pins) {
      if (row !== null) marked.pinned[this.one ? "key" : "query"].add(this.one ? this.columnOf(row) : row);
      if (column !== null) marked.pinned.key.add(column);
    }
    for (const side of ["query", "key"] as const)
      for (const [unit, token] of this.tokens[side]) {
        token.classList.toggle("found", marked.found[side].has(unit));
        token.classList.toggle("pinned", marked.pinned[side].has(unit));
      }
  }

  /** The column of the token that a row is of. */
  private columnOf(row: number): number {
    const { rows, columns, info } = this.shown;
    const [axis, other] = [rows.axis, columns.axis];
    // Rows called by what was produced are one token ahead of what had been read.
    const ahead = axis === other || info.rowAxes.length < 2 || axis.title === other.title ? 0 : 1;
    return columns.unitOf(rows.start(row) + ahead);
  }

  private strongest(): { label: string; weight: number; unit: number }[] {
    if (!this.reading) return [];
    const { side, first, weights } = this.reading;
    const units = this.unitsOf(side);
    return [...weights]
      .map((weight, at) => ({ label: brief(units.name(first + at)), weight, unit: first + at }))
      .filter(({ weight }) => weight !== 0)
      .sort((one, two) => Math.abs(two.weight) - Math.abs(one.weight));
  }

  private sentence(): string {
    const { state } = this.app.store;
    const where = mapText(this.shown.info, state.heads, areColoured(state));
    const chosen = this.chosen();
    if (!chosen || !this.reading) return `${where}: point at a token, or go to one with the arrow keys`;
    const label = isolated(brief(this.unitsOf(chosen.side).name(chosen.unit)));
    const list = this.strongest().slice(0, 6);
    const verb = chosen.side === "query" ? "attends to" : "is attended by";
    return `${where}: ${label} ${verb} ${list.map((one) => `${isolated(one.label)} ${weightText(one.weight)}`).join(", ") || "nothing here"}`;
  }

  private choose(unit: number, place: Side, pinned: boolean, passing = false): void {
    // In one text a token is both a query and a key: the direction says which is meant. Between two texts, its side does.
    const { state } = this.app.store;
    const side: Side = this.one ? (state.direction === "from" ? "query" : "key") : place;
    const token = this.unitsOf(side).start(unit);
    const chosen = {
      query: side === "query" ? token : null,
      key: side === "key" ? token : null,
      direction: side === "query" ? ("from" as const) : ("to" as const),
    };
    if (passing) this.pointed.over(chosen);
    else {
      this.pointed.keep();
      this.app.store.set({ ...chosen, pinned });
    }
  }

  private point(event: Event, pinned: boolean): void {
    const token = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-unit]") : null;
    if (token && (pinned || !this.app.store.state.pinned))
      this.choose(Number(token.dataset.unit), token.dataset.side as Side, pinned, !pinned);
    else if (pinned && !token) this.app.store.set({ pinned: false, query: null, key: null });
  }

  keydown(event: KeyboardEvent): boolean {
    const { state } = this.app.store;
    const chosen = this.chosen();
    const place: Side = chosen?.place ?? "key";
    const ahead = this.tokens[place].values().next().value?.closest("p")?.matches(":dir(rtl)") ? -1 : 1;
    const step = { ArrowLeft: -ahead, ArrowRight: ahead }[event.key];
    if (step !== undefined || ((event.key === "ArrowUp" || event.key === "ArrowDown") && !this.one)) {
      const target: Side = step !== undefined ? place : place === "key" ? "query" : "key";
      const [first, last] = this.page(target);
      const at = chosen ? chosen.unit + (step ?? 0) : first;
      const unit = Math.max(first, Math.min(last - 1, at));
      if (last > first) this.choose(unit, target, state.pinned);
      this.tokens[target].get(unit)?.scrollIntoView({ block: "nearest" });
      this.read().then(() => this.app.say(this.said));
    } else if (event.key === "d" && this.one) {
      const token = state.query ?? state.key;
      const direction = state.direction === "from" ? "to" : "from";
      this.app.store.set({
        direction,
        query: direction === "from" ? token : null,
        key: direction === "to" ? token : null,
      });
    } else if (event.key === "Enter") this.app.store.set({ pinned: !state.pinned });
    else if (event.key === "Escape") this.app.store.set({ pinned: false, query: null, key: null });
    else if (event.key === "PageUp" || event.key === "PageDown") this.turn(event.key === "PageUp" ? -1 : 1);
    else return false;
    return true;
  }

  async table(full = false): Promise<TextTable> {
    const text = weightTexts(full);
    const other = this.reading?.side === "query" ? this.shown.rows : this.shown.columns;
    return {
      caption: this.sentence(),
      columns: ["position", other.axis.title, howOfUnits(this.app.store.state) === "mass" ? "mass" : "weight"],
      rows: this.strongest()
        .slice(0, 300)
        .map(({ label, weight, unit }) => [String(unit), label, text(weight)]),
    };
  }

  async svg(): Promise<string> {
    const heads = this.reading?.layers.map(({ head }) => head) ?? [];
    return textAsSvg(this.stage, this.said, this.app.palette, heads);
  }
}
