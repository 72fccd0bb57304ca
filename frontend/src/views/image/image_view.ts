/** The image view: its elements, and what happens when state, size or pointer change. */

import { scaleOf } from "../../colours";
import type { App, MountedView, TextTable } from "../../contract";
import { button, element } from "../../elements";
import { brief, errorText, weightText, weightTexts } from "../../labels";
import { between, prepared, type Size } from "../../screen";
import { mapText } from "../../shown";
import { strongest } from "../../strongest";
import { CanvasSurface, pngOf, SvgSurface } from "../../surface";
import { patchName } from "../../units";
import { drawImageScene, type ImageScene, patchAt } from "./drawing";
import { chosenSide, firstToken, type Looked, looked, otherTokens, shownSide, tokenName } from "./patches";
import { Strip } from "./strip";
import { type Direction, PatchWeights } from "./weights";

/** Buttons for tokens that are no patches. */
const MOST_BUTTONS = 200;
const TABLE_ROWS = 100;

export class ImageView implements MountedView {
  private readonly element = element("div", "image-view");
  private readonly tokens = element("div", "image-tokens");
  private readonly status = element("p", "image-status");
  private readonly stage = element("div", "image-stage");
  private readonly canvas = element("canvas", "image-canvas");
  private readonly strength = input("range", { min: "0", max: "100", value: "80" });
  private readonly smooth = input("checkbox", {});
  private readonly directions = {
    from: input("radio", { name: "image-direction" }),
    to: input("radio", { name: "image-direction" }),
  };
  private readonly picture = new Image();
  private readonly weights: PatchWeights;
  private readonly stops: (() => void)[] = [];
  private size: Size = { width: 0, height: 0 };
  private looked: Looked | string;
  /** Which of the pictures that the map looks at. */
  private which = 0;
  private readonly strip: Strip;
  private frameRequest = 0;
  /** The patch under the pointer, and whether the chosen token came with it. */
  private under: { row: number; column: number } | null = null;
  private pointed = false;
  /** The weights over all pictures, where there are several: they have the colours of one scale. */
  private beside: Float32Array | null = null;

