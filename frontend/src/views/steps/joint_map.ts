/** A head's queries and keys in one plane: along the two axes that they spread along most. */

import type { App, Joint } from "../../contract";
import { element, svgElement } from "../../elements";
import { Question } from "../../question";
import { numberText } from "./stages";

/** What is looked at. */
export interface Looked {
  map: number;
  head: number;
  query: number;
  key: number;
  queryLabel(at: number): string;
  keyLabel(at: number): string;
  /** The weight of the query's row on a key; undefined where it is not told. */
  weight(key: number): number | undefined;
}

type Side = "query" | "key";
type Point = readonly [number, number];
/** A circle or a square, by its position. */
interface Mark {
  side: Side;
  at: number;
}

const [WIDTH, HEIGHT, EDGE] = [560, 380, 34];
/** Keys that get most, which are named. */
const NAMED = 4;

export class JointMap {
  readonly element = element("details", "steps-joint");
  private readonly said = element("p", "steps-joint-said");
  private readonly holder = element("div");
  private looked: Looked | null = null;
  private joint: Joint | null = null;
  private subject = "";
  private pointed: Mark | null = null;
  private readonly pointedName = svgElement("g", {});
  private places: Record<Side, Point[]> = { query: [], key: [] };
  private readonly question: Question;

  constructor(private readonly app: App) {
    this.question = new Question(app, this.element);
    this.element.append(element("summary", "", "Queries and keys in one plane"), this.said, this.holder);
    this.element.addEventListener("toggle", () => this.update());
    this.holder.addEventListener("pointerover", (event) => this.point(markOf(event)));
    this.holder.addEventListener("pointerleave", () => this.point(null));
    this.holder.addEventListener("click", (event) => {
      const mark = markOf(event);
      if (mark) this.app.store.set({ [mark.side]: mark.at });
    });
  }

  stop(): void {
    this.question.drop();
  }

  look(looked: Looked): void {
    this.looked = looked;
    this.update();
  }

  /** A query or a key that the pointer is on, here or in what stands around; null where it is on none. */
  point(mark: Mark | null): void {
    this.pointed = mark;
    this.nameThePointed();
  }

  /** What is drawn stays as it is: an element that goes while the pointer is on it would not be clicked. */
  private nameThePointed(): void {
    const { pointed } = this;
    const { accent, text } = this.app.palette;
    this.pointedName.replaceChildren(
      ...(pointed ? this.named(pointed, pointed.side === "query" ? accent : text, true) : []),
    );
  }

  /** The name of a query or a key beside its mark; nothing where it has none. */
  private named({ side, at }: Mark, colour: string, bold: boolean): SVGElement[] {
    const { joint, looked } = this;
    if (!joint || !looked) return [];
    const index = joint[`${side}Places`].indexOf(at);
    if (index < 0) return [];
    const [left, top] = this.places[side][index];
    const end = left > WIDTH / 2;
    return [
      svgElement(
        "text",
        {
          x: left + (end ? -9 : 9),
          y: top - 7,
          fill: colour,
          "text-anchor": end ? "end" : "start",
          "font-size": 12,
          "font-family": "system-ui, sans-serif",
          "font-weight": bold ? 700 : 400,
          "paint-order": "stroke",
          stroke: this.app.palette.background,
          "stroke-width": 3,
          "pointer-events": "none",
        },
        side === "query" ? looked.queryLabel(at) : looked.keyLabel(at),
      ),
    ];
  }

  private update(): void {
    const { looked } = this;
    if (!this.element.open || !looked) return;
    const { map, head, query, key } = looked;
    const subject = `${map} ${head}`;
    const here = this.joint?.queryPlaces.includes(query) && this.joint.keyPlaces.includes(key);
    if (this.subject === subject && here) {
      this.question.drop(); // which asks for another place
      this.draw();
      return;
    }
    if (this.subject !== subject) this.joint = null;
    this.subject = subject;
    this.question.ask(
      (signal) => this.app.source.joint(map, head, signal, { query, key }),
      (joint) => {
        this.joint = joint;
        this.draw();
      },
    );
  }

