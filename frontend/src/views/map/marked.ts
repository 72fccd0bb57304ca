/** Marks on a map: ticks at its edges, outlines of what is pinned, and bands along the axes. */

import type { Palette } from "../../contract";
import type { Marks, Span } from "../../marks";
import type { Surface } from "../../surface";
import { boxOf, type Layout, onPlot } from "./layout";

const TICK = 5;
const BAND = 3;

export function drawMarks(surface: Surface, layout: Layout, palette: Palette, { found, pins, bands }: Marks): void {
  const { plot } = layout;
  const strip = (span: Span, side: "rows" | "columns", thick: number, colour: string, opacity = 1) => {
    const whole = side === "rows" ? boxOf(layout, span, [0, 0]) : boxOf(layout, [0, 0], span);
    const box =
      side === "rows"
        ? { x: plot.x - thick, y: whole.y, width: thick, height: Math.max(whole.height, 1.5) }
        : { x: whole.x, y: plot.y - thick, width: Math.max(whole.width, 1.5), height: thick };
    const room =
      side === "rows" ? { ...plot, x: plot.x - thick, width: thick } : { ...plot, y: plot.y - thick, height: thick };
    const seen = onPlot(box, room);
    if (seen) surface.rect(seen, colour, opacity);
  };
  for (const side of ["rows", "columns"] as const) {
    bands[side].forEach((span, at) => {
      strip(span, side, BAND, palette.dimmed, at % 2 ? 0.9 : 0.4);
    });
    // Where many places are closer than a pixel, one mark stands for them.
    let last = Number.NEGATIVE_INFINITY;
    for (const span of found[side]) {
      const at = span[0] * (side === "rows" ? layout.frame.y : layout.frame.x);
      if (at - last < 1) continue;
      last = at;
      strip(span, side, TICK, palette.accent);
    }
  }
  surface.clipped(plot, () => {
    for (const [side, spans] of Object.entries(bands) as ["rows" | "columns", Span[]][]) {
      for (const [start] of spans.slice(1)) {
        const { x, y } =
          side === "rows" ? boxOf(layout, [start, start], [0, 0]) : boxOf(layout, [0, 0], [start, start]);
        const end: [number, number] = side === "rows" ? [plot.x + plot.width, y] : [x, plot.y + plot.height];
        surface.line([side === "rows" ? [plot.x, y] : [x, plot.y], end], palette.dimmed, 1);
      }
    }
    for (const { row, column } of pins) {
      const box = boxOf(
        layout,
        row === null ? [0, layout.extent.rows] : [row, row + 1],
        column === null ? [0, layout.extent.columns] : [column, column + 1],
      );
      const [width, height] = [Math.max(box.width, 6), Math.max(box.height, 6)];
      const around = { x: box.x - (width - box.width) / 2, y: box.y - (height - box.height) / 2, width, height };
      // Two lines, of which one is seen on any colour.
      surface.outline(around, palette.background, 3);
      surface.outline(around, palette.accent, 1.5);
    }
  });
  for (const { row, column } of pins) {
    if (row !== null) strip([row, row + 1], "rows", TICK, palette.accent);
    if (column !== null) strip([column, column + 1], "columns", TICK, palette.accent);
  }
}
