/** Canvases and texts in the browser's own measures. */

import { fontOf } from "./surface";

export interface Size {
  width: number;
  height: number;
}

/** How wide a text is. */
export type Measure = (text: string) => number;

/** An empty canvas of this many CSS pixels, sharp on this screen; null where canvases cannot be drawn on. */
export function prepared(canvas: HTMLCanvasElement, { width, height }: Size): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  // Setting the size of a canvas makes it anew, even to the size that it has.
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

/** Widths of texts in the font of labels, remembered: there may be thousands in each frame of a zoom. */
export function measureWith(context: CanvasRenderingContext2D | null, size: number): Measure {
  const known = new Map<string, number>();
  return (text) => {
    let width = known.get(text);
    if (width !== undefined) return width;
    if (context) context.font = fontOf({ size });
    width = context ? context.measureText(text).width : text.length * size * 0.55;
    if (known.size > 20_000) known.clear();
    known.set(text, width);
    return width;
  };
}

/** Lines of whole words, each as long as the width lets it be; a word that is longer is a line by itself. */
export function wordLines(text: string, width: number, measure: Measure): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`;
    if (lines.length > 0 && measure(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Cut into lines between the parts of a status text. */
export function wrapped(text: string, width: number, measure: Measure): string[] {
  const lines: string[] = [];
  for (const part of text.split(" · ")) {
    const longer = lines.length > 0 ? `${lines[lines.length - 1]} · ${part}` : part;
    if (lines.length > 0 && measure(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

/** The value, or the nearest of the two ends. */
export function between(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
