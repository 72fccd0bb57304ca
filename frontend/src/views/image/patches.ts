/** Patches of a picture among the tokens of a map. */

import type { ImageInfo, Manifest, MapInfo, PatchPlaces, State } from "../../contract";
import { brief } from "../../labels";
import { patchName } from "../../units";
import type { Direction } from "./weights";

/** Where patches are, and the other way round. */
export class Side {
  private readonly patchOfToken = new Map<number, number>();
  private readonly tokenOfPatch = new Map<number, number>();

  constructor(readonly places: PatchPlaces) {
    places.tokens.forEach((token, at) => {
      this.patchOfToken.set(token, places.patches[at]);
      this.tokenOfPatch.set(places.patches[at], token);
    });
  }

  get count(): number {
    return this.places.rows * this.places.columns;
  }

  /** The token of a patch; null where this map has none for it. */
  token(row: number, column: number): number | null {
    return this.tokenOfPatch.get(row * this.places.columns + column) ?? null;
  }

  /** The patch of a token; null where it is none of this picture's. */
  patch(token: number | null): { row: number; column: number } | null {
    const at = token === null ? undefined : this.patchOfToken.get(token);
    return at === undefined ? null : { row: Math.floor(at / this.places.columns), column: at % this.places.columns };
  }
}

export interface Looked {
  image: ImageInfo;
  info: MapInfo;
  /** Patches among the queries and among the keys; null where there are none. One of them is there. */
  queries: Side | null;
  keys: Side | null;
  /** How many pictures this map looks at, and tokens that are patches of any of them. */
  pictures: number;
  queriesOfAll: ReadonlySet<number>;
  keysOfAll: ReadonlySet<number>;
}

/** A picture of the map that is looked at, the first where not said; a reason where there is none. */
export function looked(manifest: Manifest, state: Pick<State, "map">, which = 0): Looked | string {
  if (manifest.images.length === 0) return "this recording has no picture";
  const info = manifest.maps[state.map];
  if (!info) return "there is no map";
  const item = manifest.images.filter((one) => one.item === info.item);
  if (item.length === 0) return "this sequence has no picture";
  const found = item.flatMap((image) =>
    image.maps.filter((one) => one.map === state.map).map(({ queries, keys }) => ({ image, queries, keys })),
  );
  if (found.length === 0) return "this map does not look at the picture";
  const { image, queries, keys } = found[Math.min(which, found.length - 1)];
  if (!image.src.startsWith("data:image/")) return "the picture is not embedded in the page";
  const side = (at: number | null) => (at === null ? null : new Side(image.places[at]));
  const all = (name: "queries" | "keys") =>
    new Set(found.flatMap((one) => one.image.places[one[name] ?? -1]?.tokens ?? []));
  return {
    image,
    info,
    queries: side(queries),
    keys: side(keys),
    pictures: found.length,
    queriesOfAll: all("queries"),
    keysOfAll: all("keys"),
  };
}

/** Where the chosen token is, when it looks at the picture or is looked at by it. */
export function chosenSide(found: Looked, direction: Direction): Side | null {
  return direction === "from" ? found.queries : found.keys;
}

/** Where the weights are that are shown over the picture. */
export function shownSide(found: Looked, direction: Direction): Side {
  const side = direction === "from" ? found.keys : found.queries;
  if (!side) throw new Error(`no patches to show ${direction} a token`);
  return side;
}

/** Tokens that can be chosen and are no patches, at most `limit`: [CLS], registers, words. */
export function otherTokens(found: Looked, direction: Direction, limit: number): number[] {
  const { info, queriesOfAll, keysOfAll } = found;
  const [size, patches] = direction === "from" ? [info.queries, queriesOfAll] : [info.keys, keysOfAll];
  const made: number[] = [];
  for (let token = 0; token < size && made.length < limit; token++) if (!patches.has(token)) made.push(token);
  return made;
}

/** What is looked at first: a token after all patches, for those before them see none in a causal model; else any other. */
export function firstToken(found: Looked, direction: Direction): number | undefined {
  const { info, queriesOfAll, keysOfAll } = found;
  const [size, patches] = direction === "from" ? [info.queries, queriesOfAll] : [info.keys, keysOfAll];
  let last = -1;
  for (const token of patches) last = Math.max(last, token);
  return last + 1 < size ? last + 1 : otherTokens(found, direction, 1)[0];
}

/** A token as people know it: "row 1, column 4" of the picture, or its text. */
export function tokenName(manifest: Manifest, found: Looked, direction: Direction, token: number): string {
  const patch = chosenSide(found, direction)?.patch(token);
  if (patch) return patchName(patch);
  const axis = manifest.axes[direction === "from" ? found.info.rowAxes[0] : found.info.columnAxis];
  return brief(axis.tokens[token] ?? String(token));
}
