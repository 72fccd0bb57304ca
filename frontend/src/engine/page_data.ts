/** What the page carries: its manifest, and packs as base64 of gzip, decoded when they are needed. */

import type { Manifest } from "../contract";

export function pageManifest(page: Document): Manifest {
  const text = page.getElementById("regard-manifest")?.textContent;
  if (!text) throw new Error("expected a manifest in the page (#regard-manifest), got none; is the file whole?");
  return JSON.parse(text) as Manifest;
}

/** The text of the pack of this name. */
export function pageText(page: Document, name: string): string {
  const text = page.querySelector(`script[data-regard="${name}"]`)?.textContent;
  if (!text) throw new Error(`expected "${name}" among the data of the page, got none; is the file whole?`);
  return text;
}

/** The bytes behind such a text. */
export async function decoded(text: string): Promise<ArrayBuffer> {
  const packed = fromBase64(text.trim());
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

interface Base64Bytes {
  /** Of ES2026: not known to every browser, nor yet to TypeScript's library. */
  fromBase64?(text: string): Uint8Array<ArrayBuffer>;
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return (Uint8Array as Base64Bytes).fromBase64?.(text) ?? tableFromBase64(text);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The same with a table of characters: several times as fast as atob and a loop over its characters. */
export function tableFromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0) throw new Error(`expected base64 in fours of characters, got ${text.length} of them`);
  const table = new Uint8Array(128).fill(255);
  for (let code = 0; code < 64; code++) table[ALPHABET.charCodeAt(code)] = code;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const characters = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let held = 0;
  let wrong = 0;
  for (let at = 0, out = 0; at < characters; at++) {
    const code = table[text.charCodeAt(at)] ?? 255;
    wrong |= code & 64;
    held = (held << 6) | code;
    if (at % 4 !== 0) bytes[out++] = held >> (6 - 2 * (at % 4));
  }
  if (wrong) throw new Error("expected base64, got other characters among it");
  return bytes;
}
