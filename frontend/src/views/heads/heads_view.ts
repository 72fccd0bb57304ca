/** Every layer and head as thumbnails: find one, sort them, open one. */

import type { App, MountedView, State, TextTable } from "../../contract";
import { button, choice, element, fill } from "../../elements";
import { brief, countText, statisticText, weightTexts } from "../../labels";
import { goTo } from "../../places";
import { mapText } from "../../shown";
import { drawHeads, headsSvg, type Scene } from "./drawing";
import { type Arrangement, arrange, CAPTION, type Cell, cellAt, mapsShown, neighbour, statisticsOf } from "./layout";
import { Thumbnails } from "./thumbnails";

const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];
const TABLE_ROWS = 500;
/** Weights of all maps together that are small. */
const LOADED = 2 ** 24;

export class HeadsView implements MountedView {
  private readonly element = element("div", "heads-view");
  private readonly scroll = element("div", "heads-scroll");
  private readonly space = element("div", "heads-space");
  private readonly canvas = element("canvas", "heads-canvas");
  /** What is known of the head under the pointer or the keyboard. */
  private told = "";
  private readonly limit = element("input");
  private readonly limitName = element("span", "", "at least");
  private readonly direction: HTMLButtonElement;
  private readonly sort;
  private readonly limitLabel = element("label", "choice");
  private readonly painted: Thumbnails;
  private readonly stops: (() => void)[] = [];
  private descending = true;
  private arrangement: Arrangement = { cells: [], headings: [], side: 0, width: 0, height: 0 };
  private current = -1;
  private frame = 0;

  constructor(
    root: HTMLElement,
    private readonly app: App,
  ) {
    const { store } = app;
    this.painted = new Thumbnails(app, () => this.request());
    this.sort = choice("sorted by", [], (sort) => store.set({ sort }));
    this.direction = button("", "", () => {
      this.descending = !this.descending;
      this.lay();
    });
    this.limit.type = "number";
    this.limit.step = "any";
    this.limit.addEventListener("input", () => this.lay());
    this.limitLabel.append(this.limitName, this.limit);
    this.build(root);
    const observer = new ResizeObserver(() => this.lay());
    observer.observe(this.scroll);
    this.stops.push(
      () => observer.disconnect(),
      store.subscribe((state, changed) => this.changed(state, changed)),
    );
    this.lay();
    this.loadAll();
    const chosen = this.arrangement.cells.findIndex((cell) => this.chosen(cell));
    this.current = Math.max(0, chosen);
    this.reveal();
  }

  redraw(): void {
    this.lay();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    for (const stop of this.stops) stop();
    this.painted.stop();
    this.element.remove();
  }

