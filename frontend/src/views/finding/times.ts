/** Words under the sound in which they were said, and the way of their tokens through it. */

import { rgbAt } from "../../colours";
import type { App, State, TextTable, TimesInfo } from "../../contract";
import { button, element, svgElement } from "../../elements";
import { brief, fullText, isolated, weightText } from "../../labels";
import { pngOf } from "../../surface";
import { FindingPart } from "./part";

/** Pixels: the sound, its words, and a row of the map below them. */
const [WAVE, WORDS, ROW] = [88, 34, 12];
const [LEAST_ROW, MOST_MAP] = [3, 260];
/** Pixels a second at least and at most, between which most words can be read; then the picture scrolls. */
const [SECOND, MOST_SECOND] = [70, 420];
/** Pixels of a letter, and around a word. */
const [LETTER, AROUND] = [7.5, 10];
/** A time every so many seconds, the first that leaves room. */
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];
const AXIS = 22;
/** Deviations from the mean that have the strongest colour. */
const TOP = 3;

export class TimesView extends FindingPart<TimesInfo> {
  private readonly scroller = element("div", "finding-sound");
  private readonly stage = element("div", "finding-stage");
  private readonly words = element("ol", "finding-words");
  private raster = "";

  constructor(root: HTMLElement, app: App, found: TimesInfo) {
    super(root, app, found);
    this.stage.append(this.words);
    this.scroller.append(this.stage);
    this.element.append(this.scroller);
  }

  async table(full = false): Promise<TextTable> {
    const text = (value: number) => (full ? fullText(value) : value.toFixed(2));
    return {
      caption: this.sentence(),
      columns: ["word", "from, seconds", "to, seconds"],
      rows: this.found.words.map(([word, start, stop]) => [word, text(start), text(stop)]),
    };
  }

  async svg(): Promise<string> {
    const width = this.width(720);
    const heading = this.heading(width);
    const svg = this.drawn(width, heading.height);
    heading.write(svg);
    return new XMLSerializer().serializeToString(svg);
  }

  protected choose(at: number): void {
    this.app.store.set({ query: this.firstToken(at), key: null, pinned: true });
  }

  protected write(): void {
    this.said.textContent = this.sentence();
    this.raster = "";
    this.stops = this.found.words.map(([word, start, stop], at) => {
      const made = button(isolated(brief(word, 40)), `${seconds(start)} to ${seconds(stop)}`, () => this.choose(at));
      made.setAttribute("aria-label", `${isolated(word)}, ${seconds(start)} to ${seconds(stop)}`);
      return made;
    });
    this.words.replaceChildren(
      ...this.stops.map((one) => {
        const item = element("li");
        item.append(one);
        return item;
      }),
    );
    this.show(new Set());
  }

  protected show(changed: ReadonlySet<keyof State>): void {
    if (this.values.length === 0) return;
    const width = this.width(this.scroller.clientWidth || 600);
    this.stage.querySelector("svg")?.remove();
    const svg = this.drawn(width, 0);
    this.stage.prepend(svg);
    this.stage.style.width = `${width}px`;
    const at = this.chosen();
    this.found.words.forEach(([, start, stop], which) => {
      const { style } = this.stops[which].parentElement as HTMLElement;
      style.left = `${(width * start) / this.seconds()}px`;
      style.width = `${Math.max(2, (width * (stop - start)) / this.seconds())}px`;
      this.stops[which].setAttribute("aria-pressed", String(which === at));
    });
    this.words.style.top = `${WAVE}px`;
    this.reach(at);
    const word = this.found.words[at];
    this.app.describe(""); // it is said above, and has a height now
    if (!word || !changed.has("query")) return;
    this.app.say(`${brief(word[0], 60)}: ${seconds(word[1])} to ${seconds(word[2])}, ${this.spread(at)}`);
    const [from, to] = [(width * word[1]) / this.seconds(), (width * word[2]) / this.seconds()];
    const { scrollLeft, clientWidth } = this.scroller;
    if (from < scrollLeft || to > scrollLeft + clientWidth) this.scroller.scrollLeft = (from + to - clientWidth) / 2;
  }

  // -- times ----------------------------------------------------------------------------------------------------------------

  private seconds(): number {
    return Math.max(this.columns * this.found.seconds, this.found.sound?.seconds ?? 0) || 1;
  }

  /** Pixels for all of the sound: at least the room, and so many that three words of four can be read. */
  private width(room: number): number {
    const needs = this.found.words.map(([word, start, stop]) => (LETTER * word.length + AROUND) / (stop - start || 1));
    const need = needs.sort((one, two) => one - two)[Math.floor(0.75 * (needs.length - 1))] ?? 0;
    return Math.max(room, this.seconds() * Math.min(MOST_SECOND, Math.max(SECOND, need)));
  }

  /** The first token that begins with a word. */
  private firstToken(word: number): number {
    const [, start] = this.found.words[word];
    const found = this.found.tokens.findIndex(([from]) => Math.abs(from - start) < 1e-9);
    return Math.max(0, found);
  }