  private draw(): void {
    const { joint, looked } = this;
    if (!joint || !looked) return;
    const { text, dimmed, frame, accent, background } = this.app.palette;
    const { middle, ...places } = placed(joint);
    this.places = places;
    const svg = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    const put = (...made: Parameters<typeof svgElement>) => svg.append(svgElement(...made));
    const [x, y] = middle;
    put("path", { d: `M0 ${y}H${WIDTH}M${x} 0V${HEIGHT}`, stroke: frame, fill: "none" });
    const most = Math.max(...joint.keyPlaces.map((key) => looked.weight(key) ?? 0), Number.MIN_VALUE);
    joint.keyPlaces.forEach((key, index) => {
      const [left, top] = places.key[index];
      const share = (looked.weight(key) ?? 0) / most;
      const side = 5 + 8 * share;
      const place = { x: left - side / 2, y: top - side / 2, width: side, height: side };
      put("rect", { ...place, fill: text, "fill-opacity": 0.2 + 0.8 * share, "data-side": "key", "data-at": key });
    });
    joint.queryPlaces.forEach((query, index) => {
      const [cx, cy] = places.query[index];
      const chosen = query === looked.query;
      const look = chosen ? { r: 5.5, fill: accent } : { r: 3.5, fill: background, "fill-opacity": 0.7 };
      if (chosen) put("path", { d: `M${x} ${y}L${cx} ${cy}`, stroke: accent, "stroke-width": 1.5 });
      put("circle", { cx, cy, ...look, stroke: accent, "data-side": "query", "data-at": query });
    });
    const strongest = joint.keyPlaces.filter((key) => looked.weight(key) !== undefined);
    strongest.sort((one, two) => (looked.weight(two) ?? 0) - (looked.weight(one) ?? 0));
    for (const key of new Set([...strongest.slice(0, NAMED), looked.key]))
      svg.append(...this.named({ side: "key", at: key }, dimmed, key === looked.key));
    svg.append(...this.named({ side: "query", at: looked.query }, accent, true), this.pointedName);
    this.nameThePointed();
    this.said.textContent = sentence(joint, looked);
    svg.setAttribute("aria-label", this.said.textContent);
    this.holder.replaceChildren(svg);
  }
}

/** Both axes to one scale, so that directions are what they are. */
function placed({ queries, keys }: Joint): { middle: Point } & Record<Side, Point[]> {
  const ends = (axis: 0 | 1) => {
    let [low, high] = [0, 0];
    for (const values of [queries, keys])
      for (let at = axis; at < values.length; at += 2) {
        low = Math.min(low, values[at]);
        high = Math.max(high, values[at]);
      }
    return [low, high] as const;
  };
  const [[left, right], [bottom, top]] = [ends(0), ends(1)];
  const scale = Math.min((WIDTH - 2 * EDGE) / (right - left || 1), (HEIGHT - 2 * EDGE) / (top - bottom || 1));
  const point = (a: number, b: number): Point => [
    WIDTH / 2 + (a - (left + right) / 2) * scale,
    HEIGHT / 2 - (b - (bottom + top) / 2) * scale,
  ];
  const points = (values: Float32Array) =>
    Array.from({ length: values.length / 2 }, (_, at) => point(values[2 * at], values[2 * at + 1]));
  return { middle: point(0, 0), query: points(queries), key: points(keys) };
}

function sentence({ queryPlaces, keyPlaces, queries, keys, share, strength }: Joint, looked: Looked): string {
  const [query, key] = [queryPlaces.indexOf(looked.query), keyPlaces.indexOf(looked.key)];
  const part = strength * (queries[2 * query] * keys[2 * key] + queries[2 * query + 1] * keys[2 * key + 1]);
  const percent = Math.round(100 * (share[0] + share[1]));
  return (
    "A circle is a query, a square a key, the fuller the more this query looks at it; along the two axes that they spread along most, " +
    `which have ${percent} % of it. A key that lies far out in the query's direction gets a high score, one on the other side a low one: ` +
    `these two axes give “${looked.queryLabel(looked.query)}” and “${looked.keyLabel(looked.key)}” ${numberText(part)}, ` +
    "measured from the mean of all keys, after scaling."
  );
}

function markOf(event: Event): Mark | null {
  const mark = (event.target as Element).closest<SVGElement>("[data-side]");
  return mark && { side: mark.dataset.side as Side, at: Number(mark.dataset.at) };
}
