/** Where the labels of a ribbon stand, and the curves between them. */

export interface Label {
  text: string;
  x: number;
  y: number;
  width: number;
  anchor: "start" | "middle" | "end";
}

export interface Layout {
  direction: "lines" | "columns";
  width: number;
  height: number;
  keys: Label[];
  queries: Label[];
}

export const LINE = 24;
const GAP = 14;
const MARGIN = 12;
/** Of the weights beside the labels of a column. */
const NUMBER = 44;
const TITLE = 22;
/** Between two lines of tokens: at least, and at most where there is room. */
const [NEAR, FAR] = [180, 420];

/** The height below which it scrolls. */
export function leastHeight({ direction, height }: Layout): number {
  return direction === "lines" ? 2 * TITLE + 2 * LINE + NEAR : height;
}

/** Keys first: above in lines, left in columns. Lines where both fit into the width, unless told otherwise; `room`: the height. */
export function layOut(
  keys: string[],
  queries: string[],
  width: number,
  room: number,
  measure: (text: string) => number,
  wanted: "auto" | "lines" | "columns" = "auto",
): Layout {
  const widths = [keys, queries].map((side) => side.map(measure));
  const lengths = widths.map((side) => side.reduce((sum, one) => sum + one + GAP, 0) - GAP);
  const longest = Math.max(...lengths, 0) + 2 * MARGIN;
  if (wanted === "lines" || (wanted === "auto" && longest <= width)) {
    const whole = Math.max(width, longest);
    const place = (side: number, y: number, texts: string[]): Label[] => {
      let x = (whole - lengths[side]) / 2;
      return texts.map((text, at) => {
        const label: Label = { text, x: x + widths[side][at] / 2, y, width: widths[side][at], anchor: "middle" };
        x += widths[side][at] + GAP;
        return label;
      });
    };
    const lines = 2 * TITLE + 2 * LINE;
    const height = lines + Math.max(NEAR, Math.min(FAR, room - lines));
    return {
      direction: "lines",
      width: whole,
      height,
      keys: place(0, TITLE + LINE * 0.75, keys),
      queries: place(1, height - TITLE - LINE * 0.35, queries),
    };
  }
  const widest = widths.map((side) => Math.min(Math.max(0, ...side), 260));
  const between = Math.max(90, Math.min(420, width - widest[0] - widest[1] - 2 * (MARGIN + NUMBER)));
  const whole = Math.max(width, widest[0] + widest[1] + between + 2 * (MARGIN + NUMBER));
  const left = (whole - between - widest[0] - widest[1]) / 2 + widest[0];
  const rows = Math.max(keys.length, queries.length);
  const column = (side: number, x: number, anchor: "start" | "end", texts: string[]): Label[] =>
    texts.map((text, at) => ({
      text,
      x,
      y: TITLE + LINE * (at + 0.75) + ((rows - texts.length) * LINE) / 2,
      width: widths[side][at],
      anchor,
    }));
  return {
    direction: "columns",
    width: whole,
    height: TITLE + rows * LINE + MARGIN,
    keys: column(0, left, "end", keys),
    queries: column(1, left + between, "start", queries),
  };
}

/** The curve from a key to a query. */
export function curve(layout: Layout, key: Label, query: Label): string {
  const n = (value: number) => value.toFixed(1);
  if (layout.direction === "lines") {
    const [top, bottom] = [key.y + 8, query.y - 16];
    const middle = (top + bottom) / 2;
    return `M${n(key.x)} ${n(top)}C${n(key.x)} ${n(middle)} ${n(query.x)} ${n(middle)} ${n(query.x)} ${n(bottom)}`;
  }
  const [left, right] = [key.x + 6, query.x - 6];
  const [from, to] = [key.y - 4, query.y - 4];
  const middle = (left + right) / 2;
  return `M${n(left)} ${n(from)}C${n(middle)} ${n(from)} ${n(middle)} ${n(to)} ${n(right)} ${n(to)}`;
}