  /** The word that the chosen token is of. */
  private chosen(): number {
    const { query } = this.app.store.state;
    const token = query === null ? undefined : this.found.tokens[query];
    if (!token) return 0;
    const exact = this.found.words.findIndex((_, at) => this.firstToken(at) === query);
    return exact >= 0
      ? exact
      : this.found.words.findIndex(([, start, stop]) => token[0] >= start - 1e-9 && token[1] <= stop + 1e-9);
  }

  private spread(word: number): string {
    const entropy = this.found.entropy[this.firstToken(word)];
    const most = Math.log(this.columns || 1);
    return `entropy ${weightText(entropy)} nats of ${weightText(most)}: ${entropy > 0.8 * most ? "it looked everywhere, and says no time" : "the less, the surer"}`;
  }

  protected sentence(): string {
    const { words, sound } = this.found;
    const heard = sound ? "" : " · no sound is shown: give sound=(samples, samples a second)";
    return `${words.length} words in ${this.seconds().toFixed(2)} s; below them their tokens, darker where looked at more, and the way through them${heard}`;
  }

  // -- what is drawn ------------------------------------------------------------------------------------------------------

  private rowHeight(): number {
    return Math.max(LEAST_ROW, Math.min(ROW, MOST_MAP / Math.max(1, this.found.tokens.length)));
  }

  private drawn(width: number, above: number): SVGElement {
    const { palette } = this.app;
    const { found } = this;
    const rows = found.tokens.length * this.rowHeight();
    const height = above + WAVE + WORDS + rows + AXIS;
    const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    svg.setAttribute("aria-label", this.sentence());
    const put = (name: string, attributes: Record<string, string | number>, text = "") =>
      svg.append(svgElement(name, attributes, text));
    const x = (time: number) => (width * time) / this.seconds();
    put("rect", { width, height, fill: palette.background });
    const word = found.words[this.chosen()];
    if (word) {
      const wide = Math.max(1, x(word[2]) - x(word[1]));
      put("rect", {
        x: x(word[1]),
        y: above,
        width: wide,
        height: height - above - AXIS,
        fill: palette.accent,
        opacity: 0.18,
      });
    }
    const middle = above + WAVE / 2;
    if (found.sound) {
      const { low, high, seconds: long } = found.sound;
      const at = (one: number) => (x(long) * one) / low.length;
      const up = high.map(
        (value, one) => `${at(one).toFixed(1)},${(middle - (value * (WAVE / 2 - 4)) / 100).toFixed(1)}`,
      );
      const down = low.map(
        (value, one) => `${at(one).toFixed(1)},${(middle - (value * (WAVE / 2 - 4)) / 100).toFixed(1)}`,
      );
      put("polygon", { points: [...up, ...down.reverse()].join(" "), fill: palette.text, opacity: 0.75 });
    } else put("line", { x1: 0, x2: width, y1: middle, y2: middle, stroke: palette.frame, "stroke-dasharray": "4 4" });
    if (above > 0)
      found.words.forEach(([text, start, stop]) => {
        const room = Math.max(1, Math.floor((x(stop) - x(start)) / 7));
        const style = { "font-family": "system-ui, sans-serif", "font-size": 12, fill: palette.text };
        put("text", { ...style, x: x(start) + 2, y: above + WAVE + 20 }, brief(text, room));
        put("line", { x1: x(start), x2: x(start), y1: above + WAVE, y2: above + WAVE + WORDS, stroke: palette.frame });
      });
    const top = above + WAVE + WORDS;
    this.raster ||= this.coloured();
    const inside = { x: 0, y: top, width: x(this.columns * found.seconds), height: rows };
    put("image", { ...inside, href: this.raster, preserveAspectRatio: "none", style: "image-rendering: pixelated" });
    const [tokens, frames] = found.path;
    const points = tokens.map(
      (token, at) =>
        `${x((frames[at] + 0.5) * found.seconds).toFixed(1)},${(top + (token + 0.5) * this.rowHeight()).toFixed(1)}`,
    );
    put("polyline", { points: points.join(" "), fill: "none", stroke: "#d1495b", "stroke-width": 1.5 });
    const step = TICKS.find((one) => x(one) >= 56) ?? 60;
    for (let time = 0; time < this.seconds(); time += step) {
      const text = `${Number(time.toFixed(1))} s`;
      put("line", { x1: x(time), x2: x(time), y1: top + rows, y2: top + rows + 4, stroke: palette.frame });
      put(
        "text",
        {
          x: x(time) + 2,
          y: top + rows + 16,
          "font-family": "system-ui, sans-serif",
          "font-size": 12,
          fill: palette.dimmed,
        },
        text,
      );
    }
    return svg;
  }

  /** The map as a picture: what is above the mean over tokens, up to three deviations. */
  private coloured(): string {
    const pixels = new Uint8ClampedArray(4 * this.values.length);
    this.values.forEach((value, at) => {
      pixels.set([...rgbAt(Math.min(1, Math.max(0, value) / TOP), this.app.palette), 255], 4 * at);
    });
    return pngOf(pixels, this.columns, this.values.length / Math.max(1, this.columns));
  }
}

function seconds(time: number): string {
  return `${time.toFixed(2)} s`;
}
