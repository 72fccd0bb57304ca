/** What is left of later rows when a cache keeps fewer keys: a line a policy, over budgets. */

import { HEAD_COLOURS } from "../../compare/head_colours";
import type { App, CacheInfo, State, TextTable } from "../../contract";
import { button, element, svgElement } from "../../elements";
import { countText, fullText, weightText } from "../../labels";
import { headsWords } from "../../shown";
import { EDGE, FindingPart, LINE } from "./part";

/** Lines are told apart without colours, too. */
const DASHES = ["", "7 4", "2 3", "10 4 2 4", "14 5", "1 5"];
const [LEFT, TOP, BOTTOM, RIGHT] = [46, 14, 40, 14];

export class CacheView extends FindingPart<CacheInfo> {
  private readonly picture = element("div", "finding-chart");
  private readonly list = element("ol", "finding-list");

  constructor(root: HTMLElement, app: App, found: CacheInfo) {
    super(root, app, found);
    this.element.append(this.picture, this.list);
  }

  async table(full = false): Promise<TextTable> {
    const { policies, budgets, change } = this.found;
    const text = full ? fullText : weightText;
    return {
      caption: this.sentence(),
      columns: ["policy", "keys kept", "share of weight left", ...(change ? ["change of the output"] : [])],
      rows: policies.flatMap((policy, row) =>
        budgets.map((budget, column) => [
          policy,
          countText(budget),
          text(this.value(row, column)),
          ...(change ? [change[row][column] === null ? "" : text(change[row][column])] : []),
        ]),
      ),
    };
  }

  async svg(): Promise<string> {
    const { palette } = this.app;
    const [width, high] = [640, 340];
    const heading = this.heading(width);
    const svg = this.chart(width, high, heading.height, this.found.policies.length * LINE + EDGE);
    heading.write(svg);
    this.found.policies.forEach((policy, at) => {
      const y = heading.height + high + (at + 0.5) * LINE;
      svg.append(svgElement("line", { x1: EDGE, x2: EDGE + 33, y1: y, y2: y, ...this.stroke(at) }));
      const font = { "font-family": "system-ui, sans-serif", "font-size": 12, fill: palette.text };
      svg.append(svgElement("text", { ...font, x: EDGE + 44, y: y + 4 }, `${policy}: ${this.budgetText(at)}`));
    });
    return new XMLSerializer().serializeToString(svg);
  }

  protected choose(at: number): void {
    this.app.store.set({ query: at, pinned: true });
  }

  protected write(): void {
    const { policies } = this.found;
    this.said.textContent = this.sentence();
    this.app.describe(""); // it is said above, and has a height now
    this.stops = policies.map((policy, at) => {
      const line = button("", "", () => this.choose(at));
      line.className = "finding-line finding-policy";
      const key = svgElement("svg", { width: 34, height: 12, viewBox: "0 0 34 12", "aria-hidden": "true" });
      key.append(svgElement("line", { x1: 1, x2: 33, y1: 6, y2: 6, ...this.stroke(at) }));
      line.append(
        key,
        element("span", "finding-name", policy),
        element("span", "finding-numbers", this.budgetText(at)),
      );
      return line;
    });
    this.listStops(this.list);
    this.show(new Set());
  }

  protected show(changed: ReadonlySet<keyof State>): void {
    const { query } = this.app.store.state;
    this.stops.forEach((one, at) => {
      one.setAttribute("aria-pressed", String(at === query));
    });
    this.reach(query ?? 0);
    const width = Math.max(240, Math.min(this.picture.clientWidth || 600, 900));
    this.picture.replaceChildren(this.chart(width, Math.round(Math.min(340, Math.max(180, width * 0.5))), 0, 0));
    if (changed.has("query") && query !== null && this.found.policies[query])
      this.app.say(`${this.found.policies[query]}: ${this.budgetText(query)}`);
  }

  private value(policy: number, budget: number): number {
    return this.values[policy * this.columns + budget] ?? 0;
  }

  private stroke(policy: number): Record<string, string | number> {
    const colour = HEAD_COLOURS[policy % HEAD_COLOURS.length].join(" ");
    const chosen = this.app.store.state.query === policy;
    return {
      stroke: `rgb(${colour})`,
      "stroke-width": chosen ? 4 : 2,
      "stroke-dasharray": DASHES[policy % DASHES.length],
      fill: "none",
    };
  }

  /** How few keys do, for how many heads. */
  private budgetText(policy: number): string {
    const { enough, share, prompt } = this.found;
    const reached = enough[policy].filter((one): one is number => one !== null).sort((one, two) => one - two);
    const whole = `${Math.round(100 * share)} %`;
    if (reached.length === 0) return `no head keeps ${whole} with any of these budgets`;
    const most = reached[reached.length - 1];
    const heads = `${reached.length} of ${enough[policy].length} heads`;
    return `${heads} keep ${whole} with ${countText(most)} of ${countText(prompt)} keys or fewer`;
  }

  protected sentence(): string {
    const { prompt, bytes } = this.found;
    const { state } = this.app.store;
    const size = bytes === null ? "" : ` · ${countText(Math.round(bytes))} bytes a key in all layers`;
    return `share of later rows' weight that is left, of a prompt of ${countText(prompt)} keys · ${headsWords(this.app.manifest.maps[state.map], state.heads)}${size}`;
  }

  private chart(width: number, height: number, above: number, below: number): SVGElement {
    const { palette } = this.app;
    const { budgets, policies, prompt } = this.found;
    const x = (budget: number) => LEFT + ((width - LEFT - RIGHT) * budget) / prompt;
    const y = (share: number) => above + TOP + (height - TOP - BOTTOM) * (1 - share);
    const whole = above + height + below;
    const svg = svgElement("svg", { width, height: whole, viewBox: `0 0 ${width} ${whole}`, role: "img" });
    svg.setAttribute(
      "aria-label",
      `share that is left by keys kept: ${policies
        .map(
          (policy, row) =>
            `${policy} ${budgets.map((budget, at) => `${weightText(this.value(row, at))} at ${countText(budget)}`).join(", ")}`,
        )
        .join("; ")}`,
    );
    const put = (name: string, attributes: Record<string, string | number>, text = "") =>
      svg.append(svgElement(name, attributes, text));
    const small = { "font-family": "system-ui, sans-serif", "font-size": 12, fill: palette.dimmed };
    put("rect", { width, height: whole, fill: palette.background });
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      put("line", { x1: LEFT, x2: width - RIGHT, y1: y(share), y2: y(share), stroke: palette.frame });
      put("text", { ...small, x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, `${Math.round(100 * share)} %`);
    }
    let room = -1;
    for (const budget of budgets) {
      if (x(budget) < room) continue;
      put("text", { ...small, x: x(budget), y: y(0) + 16, "text-anchor": "middle" }, countText(budget));
      room = x(budget) + 9 * countText(budget).length;
    }
    put("text", { ...small, x: (LEFT + width) / 2, y: y(0) + 33, "text-anchor": "middle" }, "keys kept");
    policies.forEach((_, row) => {
      const points = budgets.map((budget, at) => `${x(budget)},${y(this.value(row, at))}`);
      put("polyline", { points: points.join(" "), ...this.stroke(row) });
      const { stroke } = this.stroke(row);
      budgets.forEach((budget, at) => {
        put("circle", { cx: x(budget), cy: y(this.value(row, at)), r: 3, fill: stroke });
      });
    });
    return svg;
  }
}
