/** One query's attention, stage by stage, as rows of numbers over the keys. */

import type { App, Axis, MountedView, State, Steps, TextTable } from "../../contract";
import { button, element } from "../../elements";
import { brief, countText, fullText, weightText } from "../../labels";
import { Question } from "../../question";
import { mapText } from "../../shown";
import { stepsSvg } from "./document";
import { figuresOf } from "./figures";
import { math } from "./formula";
import { JointMap } from "./joint_map";
import { headCell, numberCell } from "./numbers";
import { outputTable } from "./output";
import { LABEL, QueryBar } from "./query_bar";
import { largestSize } from "./sizes";
import { numberText, type Stage, stagesOf } from "./stages";
import { whyElements } from "./why";

/** Queries and keys that are here all at once; of more, one query and the keys that it gives most to. */
const MOST_WHOLE = 64;

export class StepsView implements MountedView {
  private readonly element = element("div", "steps-view");
  private readonly queries: QueryBar;
  private readonly sentence = element("p", "steps-sentence");
  private readonly stageHolder = element("div", "steps-scroll");
  private readonly product = element("details", "steps-product");
  private readonly summary = element("summary");
  private readonly productBody = element("div", "steps-scroll");
  private readonly joint: JointMap;
  private readonly output = element("div", "steps-scroll");
  private readonly figures = element("div", "steps-figures");
  private readonly back = button("Previous", "the stage before (k)", () => this.go(this.stage - 1));
  private readonly next = button("Next", "the next stage (j)", () => this.go(this.stage + 1));
  private readonly stop: () => void;
  private readonly question: Question;
  /** null while they are on their way. */
  private steps: Steps | null = null;
  private arriving: Promise<void> = Promise.resolve();
  private stages: Stage[] = [];
  /** Index of the last stage shown: one more than there are stages of scores where there is an output. */
  private stage = 0;

  constructor(
    root: HTMLElement,
    private readonly app: App,
  ) {
    this.queries = new QueryBar(app.store);
    this.joint = new JointMap(app);
    this.question = new Question(app, this.element);
    this.build(root);
    this.stop = app.store.subscribe((_, changed) => this.changed(changed));
    this.load();
  }

  redraw(): void {
    this.show();
  }

  destroy(): void {
    this.question.drop();
    this.joint.stop();
    this.stop();
    this.element.remove();
  }

