/** Views, the parts of the reader, and the app that they stand in. */

import type { Source } from "./answers";
import type { Manifest } from "./manifest";
import type { State, Store } from "./state";

/** Colours of the theme in force, as CSS colours. */
export interface Palette {
  name: "light" | "dark";
  background: string;
  text: string;
  dimmed: string;
  frame: string;
  accent: string;
  /** 256 × RGB: from nothing, which is the background, to everything. */
  positive: Uint8Array;
  /** 256 × RGB for negative weights, from nothing to everything. */
  negative: Uint8Array;
}

export interface App {
  readonly manifest: Manifest;
  readonly source: Source;
  readonly store: Store;
  /** Whether the viewer stands inside another page, whose scrolling is not to be taken from it. */
  readonly embedded: boolean;
  /** The theme in force; views draw again when the shell calls `redraw`. */
  readonly palette: Palette;
  /** Says something in the reader (also to screen readers, politely); "" clears it. */
  say(text: string): void;
  /** What the picture shows, and how exactly: it stands in the reader, for as long as the view does. */
  describe(text: string): void;
  /** Reports what went wrong, where people see it. */
  fail(error: unknown): void;
  /** Places to be marked on the axes: what has been found. */
  marked?(): Marked;
  /** Where pictures stand beside each other: the end of their colours. `own` is what it would be for `who` alone. */
  sharedTop?: { meet(who: object, own: number): number; leave(who: object): void } | undefined;
}

/** Places of the rows and columns, as tokens [start, stop), ascending. */
export interface Marked {
  rows: readonly { start: number; stop: number }[];
  columns: readonly { start: number; stop: number }[];
}

/** What is on screen as a table of texts, for screen readers and for copying. */
export interface TextTable {
  caption: string;
  columns: string[];
  rows: string[][];
}

export interface MountedView {
  /** Draw again: the theme or the size has changed. */
  redraw(): void;
  destroy(): void;
  /** Whether the key was used. */
  keydown(event: KeyboardEvent): boolean;
  /** At most some hundred rows: of a long map, what is most worth saying of the part on screen. */
  table(full?: boolean): Promise<TextTable>;
  /** What is on screen as a document of its own, text as text; a raster only for cells too many to draw one by one. */
  svg(): Promise<string>;
  /** Pixels of height that its content would fill, where a notebook lets the viewer be lower than it may; null for all. */
  contentHeight?(): number | null;
}

/**
 * A part of the reader, the column beside the picture that says in words what is seen. Its line in reader/sections.ts makes it
 * one; the parts stand in the order of that list.
 */
export interface Section {
  /** Its class in the page: `reader-NAME`. */
  readonly name: string;
  /** CSS of what it mounts. */
  readonly styles: string;
  mount(root: HTMLElement, app: App): MountedSection;
}

export interface MountedSection {
  /** The state has changed; with an empty set, all is to be drawn again. */
  update(changed: ReadonlySet<keyof State>): void;
  destroy(): void;
}

/** What the sides of the map are, as parts of a sentence. */
export interface Sides {
  /** "a word that the model wrote" */
  row: string;
  /** "a word of the source" */
  column: string;
  /** Whether rows look at tokens of their own text. */
  own: boolean;
  /** What the weights were for: " to write it", or nothing. */
  purpose: string;
  /** "darker", or "brighter" on a dark ground. */
  stronger: string;
  /** "word", "token", "character", "patch". */
  unit: string;
  signed: boolean;
}

/** A setting in the menu. A view names those that change what it shows; others are not offered while it is open. */
export type SettingName =
  | "unit"
  | "special"
  | "renormalise"
  | "scale"
  | "how"
  | "thumbnails"
  | "rowAxis"
  | "pair"
  | "several";

/** All that is known of a view. Its line in views/index.ts makes it one: its place in that list is its key. */
export interface View {
  /** In links: `#view=name`. */
  readonly name: string;
  /** On its button. */
  readonly title: string;
  /** CSS of what it mounts. */
  readonly styles: string;
  /** Keys and what they do, for the help. */
  readonly keys: [string, string][];
  readonly settings: readonly SettingName[];
  /** What it is and what to do in it, in a sentence: for the help. */
  readonly about: string;
  /** What the picture means, in a sentence: for the reader. */
  meaning(sides: Sides, manifest: Manifest): string;
  /** Words on the picture that not everybody knows, and what they mean. */
  readonly terms?: readonly (readonly [string, string])[];
  /** Why this recording has nothing to show in it, or null. */
  unavailable(manifest: Manifest, state: Readonly<State>): string | null;
  /** What else is looked at when the view is chosen. */
  enter?(manifest: Manifest, state: Readonly<State>): Partial<State>;
  mount(root: HTMLElement, app: App): MountedView;
}
