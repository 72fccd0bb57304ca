/** A token that is looked at alone, and not with another: its row, or its column. */

import type { State } from "../../contract";
import { brief } from "../../labels";
import type { Measure } from "../../screen";
import type { Shown } from "../../shown";
import type { Surface } from "../../surface";
import { boxOf, onPlot } from "./layout";
import { shortened } from "./marks";
import { drawRowName } from "./overlay";
import { drawColumnLabel, drawRowLabel, type Scene } from "./picture";

export function drawAlone(
  surface: Surface,
  { layout, palette }: Scene,
  { query, key }: Pick<State, "query" | "key">,
  { rows, columns }: Shown,
  measure: Measure,
): void {
  const { plot, frame, extent, rowMarks, columnMarks } = layout;
  const row = query === null ? -1 : rows.unitOf(query);
  const column = key === null || row >= 0 ? -1 : columns.unitOf(key);
  if (row < 0 && column < 0) return;
  const band =
    row >= 0
      ? boxOf(layout, [row, row + 1], [0, extent.columns])
      : boxOf(layout, [0, extent.rows], [column, column + 1]);
  const seen = onPlot(band, plot);
  if (!seen) return;
  surface.outline(seen, palette.accent, 2);
  if (row >= 0) {
    const mark = rowMarks.named ? rowMarks.marks.find(({ unit }) => unit === row) : undefined;
    if (mark) drawRowLabel(surface, layout, mark, palette.accent, false);
    else {
      const y = plot.y + (row + 0.5 - frame.view.top) * frame.y;
      drawRowName(surface, layout, palette, y, shortened(brief(rows.label(row)), layout.rowRoom, measure));
    }
    return;
  }
  const mark = columnMarks.named ? columnMarks.marks.find(({ unit }) => unit === column) : undefined;
  if (mark) drawColumnLabel(surface, layout, mark, palette.accent, false);
}
