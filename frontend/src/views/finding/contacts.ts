/** Pairs of residues that touch, the most probable first; each leads to its place in the map. */

import type { App, ContactsInfo, State, TextTable } from "../../contract";
import { button, element, svgElement } from "../../elements";
import { countText, fullText, isolated, weightText } from "../../labels";
import { FindingPart } from "./part";

export class ContactsView extends FindingPart<ContactsInfo> {
  private readonly list = element("ol", "finding-list");

  constructor(root: HTMLElement, app: App, found: ContactsInfo) {
    super(root, app, found);
    this.element.append(this.list);
  }

  async table(full = false): Promise<TextTable> {
    const { pairs, known } = this.found;
    return {
      caption: this.sentence(),
      columns: ["first", "second", "probability", ...(known ? ["in the structure"] : [])],
      rows: pairs.map(([first, second, value], at) => [
        this.name(first),
        this.name(second),
        full ? fullText(value) : weightText(value),
        ...(known ? [known[at] ? "yes" : "no"] : []),
      ]),
    };
  }

  async svg(): Promise<string> {
    const { palette } = this.app;
    const [line, width] = [20, 480];
    const heading = this.heading(width);
    const top = heading.height + 4;
    const height = top + this.found.pairs.length * line + 12;
    const svg = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    const put = (name: string, attributes: Record<string, string | number>, text = "") =>
      svg.append(svgElement(name, { "font-family": "system-ui, sans-serif", "font-size": 13, ...attributes }, text));
    put("rect", { width, height, fill: palette.background });
    heading.write(svg);
    this.found.pairs.forEach((pair, at) => {
      put("text", { x: 12, y: top + at * line + 14, fill: palette.text }, this.lineOf(at, pair));
    });
    return new XMLSerializer().serializeToString(svg);
  }

  protected choose(at: number): void {
    const [first, second] = this.found.pairs[at];
    this.app.store.set({ query: second, key: first, pinned: true });
  }

  protected write(): void {
    const { pairs, known } = this.found;
    this.said.textContent = this.sentence();
    this.app.describe(""); // it is said above, and has a height now
    this.stops = pairs.map((pair, at) => {
      const line = button("", "its place in the map", () => {
        this.choose(at);
        this.app.store.set({ view: "map" });
      });
      line.className = "finding-line";
      const bar = element("span", "finding-track");
      bar.setAttribute("aria-hidden", "true");
      const filled = element("i");
      filled.style.width = `${100 * pair[2]}%`;
      bar.append(filled);
      line.append(
        element("span", "finding-name", `${isolated(this.name(pair[0]))} – ${isolated(this.name(pair[1]))}`),
        bar,
        element("span", "finding-numbers", weightText(pair[2])),
        element("small", "", known ? (known[at] ? "✓ touches in the structure" : "✗ not in the structure") : ""),
      );
      return line;
    });
    this.listStops(this.list);
    this.show(new Set());
  }

  protected show(_: ReadonlySet<keyof State>): void {
    const { query, key } = this.app.store.state;
    const at = this.found.pairs.findIndex(([first, second]) => first === key && second === query);
    this.stops.forEach((one, which) => {
      one.setAttribute("aria-pressed", String(which === at));
    });
    this.reach(at);
  }

  private name(residue: number): string {
    const { tokens } = this.app.manifest.axes[this.found.axis];
    const text = tokens[residue];
    return text === String(residue) ? text : `${text} ${residue + 1}`;
  }

  private lineOf(at: number, [first, second, value]: [number, number, number]): string {
    const mark = this.found.known ? (this.found.known[at] ? "  ✓" : "  ✗") : "";
    return `${this.name(first)} – ${this.name(second)}   ${weightText(value)}${mark}`;
  }

  protected sentence(): string {
    const { pairs, known, apart } = this.found;
    const right = known?.filter((one) => one).length ?? 0;
    const precision = known ? ` · ${countText(right)} of them touch in the known structure` : "";
    return `the ${countText(pairs.length)} most probable contacts of residues at least ${apart} apart${precision}`;
  }
}
