/** The thumbnails of each map: asked for when they come into sight, painted once for what they show. */

import type { App, Overview } from "../../contract";
import { headsCanvas } from "../../thumbnails";

export class Thumbnails {
  private readonly overviews = new Map<number, Overview>();
  private readonly requested = new Map<number, Promise<void>>();
  private readonly painted = new Map<number, HTMLCanvasElement | null>();
  private readonly stopping = new AbortController();
  private look = "";

  constructor(
    private readonly app: App,
    private readonly arrived: () => void,
  ) {}

  /** The heads of a map, or null while they are not here yet. */
  get(map: number): { overview: Overview; canvas: HTMLCanvasElement } | null {
    const { thumbnails, scale } = this.app.store.state;
    const look = `${thumbnails} ${scale} ${this.app.palette.name}`;
    if (look !== this.look) this.painted.clear();
    this.look = look;
    const overview = this.overviews.get(map);
    if (!overview) {
      void this.request(map);
      return null;
    }
    if (!this.painted.has(map)) this.painted.set(map, headsCanvas(overview, this.app.store.state, this.app.palette));
    const canvas = this.painted.get(map);
    return canvas ? { overview, canvas } : null;
  }

  /** Until the heads of all these maps are here. */
  async all(maps: readonly number[]): Promise<void> {
    for (const map of new Set(maps)) if (!this.overviews.has(map)) await this.request(map);
  }

  stop(): void {
    this.stopping.abort();
  }

  private request(map: number): Promise<void> {
    const before = this.requested.get(map);
    if (before) return before;
    const { signal } = this.stopping;
    const arriving = this.app.source.overview(map, signal).then(
      (overview) => {
        if (signal.aborted) return;
        this.overviews.set(map, overview);
        this.arrived();
      },
      (error) => {
        if (!signal.aborted) this.app.fail(error);
      },
    );
    this.requested.set(map, arriving);
    return arriving;
  }
}
