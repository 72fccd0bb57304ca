/** All pictures of a sequence side by side, each with its own overlay and its share: pictures of a prompt, frames of a video. */

import type { ColourScale } from "../../colours";
import type { App } from "../../contract";
import { button, element, roving, scrollAlong } from "../../elements";
import { weightText } from "../../labels";
import { prepared } from "../../screen";
import { CanvasSurface } from "../../surface";
import { drawOver } from "./drawing";
import { type Looked, looked, shownSide } from "./patches";
import { type Direction, PatchWeights } from "./weights";

const HEIGHT = 64;

interface Film {
  looked: Looked;
  weights: PatchWeights;
  button: HTMLButtonElement;
  canvas: HTMLCanvasElement;
  share: HTMLElement;
  picture: HTMLImageElement;
}

export class Strip {
  readonly element = element("div", "image-strip");
  private films: Film[] = [];
  private readonly reach: (current: HTMLElement | undefined) => void;
  private named = "";

  constructor(
    private readonly app: App,
    private readonly choose: (which: number) => void,
    private readonly changed: () => void,
  ) {
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", "pictures");
    this.reach = roving(this.element, () => this.films.map((film) => film.button));
  }

  /** The pictures that a map looks at; none where it is one, which the stage shows. */
  list(count: number): void {
    const { manifest, store } = this.app;
    const name = `${store.state.map} ${count}`;
    if (name === this.named) return;
    this.stop();
    this.named = name;
    this.films = [];
    for (let at = 0; count > 1 && at < count; at++) {
      const found = looked(manifest, store.state, at);
      if (typeof found === "string") continue;
      const made = button("", `picture ${at + 1}`, () => this.choose(at));
      const [canvas, share, picture] = [element("canvas"), element("span"), new Image()];
      const { width, height, src } = found.image;
      canvas.style.height = `${HEIGHT}px`;
      canvas.style.width = `${Math.round((HEIGHT * width) / height)}px`;
      picture.addEventListener("load", this.changed);
      picture.src = src;
      made.append(canvas, share);
      this.films.push({
        looked: found,
        weights: new PatchWeights(this.app, made, this.changed),
        button: made,
        canvas,
        share,
        picture,
      });
    }
    this.element.replaceChildren(...this.films.map((film) => film.button));
    this.element.hidden = this.films.length === 0;
  }

  stop(): void {
    for (const { weights } of this.films) weights.stop();
    this.named = "";
  }

  /** The weights of a token over every picture, as far as they are read; null where there is one picture. */
  look(token: number, direction: Direction): Float32Array | null {
    const values: number[] = [];
    for (const [at, { weights, looked: found }] of this.films.entries()) {
      weights.look(this.app.store.state, found, direction, token, at);
      if (weights.found?.token === token) for (const value of weights.found.values) values.push(value);
    }
    return this.films.length > 0 && values.length > 0 ? Float32Array.from(values) : null;
  }

  /** `scale`: the same for all pictures, so that they can be compared. */
  draw(
    which: number,
    token: number,
    direction: Direction,
    scale: ColourScale,
    strength: number,
    smooth: boolean,
  ): void {
    for (const [at, { weights, looked: found, button: made, canvas, share, picture }] of this.films.entries()) {
      const values = weights.found?.token === token ? weights.found.values : null;
      const sum = values?.reduce((total, one) => total + one, 0) ?? null;
      const tokens = shownSide(found, direction).places.tokens.length;
      const said = sum === null ? "…" : weightText(direction === "from" ? sum : sum / tokens);
      share.textContent = `${at + 1}: ${said}`;
      made.setAttribute("aria-label", `picture ${at + 1}: ${said} of the weight`);
      made.setAttribute("aria-pressed", String(at === which));
      const size = { width: Number.parseFloat(canvas.style.width), height: HEIGHT };
      const context = prepared(canvas, size);
      if (!context) continue;
      const { palette } = this.app;
      const grid = shownSide(found, direction).places;
      const look = { values, scale, strength, smooth, grid, palette };
      drawOver(new CanvasSurface(context), { x: 0, y: 0, ...size }, look, ({ x, y, width, height }) => {
        if (picture.complete && picture.naturalWidth > 0) context.drawImage(picture, x, y, width, height);
      });
    }
    const chosen = this.films[which]?.button;
    this.reach(chosen);
    scrollAlong(this.element, chosen);
  }
}
