/** Patches of a picture among the tokens of a map. */

import type { ImageInfo, Manifest, MapInfo, State } from "../../contract";
import { brief } from "../../labels";

export interface Looked {
  image: ImageInfo;
  info: MapInfo;
  /** Whether queries are patches; keys are whenever there is a picture to show. */
  queriesToo: boolean;
}

export function patchCount({ rows, columns }: ImageInfo): number {
  return rows * columns;
}

/** The picture of the map that is looked at; a reason where there is none. */
export function looked(manifest: Manifest, state: Pick<State, "map">): Looked | string {
  if (manifest.images.length === 0) return "this recording has no picture";
  const info = manifest.maps[state.map];
  if (!info) return "there is no map";
  const image = manifest.images.find((one) => one.item === info.item);
  if (!image) return "this sequence has no picture";
  if (!image.src.startsWith("data:image/")) return "the picture is not embedded in the page";
  if (image.first + patchCount(image) > info.keys) return "the keys of this map are not the picture's patches";
  return { image, info, queriesToo: info.rowAxes.includes(info.columnAxis) };
}

/** The token of a patch. */
export function tokenOf(image: ImageInfo, row: number, column: number): number {
  return image.first + row * image.columns + column;
}

/** The patch of a token; null where it is none. */
export function patchOf(image: ImageInfo, token: number | null): { row: number; column: number } | null {
  const at = (token ?? -1) - image.first;
  if (at < 0 || at >= patchCount(image)) return null;
  return { row: Math.floor(at / image.columns), column: at % image.columns };
}

/** Tokens that can be chosen and are no patches, at most `limit`: [CLS], registers, words. */
export function otherTokens({ image, info, queriesToo }: Looked, direction: "from" | "to", limit: number): number[] {
  const size = direction === "from" ? info.queries : info.keys;
  const patches = direction === "to" || queriesToo;
  const found: number[] = [];
  for (let token = 0; token < size && found.length < limit; token++)
    if (!patches || !patchOf(image, token)) found.push(token);
  return found;
}

/** A token as people know it: "row 2, column 5" of the picture, or its text. */
export function tokenName(
  manifest: Manifest,
  { image, info, queriesToo }: Looked,
  direction: "from" | "to",
  token: number,
): string {
  const patch = direction === "to" || queriesToo ? patchOf(image, token) : null;
  if (patch) return patchName(patch);
  const axis = manifest.axes[direction === "from" ? info.rowAxes[0] : info.columnAxis];
  return brief(axis.tokens[token] ?? String(token));
}

/** Counted from 1, as people count. */
export function patchName({ row, column }: { row: number; column: number }): string {
  return `row ${row + 1}, column ${column + 1}`;
}