  keydown(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.altKey || event.metaKey || this.arrangement.cells.length === 0) return false;
    if (MOVES.includes(event.key)) {
      this.current = neighbour(this.arrangement, Math.max(0, this.current), event.key);
      this.reveal();
      this.tell();
      this.app.say(this.told);
    } else if (event.key === "Enter" && this.current >= 0) this.open(this.current);
    else if (event.key === "r" && this.app.store.state.sort !== "") {
      this.descending = !this.descending;
      this.lay();
      this.app.say(this.direction.textContent ?? "");
    } else return false;
    return true;
  }

  contentHeight(): number {
    return this.element.clientHeight - this.scroll.clientHeight + this.arrangement.height + 4;
  }

  async table(full = false): Promise<TextTable> {
    const { manifest } = this.app;
    const names = statisticsOf(manifest, mapsShown(manifest, this.app.store.state));
    const text = weightTexts(full);
    const { cells } = this.arrangement;
    const shown = cells.slice(0, TABLE_ROWS);
    const part = shown.length < cells.length ? `, the first ${TABLE_ROWS} of ${countText(cells.length)}` : "";
    return {
      caption: `${this.title()}${part}`,
      columns: ["head", ...names],
      rows: shown.map(({ map, head }) => {
        const info = manifest.maps[map];
        const values = names.map((name) => info.statistics[name]?.[head]);
        return [mapText(info, [head]), ...values.map((value) => (value === undefined ? "" : text(value)))];
      }),
    };
  }

  async svg(): Promise<string> {
    await this.painted.all(this.arrangement.cells.map(({ map }) => map));
    return headsSvg(this.scene(), this.painted, this.title());
  }

  // -- what changes ---------------------------------------------------------------------------------------------------

  private changed(state: Readonly<State>, changed: ReadonlySet<keyof State>): void {
    if (changed.has("sort")) {
      this.limit.value = "";
      this.lay();
      this.current = this.arrangement.cells.length > 0 ? 0 : -1;
      this.scroll.scrollTop = 0;
    } else if (changed.has("map")) {
      this.lay();
      this.loadAll();
    }
    if (changed.has("map") || changed.has("heads")) {
      const at = this.arrangement.cells.findIndex((cell) => cell.map === state.map && state.heads.includes(cell.head));
      if (at >= 0) this.current = at;
      this.reveal();
    }
    this.controls();
    this.tell();
    this.request();
  }

  private lay(): void {
    const { manifest, store } = this.app;
    const before = this.arrangement.cells[this.current];
    const limit = this.limit.value.trim() === "" ? null : Number(this.limit.value);
    const order = { sort: this.sorting(), descending: this.descending, limit };
    const width = Math.max(240, this.scroll.clientWidth);
    this.arrangement = arrange(manifest, mapsShown(manifest, store.state), order, width);
    const { cells } = this.arrangement;
    const same = before ? cells.findIndex((cell) => cell.map === before.map && cell.head === before.head) : -1;
    this.current = same >= 0 ? same : Math.min(0, cells.length - 1);
    this.space.style.height = `${this.arrangement.height}px`;
    this.controls();
    this.tell();
    this.request();
  }

  /** Small maps are asked for before they come into sight: paper has them all, and does not wait. */
  private loadAll(): void {
    const maps = mapsShown(this.app.manifest, this.app.store.state);
    const infos = maps.map((map) => this.app.manifest.maps[map]);
    if (infos.reduce((sum, { heads, queries, keys }) => sum + heads * queries * keys, 0) <= LOADED)
      void this.painted.all(maps);
  }

  /** The statistic in force: none where these maps have not got it. */
  private sorting(): string {
    const { manifest, store } = this.app;
    const { sort } = store.state;
    return statisticsOf(manifest, mapsShown(manifest, store.state)).includes(sort) ? sort : "";
  }

  private chosen({ map, head }: Cell): boolean {
    const { state } = this.app.store;
    return map === state.map && state.heads.includes(head);
  }

  private open(at: number): void {
    const cell = this.arrangement.cells[at];
    const { manifest, store } = this.app;
    store.set({ ...goTo(manifest, store.state, cell.map, [cell.head]), view: "map" });
  }

  private reveal(): void {
    const cell = this.arrangement.cells[this.current];
    if (!cell) return;
    const bottom = cell.y + this.arrangement.side + 2 * CAPTION;
    if (cell.y < this.scroll.scrollTop) this.scroll.scrollTop = Math.max(0, cell.y - 30);
    else if (bottom > this.scroll.scrollTop + this.height()) this.scroll.scrollTop = bottom - this.height();
    this.request();
  }

  // -- what is shown --------------------------------------------------------------------------------------------------

  private height(): number {
    return Math.max(1, this.scroll.clientHeight);
  }

  private title(): string {
    const { manifest, store } = this.app;
    const sort = this.sorting();
    const what = store.state.thumbnails === "max" ? "largest weights" : "mean weights";
    const order = sort ? `, by ${sort}, ${this.directionText()}` : "";
    return `${countText(this.arrangement.cells.length)} heads of ${brief(manifest.title || "the recording", 120)}: ${what}${order}`;
  }

  private directionText(): string {
    return this.descending ? "largest first" : "smallest first";
  }

  private scene(): Scene {
    const { manifest, store, palette } = this.app;
    const kinds = new Set(mapsShown(manifest, store.state).map((map) => manifest.maps[map].kind)).size > 1;
    const { arrangement, current } = this;
    const sort = this.sorting();
    return { arrangement, maps: manifest.maps, kinds, sort, palette, current, chosen: (cell) => this.chosen(cell) };
  }

  private request(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    const [width, height] = [this.arrangement.width, this.height()];
    const density = devicePixelRatio || 1;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const [across, down] = [Math.round(width * density), Math.round(height * density)];
    if (this.canvas.width !== across || this.canvas.height !== down) {
      this.canvas.width = across;
      this.canvas.height = down;
    }
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.setTransform(density, 0, 0, density, 0, 0);
    drawHeads(context, this.scene(), this.painted, this.scroll.scrollTop, height);
  }

  private tell(): void {
    const cell = this.arrangement.cells[this.current];
    if (!cell) {
      this.told = "no head is within the limit";
      this.app.describe(this.told);
      return;
    }
    const info = this.app.manifest.maps[cell.map];
    const numbers = Object.entries(info.statistics).map(
      ([name, values]) => `${name} ${statisticText(info, name, cell.head, values[cell.head])}`,
    );
    this.told = [mapText(info, [cell.head]), ...numbers].join(" · ");
    this.app.describe(this.told);
    this.canvas.setAttribute("aria-label", `${this.title()}; ${this.told}`);
  }

  private controls(): void {
    const { manifest, store } = this.app;
    const names = statisticsOf(manifest, mapsShown(manifest, store.state));
    const options = [["", "layer"], ...names.map((name) => [name, name])] as [string, string][];
    if (this.sort.control.options.length !== options.length) fill(this.sort.control, options);
    const sort = this.sorting();
    this.sort.control.value = sort;
    this.direction.textContent = this.directionText();
    this.direction.hidden = this.limitLabel.hidden = sort === "";
    this.limitName.textContent = `${sort} ${this.descending ? "at least" : "at most"}`;
  }

  private point(event: MouseEvent): number {
    const box = this.canvas.getBoundingClientRect();
    return cellAt(this.arrangement, event.clientX - box.left, event.clientY - box.top + this.scroll.scrollTop);
  }

  private build(root: HTMLElement): void {
    const bar = element("div", "heads-bar");
    bar.append(this.sort.label, this.direction, this.limitLabel);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.space.append(this.canvas);
    this.scroll.append(this.space);
    this.element.append(bar, this.scroll);
    root.append(this.element);
    this.scroll.addEventListener("scroll", () => this.request());
    this.canvas.addEventListener("pointermove", (event) => {
      const at = this.point(event);
      this.canvas.style.cursor = at >= 0 ? "pointer" : "default";
      if (at < 0 || at === this.current) return;
      this.current = at;
      this.tell();
      this.request();
    });
    this.canvas.addEventListener("click", (event) => {
      const at = this.point(event);
      if (at >= 0) this.open(at);
    });
  }
}