  keydown(event: KeyboardEvent): boolean {
    if (!this.steps || event.ctrlKey || event.altKey || event.metaKey) return false;
    const { queries } = this.info;
    const { places } = this;
    const bounded = (at: number, size: number) => Math.max(0, Math.min(size - 1, at));
    if (event.key === "j") this.go(this.stage + 1);
    else if (event.key === "k") this.go(this.stage - 1);
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      this.app.store.set({ query: bounded(this.query + (event.key === "ArrowDown" ? 1 : -1), queries) });
      this.app.say(this.strongestText());
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const at = bounded(this.column + (event.key === "ArrowRight" ? 1 : -1), places.length);
      this.app.store.set({ key: places[at] });
      this.app.say(this.keyText());
    } else if (event.key === "o") {
      this.product.open = !this.product.open;
      this.app.say(this.product.open ? this.keyText() : "");
    } else return false;
    return true;
  }

  // -- what is looked at ----------------------------------------------------------------------------------------------

  private get info() {
    return this.app.manifest.maps[this.app.store.state.map];
  }

  private get rowAxis(): Axis {
    const { axes } = this.app.manifest;
    return axes[this.info.rowAxes[this.app.store.state.rowAxis] ?? this.info.rowAxes[0]];
  }

  private get columnAxis(): Axis {
    return this.app.manifest.axes[this.info.columnAxis];
  }

  private get head(): number {
    return this.app.store.state.heads[0];
  }

  /** The chosen query; of none the last that is a word: it sees the most. */
  private get query(): number {
    const chosen = this.app.store.state.query;
    if (chosen !== null) return Math.min(chosen, this.info.queries - 1);
    const special = new Set(this.rowAxis.special);
    for (let at = this.info.queries - 1; at > 0; at--) if (!special.has(at)) return at;
    return 0;
  }

  /** Whether all queries are here, or one with the keys that it gives most to. */
  private get whole(): boolean {
    return Math.max(this.info.queries, this.info.keys) <= MOST_WHOLE;
  }

  /** Which of the rows that are here is the query's. */
  private get row(): number {
    return this.steps?.positions ? 0 : this.query;
  }

  /** The keys that are here. */
  private get places(): readonly number[] {
    return this.steps?.positions ?? Array.from({ length: this.info.keys }, (_, at) => at);
  }

  /** Which of the keys that are here is the chosen one. */
  private get column(): number {
    return Math.max(0, this.places.indexOf(this.key));
  }

  /** The chosen key, or the one that gets most. */
  private get key(): number {
    const { places } = this;
    const chosen = this.app.store.state.key;
    if (chosen !== null && places.includes(chosen)) return chosen;
    const weights = this.rowOf(this.steps?.weights ?? new Float32Array((this.row + 1) * places.length));
    return places[weights.indexOf(Math.max(...weights))] ?? 0;
  }

  private rowOf(values: Float32Array): Float32Array {
    const { length } = this.places;
    return values.subarray(this.row * length, (this.row + 1) * length);
  }

  private queryLabel(): string {
    return brief(this.rowAxis.tokens[this.query], LABEL);
  }

  private keyLabel(key = this.key): string {
    return brief(this.columnAxis.tokens[key], LABEL);
  }

  private get lastStage(): number {
    return this.stages.length - (this.steps?.output ? 0 : 1);
  }

  // -- what changes ---------------------------------------------------------------------------------------------------

  private changed(changed: ReadonlySet<keyof State>): void {
    const elsewhere =
      changed.has("query") || (changed.has("key") && !this.places.includes(this.app.store.state.key ?? this.key));
    if (changed.has("map") || changed.has("heads") || (!this.whole && elsewhere)) this.load();
    else if (["query", "key", "rowAxis", "special", "unit"].some((name) => changed.has(name as keyof State)))
      this.show();
  }

  private load(): void {
    const { map } = this.app.store.state;
    this.question.drop();
    this.steps = null;
    if (!this.info.steps) return; // the shell takes another view
    const row = this.whole ? undefined : { query: this.query, key: this.app.store.state.key };
    this.arriving = this.question.ask(
      (signal) => this.app.source.steps(map, this.head, signal, row),
      (steps) => this.take(steps),
    );
  }

  private async arrived(): Promise<void> {
    await this.arriving;
    if (!this.steps) throw new Error("the numbers of this head are not here; choose it again");
  }

  private take(steps: Steps): void {
    const names = this.stages.map(({ name }) => name).join();
    this.steps = steps;
    this.stages = stagesOf(steps, this.info.keys);
    // The stage stays where the other head has the same ones; one begins with the first.
    if (names !== this.stages.map(({ name }) => name).join()) this.stage = 0;
    this.show();
  }

  private go(stage: number): void {
    this.stage = Math.max(0, Math.min(this.lastStage, stage));
    this.show();
    this.app.say(this.sentence.textContent ?? "");
  }

  // -- what is shown --------------------------------------------------------------------------------------------------

  private show(): void {
    const { steps, stages } = this;
    if (!steps || stages.length === 0) return;
    const { palette } = this.app;
    this.queries.show(this.query, { axis: this.rowAxis, count: this.info.queries, whole: this.whole });
    this.sentence.textContent = this.stageSentence();
    this.back.disabled = this.stage === 0;
    this.next.disabled = this.stage === this.lastStage;
    this.stageHolder.replaceChildren(this.stageTable());
    const [queryLabel, keyLabel] = [this.queryLabel(), this.keyLabel()];
    this.summary.textContent = `Why “${queryLabel}” looks at “${keyLabel}”: the dot product of the query and the key`;
    const pair = { row: this.row, column: this.column, queryLabel, keyLabel };
    this.productBody.replaceChildren(...whyElements(steps, pair, this.rowOf(steps.scores)[this.column], palette));
    this.joint.look({
      map: this.app.store.state.map,
      head: this.head,
      query: this.query,
      key: this.key,
      queryLabel: (at) => brief(this.rowAxis.tokens[at], LABEL),
      keyLabel: (at) => this.keyLabel(at),
      weight: (key) => this.rowOf(steps.weights)[this.places.indexOf(key)],
    });
    const withOutput = steps.output !== null && this.stage === this.lastStage;
    this.output.hidden = !withOutput;
    const carried = { weights: this.rowOf(steps.weights), row: this.row, query: this.queryLabel() };
    const table = () => outputTable(steps, carried, (column) => this.keyLabel(this.places[column]), palette);
    this.output.replaceChildren(...(withOutput ? [table()] : []));
    const figures = this.whole ? figuresOf(stages, steps, this.query, palette, (stage) => this.go(stage)) : [];
    figures.forEach((figure, at) => {
      figure.setAttribute("aria-pressed", String(at === this.stage));
    });
    this.figures.replaceChildren(...figures);
  }

  private stageSentence(): string {
    const stage = this.stages[this.stage];
    const several = this.app.store.state.heads.length > 1 ? `Head ${this.head} of those chosen. ` : "";
    if (stage) return `${several}${this.stage + 1}. ${stage.name}: ${stage.sentence(this.row)}`;
    return `${several}${this.stage + 1}. times v: The values of the keys, each times its weight, are summed: what the head gives for ${this.queryLabel()}.`;
  }

  private strongestText(): string {
    const weight = this.steps ? this.rowOf(this.steps.weights) : new Float32Array(1);
    const most = weight.indexOf(Math.max(...weight));
    return `query ${this.queryLabel()}: most on ${this.keyLabel(this.places[most])}, ${weightText(weight[most])}`;
  }

  private keyText(): string {
    const stages = this.stages.slice(0, this.stage + 1);
    const values = stages.map(({ name, values }) => `${name} ${numberText(this.rowOf(values)[this.column])}`);
    return `key ${this.keyLabel()}: ${values.join(", ")}`;
  }

  /** The columns after the keys: the sink, which only counts in the sum, and the sum. */
  private get extras() {
    const sink = { name: "sink", of: (stage: Stage) => stage.sink?.(this.row) ?? null };
    const sum = { name: "Σ", of: (stage: Stage) => stage.sum?.(this.row) ?? null };
    const left = this.info.keys - this.places.length;
    const others = {
      name: `+ ${countText(left)} ${left === 1 ? "other" : "others"}`,
      of: (stage: Stage) => stage.others?.(this.row) ?? null,
    };
    return [...(left > 0 ? [others] : []), ...(this.steps?.sink == null ? [] : [sink]), sum];
  }

  private stageTable(): HTMLTableElement {
    const table = element("table", "steps-table");
    const { special: shown, unit } = this.app.store.state;
    const each = shown === "hidden" || unit !== "tokens" ? "; each token by itself, and none is hidden" : "";
    table.createCaption().textContent = `${mapText(this.info, [this.head])}: query ${this.queryLabel()}${each}`;
    const special = new Set(shown === "shown" ? [] : this.columnAxis.special);
    const head = table.createTHead().insertRow();
    head.append(headCell("stage", "col"));
    for (const key of this.places) {
      const cell = headCell("", "col");
      const choose = button(this.keyLabel(key), "", () => this.app.store.set({ key }));
      choose.setAttribute("aria-pressed", String(key === this.key));
      choose.classList.toggle("dimmed", special.has(key));
      choose.tabIndex = -1; // arrows move between keys
      choose.dataset.key = String(key);
      cell.append(choose);
      head.append(cell);
    }
    for (const { name } of this.extras) head.append(headCell(name, "col"));
    const body = table.createTBody();
    this.stages.slice(0, this.stage + 1).forEach((stage, at) => {
      const row = body.insertRow();
      if (at === this.stage) row.className = "current";
      const name = headCell("", "row");
      name.append(element("span", "steps-name", stage.name), math(stage.formula));
      const most = stage.weights ? 1 : largestSize(stage.values);
      row.append(name, ...Array.from(this.rowOf(stage.values), (value) => numberCell(value, most, this.app.palette)));
      for (const { of } of this.extras) {
        const value = of(stage);
        row.append(element("td", "steps-sum", value === null ? "" : numberText(value)));
      }
      row.cells[this.column + 1].classList.add("chosen");
    });
    return table;
  }

  // -- what is taken away ---------------------------------------------------------------------------------------------

  async table(full = false): Promise<TextTable> {
    await this.arrived();
    const { extras } = this;
    const text = full ? fullText : numberText;
    const cell = (value: number | null) => (value === null ? "" : text(value));
    return {
      caption: `${mapText(this.info, [this.head])}: query ${this.queryLabel()}, stage by stage`,
      columns: ["stage", ...this.places.map((key) => this.keyLabel(key)), ...extras.map((one) => one.name)],
      rows: this.stages
        .slice(0, this.stage + 1)
        .map((stage) => [
          `${stage.name}: ${stage.plain}`,
          ...Array.from(this.rowOf(stage.values), text),
          ...extras.map(({ of }) => cell(of(stage))),
        ]),
    };
  }

  async svg(): Promise<string> {
    await this.arrived();
    return stepsSvg({
      title: `${brief(this.app.manifest.title, 120)} – ${mapText(this.info, [this.head])}: query ${this.queryLabel()}`,
      stages: this.stages.slice(0, this.stage + 1),
      query: this.row,
      labels: this.places.map((key) => this.keyLabel(key)),
      extras: this.extras,
      palette: this.app.palette,
    });
  }

  private build(root: HTMLElement): void {
    const bar = element("div", "steps-bar");
    bar.append(
      button("First", "only the first stage", () => this.go(0)),
      this.back,
      this.next,
      button("All", "all stages", () => this.go(this.lastStage)),
      this.sentence,
    );
    this.product.append(this.summary, this.productBody);
    this.element.addEventListener("pointerover", (event) => {
      const [target, composed] = [event.target, event.composedPath()];
      const { at, key } = (target as Element).closest<HTMLElement>("button[data-at], button[data-key]")?.dataset ?? {};
      if (at !== undefined) this.joint.point({ side: "query", at: Number(at) });
      else if (key !== undefined) this.joint.point({ side: "key", at: Number(key) });
      else if (!composed.includes(this.joint.element)) this.joint.point(null);
    });
    for (const [name, part] of [
      ["stages", this.stageHolder],
      ["dot product", this.productBody],
      ["output", this.output],
    ] as const) {
      part.tabIndex = 0; // scrolled by keys
      part.setAttribute("role", "region");
      part.setAttribute("aria-label", name);
    }
    this.figures.setAttribute("role", "group");
    this.figures.setAttribute("aria-label", "each stage for all queries");
    this.element.append(
      this.queries.element,
      bar,
      this.stageHolder,
      this.product,
      this.joint.element,
      this.output,
      this.figures,
    );
    root.append(this.element);
  }
}
