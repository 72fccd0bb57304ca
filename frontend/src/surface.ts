/** What the map is drawn on: a canvas on screen, or a document of vectors. The same program draws both. */

export interface TextStyle {
  size: number;
  colour: string;
  anchor?: "start" | "middle" | "end";
  /** Degrees, clockwise. */
  angle?: number;
  mono?: boolean;
  bold?: boolean;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Surface {
  rect(box: Box, fill: string, opacity?: number): void;
  outline(box: Box, colour: string, width: number): void;
  line(points: [number, number][], colour: string, width: number): void;
  /** (x, y) is where the text starts, has its middle or ends, at half its height. */
  text(x: number, y: number, text: string, style: TextStyle): void;
  /** A picture of columns × rows pixels with hard edges. */
  pixels(box: Box, rgba: Uint8ClampedArray<ArrayBuffer>, columns: number, rows: number): void;
  /** Draws inside the box only. */
  clipped(box: Box, draw: () => void): void;
}

const SANS = "system-ui, sans-serif";
const MONO = "ui-monospace, monospace";

export function fontOf(style: Pick<TextStyle, "size" | "mono" | "bold">): string {
  return `${style.bold ? "bold " : ""}${style.size}px ${style.mono ? MONO : SANS}`;
}

export class CanvasSurface implements Surface {
  private picture: HTMLCanvasElement | null = null;

  constructor(private readonly context: CanvasRenderingContext2D) {}

  rect({ x, y, width, height }: Box, fill: string, opacity = 1): void {
    this.context.fillStyle = fill;
    this.context.globalAlpha = opacity;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  outline({ x, y, width, height }: Box, colour: string, lineWidth: number): void {
    this.context.strokeStyle = colour;
    this.context.lineWidth = lineWidth;
    this.context.strokeRect(x, y, width, height);
  }

  line(points: [number, number][], colour: string, width: number): void {
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.beginPath();
    points.forEach(([x, y], at) => {
      if (at === 0) this.context.moveTo(x, y);
      else this.context.lineTo(x, y);
    });
    this.context.stroke();
  }

  text(x: number, y: number, text: string, style: TextStyle): void {
    const { context } = this;
    context.font = fontOf(style);
    context.fillStyle = style.colour;
    context.textBaseline = "middle";
    context.textAlign = style.anchor === "middle" ? "center" : (style.anchor ?? "start") === "start" ? "left" : "right";
    if (!style.angle) {
      context.fillText(text, x, y);
      return;
    }
    context.save();
    context.translate(x, y);
    context.rotate((style.angle * Math.PI) / 180);
    context.fillText(text, 0, 0);
    context.restore();
  }

  pixels({ x, y, width, height }: Box, rgba: Uint8ClampedArray<ArrayBuffer>, columns: number, rows: number): void {
    if (columns === 0 || rows === 0) return;
    this.picture ??= document.createElement("canvas");
    this.picture.width = columns;
    this.picture.height = rows;
    this.picture.getContext("2d")?.putImageData(new ImageData(rgba, columns, rows), 0, 0);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(this.picture, x, y, width, height);
  }

  clipped({ x, y, width, height }: Box, draw: () => void): void {
    this.context.save();
    this.context.beginPath();
    this.context.rect(x, y, width, height);
    this.context.clip();
    draw();
    this.context.restore();
  }
}

/** Makes a data: URI of pixels. */
export type PngEncoder = (rgba: Uint8ClampedArray<ArrayBuffer>, columns: number, rows: number) => string;

export class SvgSurface implements Surface {
  private readonly parts: string[] = [];
  private clips = 0;

  constructor(
    private readonly width: number,
    private readonly height: number,
    private readonly encode: PngEncoder,
  ) {}

  rect({ x, y, width, height }: Box, fill: string, opacity = 1): void {
    const paint = `fill="${escaped(fill)}"${opacity < 1 ? ` fill-opacity="${number(opacity)}"` : ""}`;
    this.parts.push(`<rect ${place(x, y)} ${extent(width, height)} ${paint}/>`);
  }

  outline({ x, y, width, height }: Box, colour: string, lineWidth: number): void {
    const stroke = `fill="none" stroke="${escaped(colour)}" stroke-width="${number(lineWidth)}"`;
    this.parts.push(`<rect ${place(x, y)} ${extent(width, height)} ${stroke}/>`);
  }

  line(points: [number, number][], colour: string, width: number): void {
    const path = points.map(([x, y]) => `${number(x)},${number(y)}`).join(" ");
    const stroke = `fill="none" stroke="${escaped(colour)}" stroke-width="${number(width)}"`;
    this.parts.push(`<polyline points="${path}" ${stroke}/>`);
  }

  text(x: number, y: number, text: string, style: TextStyle): void {
    const turned = style.angle ? ` transform="rotate(${number(style.angle)} ${number(x)} ${number(y)})"` : "";
    const weight = style.bold ? ' font-weight="bold"' : "";
    // dy and not dominant-baseline, which some programs that open the file do not know.
    this.parts.push(
      `<text ${place(x, y)} dy="0.35em" font-family="${style.mono ? MONO : SANS}" font-size="${number(style.size)}"${weight} ` +
        `fill="${escaped(style.colour)}" text-anchor="${style.anchor ?? "start"}" xml:space="preserve"${turned}>` +
        `${escaped(text)}</text>`,
    );
  }

  pixels({ x, y, width, height }: Box, rgba: Uint8ClampedArray<ArrayBuffer>, columns: number, rows: number): void {
    if (columns === 0 || rows === 0) return;
    this.image({ x, y, width, height }, this.encode(rgba, columns, rows), "image-rendering:pixelated");
  }

  /** A picture by its data: URI, stretched to the box. */
  image({ x, y, width, height }: Box, uri: string, style = ""): void {
    this.parts.push(
      `<image ${place(x, y)} ${extent(width, height)} preserveAspectRatio="none"` +
        `${style ? ` style="${style}"` : ""} href="${escaped(uri)}"/>`,
    );
  }

  clipped({ x, y, width, height }: Box, draw: () => void): void {
    const id = `clip${++this.clips}`;
    this.parts.push(`<clipPath id="${id}"><rect ${place(x, y)} ${extent(width, height)}/></clipPath>`);
    this.parts.push(`<g clip-path="url(#${id})">`);
    draw();
    this.parts.push("</g>");
  }

  /** Draws with another corner. */
  shifted(x: number, y: number, draw: () => void): void {
    this.parts.push(`<g transform="translate(${number(x)} ${number(y)})">`);
    draw();
    this.parts.push("</g>");
  }

  document(title: string): string {
    const size = `width="${number(this.width)}" height="${number(this.height)}"`;
    const view = `viewBox="0 0 ${number(this.width)} ${number(this.height)}"`;
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${view} role="img">` +
      `<title>${escaped(title)}</title>${this.parts.join("")}</svg>`
    );
  }
}

/** Pixels as a PNG in a data: URI. */
export function pngOf(rgba: Uint8ClampedArray<ArrayBuffer>, columns: number, rows: number): string {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, columns, rows), 0, 0);
  return canvas.toDataURL("image/png");
}

// All but the characters that an XML document may hold (its production Char).
const NO_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;
const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escaped(text: string): string {
  return text.replace(NO_XML, "\ufffd").replace(/[&<>"']/g, (found) => ENTITIES[found]);
}

function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function place(x: number, y: number): string {
  return `x="${number(x)}" y="${number(y)}"`;
}

function extent(width: number, height: number): string {
  return `width="${number(width)}" height="${number(height)}"`;
}
