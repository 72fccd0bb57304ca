/** What a pointer does to the map: it points, holds, moves, zooms, and draws a box around what is to be seen whole. */

import type { App, Viewport } from "../../contract";
import { hasFocus } from "../../elements";
import type { Pointed } from "../../pointed";
import type { Shown } from "../../shown";
import { placeOf, tokensAt } from "./crosshair";
import type { MapElements } from "./elements";
import type { GestureHandlers, Point } from "./gestures";
import { unitAt } from "./layout";
import type { Scene } from "./picture";
import { boxed, panned, zoomed } from "./viewport";

/** Corners of a box that is being drawn. */
export interface Box {
  from: Point;
  to: Point;
}

/** The map that is pointed at. */
interface Ground {
  /** null while nothing is drawn. */
  scene(): Scene | null;
  shown(): Shown;
  lookAt(viewport: Viewport | null): void;
  /** null: it is drawn no more. */
  box(box: Box | null): void;
}

export class Pointing implements GestureHandlers {
  constructor(
    private readonly app: App,
    private readonly elements: MapElements,
    private readonly pointed: Pointed,
    private readonly map: Ground,
  ) {}

  hover(at: Point): void {
    const scene = this.map.scene();
    if (this.app.store.state.pinned || !scene) return;
    const place = unitAt(scene.layout, at.x, at.y);
    if (!place) {
      this.leave();
      return;
    }
    this.pointed.over(tokensAt(place, this.map.shown()));
  }

  leave(): void {
    this.pointed.leave();
  }

  click(at: Point): void {
    const scene = this.map.scene();
    this.elements.base.focus({ preventScroll: true });
    const place = scene && unitAt(scene.layout, at.x, at.y);
    if (!place) return;
    const { state } = this.app.store;
    const here = placeOf(state, this.map.shown());
    const same = state.pinned && here?.row === place.row && here.column === place.column;
    if (!same) this.pointed.keep();
    this.app.store.set({ ...tokensAt(place, this.map.shown()), pinned: !same });
  }

  pan(dx: number, dy: number): void {
    const scene = this.map.scene();
    if (!scene) return;
    const { frame, extent, room } = scene.layout;
    if (this.app.store.state.viewport === null) this.elements.stage.scrollBy(-dx, -dy);
    this.map.lookAt(panned(frame, extent, room, dx, dy));
  }

  zoom(factor: number, at: Point): boolean {
    const scene = this.map.scene();
    if (!scene) return false;
    const { frame, extent, room, plot } = scene.layout;
    const point = { x: at.x - plot.x, y: at.y - plot.y };
    const before = this.app.store.state.viewport;
    this.map.lookAt(zoomed(frame, extent, room, factor, point));
    return before !== null || this.app.store.state.viewport !== null;
  }

  zoomAtCrosshair(factor: number): void {
    const scene = this.map.scene();
    if (!scene) return;
    const { plot, frame } = scene.layout;
    const place = placeOf(this.app.store.state, this.map.shown());
    const seen = place && place.row >= frame.view.top - 1 && place.row < frame.view.bottom;
    const here = seen && place.column >= frame.view.left - 1 && place.column < frame.view.right ? place : null;
    this.zoom(factor, {
      x: plot.x + (here ? (here.column + 0.5 - frame.view.left) * frame.x : plot.width / 2),
      y: plot.y + (here ? (here.row + 0.5 - frame.view.top) * frame.y : plot.height / 2),
    });
  }

  /** Inside another page the wheel scrolls that page, until somebody has clicked on the map. */
  wheels(): boolean {
    if (!this.app.embedded || hasFocus(this.elements.base)) return true;
    this.elements.hint.show("Ctrl + wheel zooms; after a click the wheel alone does");
    return false;
  }

  box(from: Point, to: Point, done: boolean): void {
    const scene = this.map.scene();
    if (!scene) return;
    const { plot, frame, extent, room } = scene.layout;
    this.map.box(done ? null : { from, to });
    if (!done || Math.hypot(from.x - to.x, from.y - to.y) < 4) return;
    const column = (x: number) => frame.view.left + (x - plot.x) / frame.x;
    const row = (y: number) => frame.view.top + (y - plot.y) / frame.y;
    const part = {
      top: row(Math.min(from.y, to.y)),
      bottom: row(Math.max(from.y, to.y)),
      left: column(Math.min(from.x, to.x)),
      right: column(Math.max(from.x, to.x)),
    };
    this.map.lookAt(boxed(part, extent, room));
  }
}
