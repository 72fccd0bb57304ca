/** What follows the crosshair, on a canvas of its own: hovering draws nothing else. */

import type { Palette } from "../../contract";
import type { Measure } from "../../screen";
import type { Box, Surface } from "../../surface";
import { type CellGrid, cellOf, type Grid } from "./cells";
import type { Point } from "./gestures";
import { boxOf, LABEL_SIZE, type Layout, onPlot } from "./layout";
import { type Mark, shortened } from "./marks";
import {
  amount,
  caption,
  drawBars,
  drawColumnLabel,
  drawRowLabel,
  hasValues,
  type Scene,
  sideCaption,
} from "./picture";
import type { Probed } from "./probe";

const LINE_HEIGHT = 15;

export interface Crosshair {
  row: number;
  column: number;
  pinned: boolean;
  rowText: string;
  columnText: string;
  lines: string[];
}

export function drawCrosshair(
  surface: Surface,
  scene: Scene,
  crosshair: Crosshair,
  probed: Probed | null,
  measure: Measure,
): void {
  const { layout, palette, cells } = scene;
  const { plot } = layout;
  const cell = crosshairBox(layout, crosshair, cells);
  drawProfiles(surface, scene, crosshair, probed);
  if (!cell) return;
  // Where values are written, lines go around them and not through them.
  const around = cells !== null && hasValues(layout, cells);
  const heights = around ? [cell.y, cell.y + cell.height] : [cell.y + cell.height / 2];
  const places = around ? [cell.x, cell.x + cell.width] : [cell.x + cell.width / 2];
  surface.clipped(plot, () => {
    const right = cell.x + cell.width;
    const bottom = cell.y + cell.height;
    for (const y of heights) {
      surface.line(
        [
          [plot.x, y],
          [cell.x, y],
        ],
        palette.accent,
        1,
      );
      surface.line(
        [
          [right, y],
          [plot.x + plot.width, y],
        ],
        palette.accent,
        1,
      );
    }
    for (const x of places) {
      surface.line(
        [
          [x, plot.y],
          [x, cell.y],
        ],
        palette.accent,
        1,
      );
      surface.line(
        [
          [x, bottom],
          [x, plot.y + plot.height],
        ],
        palette.accent,
        1,
      );
    }
  });
  surface.outline(cell, palette.accent, crosshair.pinned ? 3 : 2);
  drawNames(surface, layout, palette, crosshair, measure);
  if (crosshair.lines.length > 0) drawReadOut(surface, layout, palette, crosshair, cell, measure);
}

/** The box that is being drawn, from a corner to the one across. */
export function drawBox(surface: Surface, from: Point, to: Point, palette: Palette): void {
  const corner = { x: Math.min(from.x, to.x), y: Math.min(from.y, to.y) };
  const extent = { width: Math.abs(to.x - from.x), height: Math.abs(to.y - from.y) };
  surface.outline({ ...corner, ...extent }, palette.accent, 1.5);
}

/** The cell under the crosshair, or a few pixels around its place where cells are smaller; null where it is off screen. */
function crosshairBox(
  layout: Layout,
  { row, column }: { row: number; column: number },
  cells: CellGrid | null,
): Box | null {
  const span = (grid: Grid | undefined, unit: number): [number, number] => {
    if (!grid || cellOf(grid, unit) < 0) return [unit, unit + 1];
    const first = grid.first + cellOf(grid, unit) * grid.step;
    return [first, Math.min(first + grid.step, grid.last)];
  };
  const exact = boxOf(layout, span(cells?.rows, row), span(cells?.columns, column));
  if (!onPlot(exact, layout.plot)) return null;
  const least = 8;
  const width = Math.max(exact.width, least);
  const height = Math.max(exact.height, least);
  return { x: exact.x - (width - exact.width) / 2, y: exact.y - (height - exact.height) / 2, width, height };
}

/** The name of a row where the axis has numbers or leaves it out; those that it would touch give way to it. */
export function drawRowName(surface: Surface, layout: Layout, palette: Palette, y: number, text: string): void {
  const { plot, rowMarks, rowRoom } = layout;
  for (const at of [y, ...near(rowMarks.marks, y - plot.y, LINE_HEIGHT).map((mark) => plot.y + mark.at)]) {
    surface.rect({ x: plot.x - 8 - rowRoom, y: at - 8, width: rowRoom + 3, height: 16 }, palette.background);
  }
  surface.text(plot.x - 6, y, text, { size: LABEL_SIZE, colour: palette.accent, anchor: "end" });
}

