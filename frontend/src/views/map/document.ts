/** The map as a document of its own. */

import type { Viewport } from "../../contract";
import { between, type Measure, wordLines, wrapped } from "../../screen";
import type { Shown } from "../../shown";
import { type PngEncoder, SvgSurface } from "../../surface";
import { LABEL_SIZE, type Layout, layoutOf } from "./layout";
import { type Crosshair, drawCrosshair } from "./overlay";
import { drawScene, type Scene } from "./picture";
import type { Probed } from "./probe";

const LINE = 16;
/** Pixels of a document's side: a line for each unit and what stands around them, within bounds. */
const [UNIT, AROUND, SMALLEST, LARGEST] = [26, 260, 560, 1000];
/** How much wider than labels a title of larger, bold letters is. */
const TITLE_WIDTH = 1.2;
/** To the right of the colour bar and of the last strip, for the numbers beside them. */
const EDGE = 58;

/** A document has a size of its own, by what there is to see; or that of the screen, where that is larger. */
export function documentLayout(screen: Layout, shown: Shown, viewport: Viewport | null, measure: Measure): Layout {
  const units = Math.max(shown.rows.count, shown.columns.count);
  const side = between(units * UNIT + AROUND, SMALLEST, LARGEST);
  const own = layoutOf({ width: side, height: side }, shown, viewport, measure);
  return Math.min(screen.frame.x, screen.frame.y) >= Math.min(own.frame.x, own.frame.y) ? screen : own;
}

/** What of the layout has something in it. */
function contentOf({ plot, received, rowProfile, bar, entropy, columnProfile }: Layout): {
  width: number;
  height: number;
} {
  const bottom = Math.max(...[plot, received, rowProfile, bar].map((box) => (box ? box.y + box.height : 0)));
  const right = Math.max(...[plot, entropy, columnProfile].map((box) => (box ? box.x + box.width : 0)));
  return { width: Math.ceil(Math.max(right, bar.x + bar.width + EDGE)), height: Math.ceil(bottom + 8) };
}

export function documentOf(
  scene: Scene,
  { title, status }: { title: string; status: string },
  pinned: { crosshair: Crosshair; probed: Probed | null } | null,
  measure: Measure,
  encode: PngEncoder,
): string {
  const { width, height } = contentOf(scene.layout);
  const { palette } = scene;
  const titles = wordLines(title, width - 16, (text) => TITLE_WIDTH * measure(text));
  // What is said of the crosshair stands above the map: over the cells it would hide some.
  const lines = [...wrapped(status, width - 16, measure), ...(pinned?.crosshair.lines ?? [])];
  const head = (lines.length + titles.length) * LINE + 8;
  const surface = new SvgSurface(width, height + head, encode);
  surface.rect({ x: 0, y: 0, width, height: head }, palette.background);
  titles.forEach((text, at) => {
    surface.text(8, 12 + at * LINE, text, { size: 13, colour: palette.text, bold: true });
  });
  lines.forEach((text, at) => {
    surface.text(8, 12 + (at + titles.length) * LINE, text, { size: LABEL_SIZE, colour: palette.dimmed });
  });
  surface.shifted(0, head, () => {
    const cropped = { ...scene, layout: { ...scene.layout, size: { width, height } } };
    drawScene(surface, cropped, true);
    if (pinned) drawCrosshair(surface, cropped, { ...pinned.crosshair, lines: [] }, pinned.probed, measure);
  });
  return surface.document(`${title}: ${status}`);
}