  constructor(
    root: HTMLElement,
    private readonly app: App,
  ) {
    this.looked = looked(app.manifest, app.store.state);
    this.weights = new PatchWeights(app, this.element, () => this.request());
    this.strip = new Strip(
      app,
      (which) => this.turnTo(which),
      () => this.request(),
    );
    this.build(root);
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.stage);
    this.stops.push(
      () => observer.disconnect(),
      app.store.subscribe((_, changed) => {
        if (changed.has("map") || changed.has("direction")) this.lookAgain();
        this.request();
      }),
    );
    this.lookAgain();
    this.resize();
  }

  redraw(): void {
    this.request();
  }

  destroy(): void {
    cancelAnimationFrame(this.frameRequest);
    for (const stop of this.stops) stop();
    this.weights.stop();
    this.strip.stop();
    this.element.remove();
  }

  keydown(event: KeyboardEvent): boolean {
    if (typeof this.looked === "string" || event.altKey || event.metaKey || event.ctrlKey) return false;
    const { store } = this.app;
    const { queries, keys } = this.looked;
    if (event.key === "Enter" && this.chosen() !== null) {
      store.set({ ...this.choice(this.chosen()), pinned: true });
      this.app.say("kept");
    } else if (event.key === "Escape" && store.state.pinned) store.set({ pinned: false });
    else if (event.key === "d" && queries && keys) this.turn(this.direction() === "from" ? "to" : "from");
    else if (event.key === "b") this.smooth.click();
    else if ((event.key === "PageDown" || event.key === "PageUp") && this.looked.pictures > 1)
      this.turnTo(between(this.which + (event.key === "PageDown" ? 1 : -1), 0, this.looked.pictures - 1));
    else {
      const side = chosenSide(this.looked, this.direction());
      const { rows, columns } = side?.places ?? { rows: 0, columns: 0 };
      const steps: Record<string, [number, number]> = {
        ArrowUp: [-1, 0],
        ArrowDown: [1, 0],
        ArrowLeft: [0, -1],
        ArrowRight: [0, 1],
        Home: [0, -columns],
        End: [0, columns],
      };
      const step = steps[event.key];
      if (!step || !side) return false;
      const from = side.patch(this.chosen());
      const row = from ? between(from.row + step[0], 0, rows - 1) : Math.floor(rows / 2);
      const column = from ? between(from.column + step[1], 0, columns - 1) : Math.floor(columns / 2);
      this.pointed = false;
      const token = side.token(row, column);
      if (token !== null) store.set(this.choice(token));
      this.draw();
      this.app.say(this.status.textContent ?? "");
    }
    return true;
  }

  async table(full = false): Promise<TextTable> {
    const text = weightTexts(full);
    const { state } = this.app.store;
    if (typeof this.looked === "string") return { caption: this.looked, columns: [], rows: [] };
    const { info } = this.looked;
    const side = shownSide(this.looked, this.direction());
    const { columns, tokens } = side.places;
    const values = this.weights.found?.values ?? new Float32Array();
    return {
      caption: `${mapText(info, state.heads)}: the strongest of ${tokens.length} patches; ${this.sentence()}`,
      columns: ["row", "column", "token", "weight"],
      rows: strongest(values, TABLE_ROWS).map((at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        return [String(row), String(column), String(side.token(row, column)), text(values[at])];
      }),
    };
  }

  async svg(): Promise<string> {
    const { manifest, palette } = this.app;
    const scene = this.scene();
    if (!scene || typeof this.looked === "string") throw new Error(`no picture to export: ${this.looked}`);
    const { width, height } = this.size;
    const head = 44;
    const title = `${brief(manifest.title, 120)} – ${mapText(this.looked.info, this.app.store.state.heads)}`;
    const surface = new SvgSurface(width, height + head, pngOf);
    surface.rect({ x: 0, y: 0, width, height: head }, palette.background);
    surface.text(8, 14, title, { size: 13, colour: palette.text, bold: true });
    surface.text(8, 32, this.sentence(), { size: 12, colour: palette.dimmed });
    surface.shifted(0, head, () => drawImageScene(surface, scene, (box) => surface.image(box, scene.image.src)));
    return surface.document(`${title}: ${this.sentence()}`);
  }

  // -- what is chosen -------------------------------------------------------------------------------------------------

  private direction(): Direction {
    if (typeof this.looked === "string" || !this.looked.queries) return "from";
    return this.looked.keys ? this.app.store.state.direction : "to";
  }

  /** The chosen token; where none is, the first that no patch comes after; else the first that is no patch, such as [CLS]. */
  private chosen(): number | null {
    if (typeof this.looked === "string") return null;
    const { info } = this.looked;
    const from = this.direction() === "from";
    const token = from ? this.app.store.state.query : this.app.store.state.key;
    if (token !== null && token >= 0 && token < (from ? info.queries : info.keys)) return token;
    const first = chosenSide(this.looked, this.direction())?.places.tokens[0] ?? 0;
    return firstToken(this.looked, this.direction()) ?? first;
  }

  private choice(token: number | null) {
    return this.direction() === "from" ? { query: token } : { key: token };
  }

  /** The same token the other way round. */
  private turn(direction: Direction): void {
    const token = this.chosen();
    this.app.store.set({ direction, ...(direction === "from" ? { query: token } : { key: token }) });
  }

  private lookAgain(): void {
    const { manifest, store } = this.app;
    this.looked = looked(manifest, store.state, this.which);
    this.showPictures();
    this.tokens.replaceChildren();
    if (typeof this.looked === "string") return;
    if (this.picture.src !== this.looked.image.src) this.picture.src = this.looked.image.src;
    const direction = this.direction();
    this.directions[direction].checked = true;
    this.directions.to.disabled = !this.looked.queries;
    this.directions.from.disabled = !this.looked.keys;
    const found = this.looked;
    for (const token of otherTokens(found, direction, MOST_BUTTONS)) {
      const chooses = button(tokenName(manifest, found, direction, token), "", () => {
        this.pointed = false;
        store.set({ ...this.choice(token), pinned: true });
      });
      chooses.dataset.token = String(token);
      this.tokens.append(chooses);
    }
  }

  private showPictures(): void {
    const count = typeof this.looked === "string" ? 0 : this.looked.pictures;
    this.which = Math.min(this.which, Math.max(count - 1, 0));
    this.strip.list(count);
  }

  private turnTo(which: number): void {
    this.which = which;
    this.under = null;
    this.lookAgain();
    this.request();
  }

  private hover(event: PointerEvent): void {
    if (typeof this.looked === "string") return;
    const box = this.canvas.getBoundingClientRect();
    const { image } = this.looked;
    const grid = shownSide(this.looked, this.direction()).places;
    this.under = patchAt({ size: this.size, image, grid }, event.clientX - box.left, event.clientY - box.top);
    const side = chosenSide(this.looked, this.direction());
    const token = this.under && side ? side.token(this.under.row, this.under.column) : null;
    if (this.app.store.state.pinned || !side) this.request();
    else if (token !== null) {
      this.pointed = true;
      this.app.store.set(this.choice(token));
    } else this.leave();
  }

  private leave(): void {
    this.under = null;
    this.request();
    if (!this.pointed || this.app.store.state.pinned) return;
    this.pointed = false;
    this.app.store.set(this.choice(null));
  }

  private click(): void {
    this.canvas.focus({ preventScroll: true });
    if (!this.under || typeof this.looked === "string") return;
    const token = chosenSide(this.looked, this.direction())?.token(this.under.row, this.under.column) ?? null;
    if (token === null) return;
    const same = this.app.store.state.pinned && this.chosen() === token;
    this.pointed = same;
    this.app.store.set({ ...this.choice(token), pinned: !same });
  }

  // -- what is drawn --------------------------------------------------------------------------------------------------

  private resize(): void {
    this.size = { width: this.stage.clientWidth, height: this.stage.clientHeight };
    this.request();
  }

  private request(): void {
    if (this.frameRequest === 0) this.frameRequest = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.frameRequest);
    this.frameRequest = 0;
    const token = this.chosen();
    if (typeof this.looked === "string" || token === null) {
      this.status.textContent = String(this.looked);
      return;
    }
    this.weights.look(this.app.store.state, this.looked, this.direction(), token, this.which);
    this.beside = this.strip.look(token, this.direction());
    this.status.textContent = this.sentence();
    this.canvas.setAttribute("aria-label", `the picture, ${this.sentence()}`);
    for (const button of this.tokens.children)
      button.setAttribute("aria-pressed", String((button as HTMLElement).dataset.token === String(token)));
    const scene = this.scene();
    if (scene) this.strip.draw(this.which, token, this.direction(), scene.scale, scene.strength, scene.smooth);
    const context = this.size.width < 20 || this.size.height < 80 ? null : prepared(this.canvas, this.size);
    if (!scene || !context) return;
    const loaded = this.picture.complete && this.picture.naturalWidth > 0;
    drawImageScene(new CanvasSurface(context), scene, ({ x, y, width, height }) => {
      context.imageSmoothingEnabled = true;
      if (loaded) context.drawImage(this.picture, x, y, width, height);
    });
  }

  private scene(): ImageScene | null {
    if (typeof this.looked === "string") return null;
    const { image, info } = this.looked;
    const { state } = this.app.store;
    const values = this.weights.found?.values ?? null;
    const name = state.scale === "log" ? "log" : "linear";
    const { probabilities, keys } = info;
    const sizes = this.beside ?? values ?? new Float32Array();
    // In proportion, the colours span what is there: a head that looks everywhere alike is no veil over the picture.
    const fitted = name === "linear" && probabilities && state.scale === "auto" ? spanOf(sizes) : null;
    const scale = scaleOf(name, sizes, !probabilities, probabilities ? 1 / keys : 0, state.limits ?? fitted);
    return {
      size: this.size,
      image,
      grid: shownSide(this.looked, this.direction()).places,
      values,
      scale,
      strength: Number(this.strength.value) / 100,
      smooth: this.smooth.checked,
      chosen: chosenSide(this.looked, this.direction())?.patch(this.chosen()) ?? null,
      legend: name === "log" ? "weight, by logarithm" : "weight",
      palette: this.app.palette,
    };
  }

  /** What is shown, in words. */
  private sentence(): string {
    const token = this.chosen();
    if (typeof this.looked === "string") return this.looked;
    const { found } = this.weights;
    if (token === null || found?.token !== token) return "reading …";
    const { info, image, pictures } = this.looked;
    const { state, manifest } = { state: this.app.store.state, manifest: this.app.manifest };
    const direction = this.direction();
    const name = brief(tokenName(manifest, this.looked, direction, token), 60);
    const side = shownSide(this.looked, direction);
    const sum = found.values.reduce((total, one) => total + one, 0);
    const parts = [
      direction === "from"
        ? `what ${name} attends to: ${weightText(sum)} of its weight is on ${pictures > 1 ? `picture ${this.which + 1} of ${pictures}` : "the picture"}`
        : `what attends to ${name}: ${weightText(sum / side.places.tokens.length)} of a patch's weight, on average`,
    ];
    const at = state.pinned ? this.under : null;
    if (at && side.token(at.row, at.column) !== null)
      parts.push(`${patchName(at)}: ${weightText(found.values[at.row * side.places.columns + at.column])}`);
    if (image.note) parts.push(image.note);
    if (state.heads.length > 1) parts.push(`mean of ${state.heads.length} heads`);
    if (info.error > 0) parts.push(`error at most ${errorText(info.error)}`);
    return parts.join(" · ");
  }

  // -- elements -------------------------------------------------------------------------------------------------------

  private build(root: HTMLElement): void {
    const bar = element("div", "image-bar");
    const which = element("fieldset");
    const legend = element("legend", "", "Show");
    which.append(
      legend,
      labelled(this.directions.from, "what it attends to"),
      labelled(this.directions.to, "what attends to it"),
    );
    for (const direction of ["from", "to"] as const)
      this.directions[direction].addEventListener("change", () => this.turn(direction));
    this.strength.addEventListener("input", () => this.request());
    this.smooth.addEventListener("change", () => this.request());
    const strength = labelled(this.strength, "Strength");
    strength.prepend(strength.lastChild as Node);
    bar.append(which, strength, labelled(this.smooth, "Smooth"));
    this.tokens.setAttribute("role", "group");
    this.tokens.setAttribute("aria-label", "tokens that are no patches");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.leave());
    this.canvas.addEventListener("click", () => this.click());
    this.picture.addEventListener("load", () => this.request());
    this.picture.addEventListener("error", () => this.app.fail(new Error("the picture could not be shown")));
    this.stage.append(this.canvas);
    this.element.append(bar, this.strip.element, this.tokens, this.status, this.stage);
    root.append(this.element);
  }
}

/** What of the largest weight is next to nothing: a scale that goes down so far begins with 0. */
const NOTHING = 1e-3;

/** The least and the largest of the weights that are there; null where they are all the same. */
function spanOf(values: Float32Array): [number, number] | null {
  const there = values.filter((value) => value > 0);
  const [low, high] = [Math.min(...there), Math.max(...there)];
  return low < high ? [low < NOTHING * high ? 0 : low, high] : null;
}

function input(type: string, attributes: Record<string, string>): HTMLInputElement {
  const made = element("input");
  made.type = type;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function labelled(control: HTMLInputElement, text: string): HTMLLabelElement {
  const label = element("label");
  label.append(control, document.createTextNode(text));
  return label;
}