function drawNames(
  surface: Surface,
  layout: Layout,
  palette: Palette,
  { row, column, rowText, columnText }: Crosshair,
  measure: Measure,
): void {
  const { plot, frame, rowMarks, columnMarks, rowRoom, columnRoom, size } = layout;
  const named = (marks: Mark[], unit: number) => marks.find((mark) => mark.unit === unit);
  const rowMark = rowMarks.named && rowMarks.every === 1 ? named(rowMarks.marks, row) : undefined;
  const columnMark = columnMarks.named && columnMarks.every === 1 ? named(columnMarks.marks, column) : undefined;
  const y = plot.y + (row + 0.5 - frame.view.top) * frame.y;
  const x = plot.x + (column + 0.5 - frame.view.left) * frame.x;
  if (rowMark) drawRowLabel(surface, layout, rowMark, palette.accent, false);
  else drawRowName(surface, layout, palette, y, shortened(rowText, rowRoom, measure));
  if (columnMark) drawColumnLabel(surface, layout, columnMark, palette.accent, false);
  else {
    const text = shortened(columnText, columnRoom, measure);
    if (columnMarks.named && layout.columns !== "level") {
      const covered = [{ at: x - plot.x, text }, ...near(columnMarks.marks, x - plot.x, LINE_HEIGHT / Math.SQRT1_2)];
      for (const mark of covered) {
        const along = (measure(mark.text) + 8) * Math.SQRT1_2;
        const from = plot.x + mark.at;
        surface.line(
          [
            [from, plot.y - 8],
            [from + along, plot.y - 8 - along],
          ],
          palette.background,
          16,
        );
      }
      const mark = { unit: column, at: x - plot.x, text, special: false };
      drawColumnLabel(surface, layout, mark, palette.accent, false);
    } else {
      const width = measure(text) + 8;
      const left = Math.min(Math.max(x - width / 2, 0), size.width - width);
      const middle = left + width / 2;
      surface.rect({ x: left, y: plot.y - 20, width, height: 16 }, palette.background);
      for (const mark of columnMarks.marks) {
        const half = measure(mark.text) / 2 + 2;
        const at = plot.x + mark.at;
        if (Math.abs(at - middle) < half + width / 2)
          surface.rect({ x: at - half, y: plot.y - 20, width: 2 * half, height: 16 }, palette.background);
      }
      surface.text(middle, plot.y - 11, text, { size: LABEL_SIZE, colour: palette.accent, anchor: "middle" });
    }
  }
}

/** Marks that a label at a place would touch: they make room for it. */
function near(marks: readonly Mark[], at: number, distance: number): Mark[] {
  return marks.filter((mark) => Math.abs(mark.at - at) < distance);
}

/** The weights of the row over the columns on screen, and of the column over the rows. */
function drawProfiles(surface: Surface, scene: Scene, { row, column }: Crosshair, probed: Probed | null): void {
  const { layout, cells, palette } = scene;
  const { rowProfile, columnProfile } = layout;
  const here = probed && probed.row === row && probed.column === column ? probed : null;
  const rowValues = here ? { values: here.ofRow.values, grid: here.ofRow.columns } : rowOf(cells, row);
  const columnValues = here ? { values: here.ofColumn.values, grid: here.ofColumn.rows } : columnOf(cells, column);
  const most = (values: Float32Array) => values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  if (rowProfile && rowValues) {
    caption(surface, scene, rowProfile, "this row", most(rowValues.values));
    drawBars(surface, layout, rowProfile, rowValues.values, rowValues.grid, "down", palette.accent);
  }
  if (columnProfile && columnValues) {
    // The probe reads one query in each cell of the column.
    const name = here && here.ofColumn.rows.step > 1 ? "sampled column" : "this column";
    sideCaption(surface, scene, columnProfile, name, amount(most(columnValues.values)));
    drawBars(surface, layout, columnProfile, columnValues.values, columnValues.grid, "across", palette.accent);
  }
}

function rowOf(cells: CellGrid | null, row: number): { values: Float32Array; grid: Grid } | null {
  const at = cells ? cellOf(cells.rows, row) : -1;
  if (!cells || at < 0) return null;
  const { count } = cells.columns;
  return { values: cells.values.subarray(at * count, (at + 1) * count), grid: cells.columns };
}

function columnOf(cells: CellGrid | null, column: number): { values: Float32Array; grid: Grid } | null {
  const at = cells ? cellOf(cells.columns, column) : -1;
  if (!cells || at < 0) return null;
  const values = Float32Array.from(
    { length: cells.rows.count },
    (_, row) => cells.values[row * cells.columns.count + at],
  );
  return { values, grid: cells.rows };
}

function drawReadOut(
  surface: Surface,
  { size }: Layout,
  palette: Palette,
  { lines }: Crosshair,
  cell: Box,
  measure: Measure,
): void {
  const most = Math.min(420, size.width - 24);
  const texts = lines.map((line) => shortened(line, most, measure));
  const width = Math.max(...texts.map(measure)) + 16;
  const height = texts.length * 17 + 10;
  const gap = 12;
  const right = cell.x + cell.width + gap;
  const x = right + width <= size.width ? right : Math.max(0, cell.x - gap - width);
  const under = cell.y + cell.height + gap;
  const y = under + height <= size.height ? under : cell.y - gap - height;
  const box = { x, y: Math.max(0, y), width, height };
  surface.rect(box, palette.background);
  surface.outline(box, palette.frame, 1);
  texts.forEach((text, at) => {
    surface.text(box.x + 8, box.y + 13 + at * 17, text, { size: 12, colour: palette.text });
  });
}
