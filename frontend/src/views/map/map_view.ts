/** The map view: its elements, what happens when state, size or pointer change, and what is drawn then. */

import { ONE_IN, scaleOf } from "../../colours";
import type { App, MountedView, State, TextTable, Viewport } from "../../contract";
import { brief } from "../../labels";
import { bandNames, marksOn } from "../../marks";
import { Pointed } from "../../pointed";
import { measureWith, prepared, type Size } from "../../screen";
import { mapText, type Shown, shownBy } from "../../shown";
import { CanvasSurface, pngOf } from "../../surface";
import { drawAlone } from "./alone";
import { convertViewport } from "./axes";
import { BarEnds } from "./bar_ends";
import { type CellGrid, gridsOf, MOST_CELLS } from "./cells";
import { moved, type Place, placeOf, tokensAt } from "./crosshair";
import { documentLayout, documentOf } from "./document";
import { buildElements, type MapElements } from "./elements";
import { listen } from "./gestures";
import { HeadLayers, strengthsOf } from "./head_layers";
import { heightOf, LABEL_SIZE, type Layout, layoutOf } from "./layout";
import { drawBox, drawCrosshair } from "./overlay";
import { drawScene, type Scene } from "./picture";
import { type Box, Pointing } from "./pointing";
import { Probe } from "./probe";
import { readCells } from "./question";
import { Reader } from "./reader";
import { tableOf } from "./table";
import { covers, showing } from "./viewport";
import { axisTitle, cellAt, partText, pictureText, readOut, statusText } from "./words";

/** What a state's viewport counts, so that it can be counted anew when another view has changed the units. */
interface Counted {
  viewport: Viewport | null;
  shown: Shown;
}
const counted = new WeakMap<App["store"], Counted>();

const ZOOM_STEP = 1.5;
/** What keys do to the scale; 0 is the whole map. */
const FACTORS: Record<string, number> = {
  "+": ZOOM_STEP,
  "=": ZOOM_STEP,
  "-": 1 / ZOOM_STEP,
  "−": 1 / ZOOM_STEP,
  "0": 0,
};

const NO_VALUES = new Float32Array();

export class MapView implements MountedView {
  private readonly elements: MapElements;
  private readonly stops: (() => void)[] = [];
  private readonly reader: Reader;
  private readonly probe: Probe;
  private readonly layers: HeadLayers;
  private readonly measure: (text: string) => number;
  private size: Size = { width: 0, height: 0 };
  private shown: Shown;
  private scene: Scene | null = null;
  private box: Box | null = null;
  private frameRequest = 0;
  private destroyed = false;
  private dirty = { base: true, overlay: true };
  private readonly pointed: Pointed;
  private readonly pointing: Pointing;
  private readonly ends: BarEnds;
  /** Whether a key has moved it, and its place has not been said yet. */
  private unsaid = false;

