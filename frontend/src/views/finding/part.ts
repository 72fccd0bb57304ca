/** What the views of findings share: numbers of their map, and lines that are walked through by keys. */

import type { App, FindingInfo, MountedView, State, TextTable } from "../../contract";
import { element, hasFocus, svgElement } from "../../elements";
import { brief } from "../../labels";
import { Question } from "../../question";
import { wordLines } from "../../screen";

/** Pixels of a line, of its beginning, and of a letter in a picture by itself. */
export const [LINE, EDGE, LETTER] = [18, 12, 6.6];

export abstract class FindingPart<Found extends FindingInfo> implements MountedView {
  protected readonly element = element("div", "finding");
  protected readonly said = element("p", "finding-said");
  /** (rows, columns) of the map that is looked at, the mean of the chosen heads; empty until it is read. */
  protected values: Float32Array = new Float32Array();
  protected columns = 0;
  /** What has the stops of the arrow keys, in their order. */
  protected stops: HTMLElement[] = [];
  private readonly left: () => void;
  private readonly question: Question;
  private read = "";

  constructor(
    root: HTMLElement,
    protected readonly app: App,
    protected readonly found: Found,
  ) {
    this.element.append(this.said);
    root.append(this.element);
    this.question = new Question(app, this.element);
    this.left = app.store.subscribe((_, changed) => {
      if (changed.has("map") || changed.has("heads")) this.ask();
      else this.show(changed);
    });
    queueMicrotask(() => this.ask());
  }

  /** The numbers are there: everything is written. */
  protected abstract write(): void;
  /** Another place is chosen. */
  protected abstract show(changed: ReadonlySet<keyof State>): void;
  protected abstract choose(at: number): void;
  /** What is shown, in words. */
  protected abstract sentence(): string;
  abstract table(full?: boolean): Promise<TextTable>;
  abstract svg(): Promise<string>;

  redraw(): void {
    if (this.values.length > 0) this.write();
  }

  destroy(): void {
    this.left();
    this.question.drop();
    this.element.remove();
  }

  contentHeight(): number {
    const last = this.element.lastElementChild;
    const { top } = this.element.getBoundingClientRect();
    return last ? Math.ceil(last.getBoundingClientRect().bottom - top + this.element.scrollTop) + 12 : 0;
  }

  keydown(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.altKey || event.metaKey || this.stops.length === 0) return false;
    const now = this.stops.findIndex((one) => hasFocus(one));
    const at = now < 0 ? this.stops.findIndex((one) => one.tabIndex === 0) : now;
    const last = this.stops.length - 1;
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1 };
    const next = { ...moves, Home: 0, End: last }[event.key];
    if (next === undefined) return false;
    const chosen = Math.max(0, Math.min(next, last));
    this.choose(chosen);
    this.stops[chosen].focus();
    return true;
  }

  /** Puts the stops into a list, a line each. */
  protected listStops(list: HTMLElement): void {
    const lines = this.stops.map((one) => {
      const line = element("li");
      line.append(one);
      return line;
    });
    list.replaceChildren(...lines);
  }

  /** Makes one of the stops the one that the tab key reaches. */
  protected reach(at: number): void {
    this.stops.forEach((one, which) => {
      one.tabIndex = which === Math.max(at, 0) ? 0 : -1;
    });
  }

  protected title(): string {
    return brief(this.app.manifest.title, 120);
  }

  /** What stands above a picture by itself: its title, and what it says, in as many lines as that takes. */
  protected heading(width: number): { height: number; write(svg: SVGElement): void } {
    const { palette } = this.app;
    const lines = (text: string, letter: number) =>
      wordLines(text, width - 2 * EDGE, (line) => letter * [...line].length);
    const titles = lines(this.title(), 1.2 * LETTER);
    const all = [...titles, ...lines(this.sentence(), LETTER)];
    const font = { "font-family": "system-ui, sans-serif", x: EDGE };
    const titled = { ...font, "font-size": 14, "font-weight": 600, fill: palette.text };
    const said = { ...font, "font-size": 12, fill: palette.dimmed };
    return {
      height: EDGE + all.length * LINE,
      write(svg) {
        for (const [at, line] of all.entries())
          svg.append(svgElement("text", { ...(at < titles.length ? titled : said), y: (at + 1) * LINE }, line));
      },
    };
  }

  private ask(): void {
    const { manifest, source, store } = this.app;
    const { map, heads } = store.state;
    this.question.drop(); // what it asks for is no longer looked at, also where that was read before
    if (!this.found.maps.includes(map)) return;
    const name = JSON.stringify([map, heads]);
    if (name === this.read) {
      this.show(new Set());
      return;
    }
    const { queries, keys } = manifest.maps[map];
    const [rows, columns] = [queries, keys].map((count) => ({ start: 0, stop: count, count }));
    const exact = { how: "mean", hideSpecial: false, renormalise: false, sample: 0 } as const;
    this.question.ask(
      (signal) => source.region({ map, heads, rows, columns, ...exact }, signal),
      ({ values }) => {
        this.values = values;
        this.columns = keys;
        this.read = name;
        this.write();
      },
    );
  }
}
