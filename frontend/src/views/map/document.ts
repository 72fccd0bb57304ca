/** The map as a document of its own. */

import { type Measure, wrapped } from "../../screen";
import { type PngEncoder, SvgSurface } from "../../surface";
import { LABEL_SIZE } from "./layout";
import { type Crosshair, drawCrosshair } from "./overlay";
import { drawScene, type Scene } from "./picture";
import type { Probed } from "./probe";

const LINE = 16;

export function documentOf(
  scene: Scene,
  { title, status }: { title: string; status: string },
  pinned: { crosshair: Crosshair; probed: Probed | null } | null,
  measure: Measure,
  encode: PngEncoder,
): string {
  const { width, height } = scene.layout.size;
  const { palette } = scene;
  const lines = wrapped(status, width - 16, measure);
  const head = (lines.length + 1) * LINE + 8;
  const surface = new SvgSurface(width, height + head, encode);
  surface.rect({ x: 0, y: 0, width, height: head }, palette.background);
  surface.text(8, 12, title, { size: 13, colour: palette.text, bold: true });
  lines.forEach((text, at) => {
    surface.text(8, 12 + (at + 1) * LINE, text, { size: LABEL_SIZE, colour: palette.dimmed });
  });
  surface.shifted(0, head, () => {
    drawScene(surface, scene, true);
    if (pinned) drawCrosshair(surface, scene, pinned.crosshair, pinned.probed, measure);
  });
  return surface.document(`${title}: ${status}`);
}
