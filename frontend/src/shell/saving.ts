/** What is on screen, to keep: a picture, or text for a spreadsheet. */

import type { TextTable } from "../contract";

/** Pixels of a PNG for each of the view's. */
const DENSITY = 2;

/** A name for a file of letters, digits and hyphens, whatever the parts say. */
export function fileName(parts: readonly string[], ending: string): string {
  const name = parts
    .map((part) =>
      part
        .normalize("NFKC")
        .replace(/[^\p{L}\p{N}]+/gu, "-")
        .slice(0, 60)
        .replace(/^-+|-+$/g, ""),
    )
    .filter((part) => part !== "")
    .join("_");
  return `${name || "attention"}.${ending}`;
}

/** The table as tab-separated lines, the columns' names first. */
export function tabSeparated({ columns, rows }: TextTable): string {
  const cell = (text: string) => text.replace(/[\t\r\n]+/g, " ");
  return [columns, ...rows].map((row) => row.map(cell).join("\t")).join("\n");
}

/** The table as CSV, as RFC 4180 has it. */
export function commaSeparated({ columns, rows }: TextTable): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [columns, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/**
 * What a frame around this page does to files that are saved. Where its sandbox can be read, whether it forbids them is known;
 * a frame of another origin says nothing, and the browser drops the file in silence.
 */
export function frameNote(page: Window = window): { forbidden: boolean; text: string } {
  const others = "open the page by itself, or copy the table";
  try {
    for (let inner = page; inner !== inner.parent; inner = inner.parent) {
      const rules = inner.frameElement?.getAttribute("sandbox") ?? null;
      if (rules !== null && !/\ballow-downloads\b/.test(rules))
        return { forbidden: true, text: `this frame forbids downloads; ${others}` };
      if (!inner.frameElement) break; // of another origin
    }
  } catch {
    // Of another origin, too.
  }
  if (page === page.parent || page.origin !== "null") return { forbidden: false, text: "" };
  return { forbidden: false, text: `saved, if the frame around this page allows downloads; if not, ${others}` };
}

export function download(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // the download has begun by then
}

export async function pngOf(svg: string): Promise<Blob> {
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode().catch(() => {
      throw new Error("the browser could not draw the view's SVG; save it as SVG and open that");
    });
    const canvas = document.createElement("canvas");
    canvas.width = DENSITY * image.width;
    canvas.height = DENSITY * image.height;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!png) throw new Error(`the browser could not make a PNG of ${canvas.width} × ${canvas.height}; save it as SVG`);
    return png;
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Puts text on the clipboard, also where a page is not trusted with it but may copy what is selected. */
export async function copyText(text: string, near: ParentNode): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    return;
  } catch {
    // No such permission here, or no such interface: by way of a selection then.
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  near.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("the browser does not let this page copy; open the table and copy it by hand");
}
