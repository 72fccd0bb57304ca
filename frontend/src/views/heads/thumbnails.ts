/** The thumbnails of each map: asked for when they come into sight, painted once for what they show. */

import type { App, Overview } from "../../contract";
import { headsCanvas } from "../../thumbnails";

export class Thumbnails {
  private readonly overviews = new Map<number, Overview>();
  private readonly requested = new Set<number>();
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
      this.request(map);
      return null;
    }
    if (!this.painted.has(map)) this.painted.set(map, headsCanvas(overview, this.app.store.state, this.app.palette));
    const canvas = this.painted.get(map);
    return canvas ? { overview, canvas } : null;
  }

  stop(): void {
    this.stopping.abort();
  }

  private request(map: number): void {
    if (this.requested.has(map)) return;
    this.requested.add(map);
    const { signal } = this.stopping;
    this.app.source.overview(map, signal).then(
      (overview) => {
        if (signal.aborted) return;
        this.overviews.set(map, overview);
        this.arrived();
      },
      (error) => signal.aborted || this.app.fail(error),
    );
  }
}