  constructor(
    root: HTMLElement,
    private readonly app: App,
  ) {
    this.shown = shownBy(app.manifest, app.store.state);
    this.pointed = new Pointed(app.store);
    this.measure = measureWith(document.createElement("canvas").getContext("2d"), LABEL_SIZE);
    this.reader = new Reader(app, () => this.request("base"));
    this.probe = new Probe(app, () => {
      this.unsaid ||= !this.pointed.passing;
      this.request("overlay");
    });
    this.layers = new HeadLayers(app, () => this.request("base"));
    this.elements = buildElements(root, {
      out: () => this.pointing.zoomAtCrosshair(1 / ZOOM_STEP),
      in: () => this.pointing.zoomAtCrosshair(ZOOM_STEP),
      whole: () => this.app.store.set({ viewport: null }),
    });
    this.elements.element.toggleAttribute("data-reading", true); // from the start, until there is something to see
    this.pointing = new Pointing(app, this.elements, this.pointed, {
      scene: () => this.scene,
      shown: () => this.shown,
      lookAt: (viewport) => this.lookAt(viewport),
      box: (box) => {
        this.box = box;
        this.request("overlay");
      },
    });
    this.ends = new BarEnds(this.elements.stage, app);
    this.recount(counted.get(app.store));
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.elements.stage);
    this.stops.push(
      () => observer.disconnect(),
      app.store.subscribe((state, changed) => this.changed(state, changed)),
      listen(this.elements.base, this.pointing),
    );
    this.resize();
  }

  redraw(): void {
    this.request("base");
  }

  destroy(): void {
    counted.set(this.app.store, { viewport: this.app.store.state.viewport, shown: this.shown });
    cancelAnimationFrame(this.frameRequest);
    this.destroyed = true;
    for (const stop of this.stops) stop();
    this.reader.stop();
    this.probe.stop();
    this.layers.stop();
    this.app.sharedTop?.leave(this);
    this.elements.hint.stop();
    this.ends.stop();
    this.elements.element.remove();
  }

  keydown(event: KeyboardEvent): boolean {
    const layout = this.scene?.layout;
    if (!layout || event.altKey || event.metaKey) return false;
    if (event.ctrlKey && event.key !== "Home" && event.key !== "End") return false;
    const { state } = this.app.store;
    const place = placeOf(state, this.shown);
    const factor = FACTORS[event.key];
    if (factor !== undefined) {
      if (factor === 0) this.app.store.set({ viewport: null });
      else this.pointing.zoomAtCrosshair(factor);
      this.app.say(partText(this.shown, this.layout().frame.view));
    } else if (event.key === "Enter" && place) {
      this.app.store.set({ pinned: true });
      this.app.say("pinned");
    } else if (event.key === "Escape" && state.pinned) {
      this.app.store.set({ pinned: false });
      this.app.say("");
    } else {
      const next = moved(event, place, layout, this.scene?.cells ?? null);
      if (!next) return false;
      this.moveTo(next, layout);
    }
    return true;
  }

  contentHeight(): number {
    return heightOf(this.shown, this.elements.stage.clientWidth, this.measure);
  }

  async table(full?: boolean): Promise<TextTable> {
    const { state } = this.app.store;
    const cells = await this.exactCells();
    return tableOf(state, this.shown, cells, this.statusOf(cells, false), full);
  }

  async svg(): Promise<string> {
    const { state } = this.app.store;
    const layout = documentLayout(this.layout(), this.shown, state.viewport, this.measure);
    const { view } = layout.frame;
    const cells = covers(this.layout().frame.view, view)
      ? await this.exactCells()
      : await readCells(this.app.source, state, this.shown, gridsOf(layout.frame, this.shown, MOST_CELLS), 0);
    const scene = this.sceneOf(cells, layout);
    const title = `${brief(this.app.manifest.title, 120)} – ${mapText(this.shown.info, state.heads)}`;
    const crosshair = state.pinned ? this.crosshair(scene) : null;
    const pinned = crosshair && { crosshair, probed: this.probe.found };
    const part = state.viewport ? `part of the map: ${partText(this.shown, view)}` : "";
    const status = [part, this.statusOf(cells, false)].filter((text) => text !== "");
    return documentOf(scene, { title, status: status.join(" · ") }, pinned, this.measure, pngOf);
  }

  // -- what changes ---------------------------------------------------------------------------------------------------

  private changed(state: Readonly<State>, changed: ReadonlySet<keyof State>): void {
    const only = (...names: (keyof State)[]) => [...changed].every((name) => names.includes(name));
    if (only("query", "key", "pinned")) {
      this.request("overlay");
      return;
    }
    if (["map", "unit", "special", "rowAxis", "pair"].some((name) => changed.has(name as keyof State))) {
      const before = { viewport: changed.has("viewport") ? null : state.viewport, shown: this.shown };
      this.shown = shownBy(this.app.manifest, state);
      this.scene = null; // its units are others
      this.recount(before);
    }
    this.request("base");
  }

  /** Keeps the place where units are counted anew. */
  private recount(before: Counted | undefined): void {
    const { viewport } = this.app.store.state;
    if (!before?.viewport || !viewport || JSON.stringify(before.viewport) !== JSON.stringify(viewport)) return;
    this.app.store.set({ viewport: convertViewport(viewport, before.shown, this.shown) });
  }

  private resize(): void {
    this.size = { width: this.elements.stage.clientWidth, height: this.elements.stage.clientHeight };
    this.request("base");
  }

  private moveTo(place: Place, { frame, extent, room }: Layout): void {
    this.pointed.keep();
    const viewport = this.app.store.state.viewport && showing(frame, extent, room, place.row, place.column);
    this.app.store.set({ ...tokensAt(place, this.shown), viewport });
    this.unsaid = true;
    this.speak();
  }

  /** Says where a key has brought the crosshair, as soon as its weight is known. */
  private speak(): void {
    if (!this.unsaid || this.dirty.base || !this.scene?.cells?.read) return; // what is drawn may be of another head yet
    const crosshair = this.crosshair(this.scene);
    if (!crosshair || !cellAt(this.scene.cells, crosshair.row, crosshair.column)) return;
    this.unsaid = false;
    this.app.say(crosshair.lines.join(", "));
  }

  /** The layout follows at once, so that the next event finds the map where it will be drawn. */
  private lookAt(viewport: Viewport | null): void {
    this.app.store.set({ viewport });
    if (this.scene) this.scene = { ...this.scene, layout: this.layout() };
  }

  // -- what is drawn --------------------------------------------------------------------------------------------------

  private request(what: "base" | "overlay"): void {
    this.dirty.overlay = true;
    if (what === "base") this.dirty.base = true;
    if (this.frameRequest === 0 && !this.destroyed) this.frameRequest = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frameRequest = 0;
    if (this.size.width < 20 || this.size.height < 20) return;
    if (this.dirty.base) this.drawBase();
    if (this.scene) this.drawOverlay(this.scene);
    this.dirty = { base: false, overlay: false };
    this.speak();
  }

  private drawBase(): void {
    const { state } = this.app.store;
    const layout = this.layout();
    this.reader.look(state, this.shown, layout.frame);
    this.scene = this.sceneOf(this.reader.cells, layout);
    this.stretch(layout.size);
    this.ends.place(layout.bar, this.scene.scale);
    const context = prepared(this.elements.base, layout.size);
    if (context) drawScene(new CanvasSurface(context), this.scene, false);
    const status = this.statusOf(this.reader.cells, this.reader.reading);
    this.app.describe(status);
    this.elements.base.setAttribute("aria-label", pictureText(state, this.shown, layout.frame.view, status));
    this.elements.element.toggleAttribute("data-reading", this.reader.reading);
  }

  private drawOverlay(scene: Scene): void {
    const { state } = this.app.store;
    this.probe.look(state, this.shown, placeOf(state, this.shown), scene.cells);
    const context = prepared(this.elements.overlay, scene.layout.size);
    if (!context) return;
    const surface = new CanvasSurface(context);
    const crosshair = this.crosshair(scene);
    if (crosshair && !this.box) drawCrosshair(surface, scene, crosshair, this.probe.found, this.measure);
    if (!crosshair && !this.box) drawAlone(surface, scene, state, this.shown, this.measure);
    if (this.box) drawBox(surface, this.box.from, this.box.to, this.app.palette);
  }

  /** A picture that needs more room than there is scrolls. */
  private stretch({ width, height }: Size): void {
    for (const { style } of [this.elements.base, this.elements.overlay]) {
      style.width = `${width}px`;
      style.height = `${height}px`;
    }
  }

  private layout(): Layout {
    return layoutOf(this.size, this.shown, this.app.store.state.viewport, this.measure);
  }

  private sceneOf(cells: CellGrid | null, layout = this.layout()): Scene {
    const { state } = this.app.store;
    const { probabilities, keys, hides } = this.shown.info;
    const least = probabilities ? 1 / keys : 0; // even attention is the least that has a strong colour
    const own = scaleOf(state.scale, cells?.values ?? NO_VALUES, !probabilities, least, state.limits);
    const shared = own.name === "row" || state.limits ? own.top : (this.app.sharedTop?.meet(this, own.top) ?? own.top);
    const scale = { ...own, top: shared, hides };
    const layers = this.layers.look(state, this.shown, cells);
    return {
      ...marksOn(this.app, this.shown),
      layout,
      rowTitle: axisTitle(this.shown.rows) + bandNames(this.shown.rows),
      columnTitle: axisTitle(this.shown.columns) + bandNames(this.shown.columns),
      cells,
      scale,
      layers: layers && {
        heads: state.heads,
        strengths: strengthsOf(layers, state.scale, least),
      },
      margins: this.shown.info.meaning === undefined ? (this.reader.margins?.margins ?? null) : null,
      marginGrids: this.reader.margins?.grids ?? null,
      dimSpecial: state.special === "dimmed",
      palette: this.app.palette,
    };
  }

  private statusOf(cells: CellGrid | null, reading: boolean): string {
    const sampled = this.reader.margins?.margins.sampled ?? 0;
    const { state } = this.app.store;
    const said = statusText(state, this.shown, cells, reading, sampled);
    const { more, top } = this.sceneOf(cells).scale;
    return more && !state.limits
      ? `${said} · the strongest colour is ${top} and more, which 1 cell in ${ONE_IN} has`
      : said;
  }

  private crosshair(scene: Scene) {
    const { state } = this.app.store;
    const place = placeOf(state, this.shown);
    if (!place) return null;
    const cell = cellAt(scene.cells, place.row, place.column);
    return {
      ...place,
      pinned: state.pinned,
      rowText: brief(this.shown.rows.label(place.row)),
      columnText: brief(this.shown.columns.label(place.column)),
      lines: readOut(this.app.manifest, state, this.shown, place, cell, this.probe.found),
    };
  }

  /** What is on screen, read exactly (or as exactly as the source will). */
  private async exactCells(): Promise<CellGrid> {
    if (this.dirty.base) this.draw();
    const { cells, reading } = this.reader;
    if (cells?.read && !reading) return cells;
    const { state } = this.app.store;
    const grids = gridsOf(this.layout().frame, this.shown, MOST_CELLS);
    return readCells(this.app.source, state, this.shown, grids, 0);
  }
}
