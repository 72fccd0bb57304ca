/**
 * What the parts of the viewer say to each other.
 *
 * A *manifest* says what there is to see: maps, and the tokens of their axes. A *source* answers questions about the maps: a
 * region, its margins, an overview, the steps of a computation. Who computes the answer is the host's affair: a worker over
 * factors that the page carries, a notebook's kernel, a server. A *view* draws answers; the *store* holds what is being looked
 * at, so that changing the view does not lose the place.
 */

// -- the manifest -----------------------------------------------------------------------------------------------------

export type Kind = "encoder" | "decoder" | "cross" | "self" | "map";

/** The tokens of an axis. They are data: any string at all, shown as text and never as markup. */
export interface Axis {
  /** What a position is, for people: "source tokens", "tokens produced". */
  title: string;
  /** What a person reads of them, everything visible. */
  tokens: string[];
  /** As their tokenizer spells them, everything visible, too; null where that is the same. */
  spellings: string[] | null;
  /** Positions of special tokens: `</s>`, padding and their like. */
  special: number[];
  /**
   * Where words begin: ascending positions that start with 0 and cut the axis into runs; a special token is a run of its own.
   * null where words are not known.
   */
  words: number[] | null;
  /** Texts of the words, one a run; where `words` is null, null. */
  wordTexts: string[] | null;
  /** Named spans, in order and apart from each other: sentences, turns, passages; one of each kind. */
  bands?: Bands[];
  /** Where characters begin, as words do; null where each token is whole characters, and tokens will do. */
  characters: number[] | null;
  characterTexts: string[] | null;
}

/** Spans of one kind along an axis. */
export interface Bands {
  /** "sentences", "turns". */
  name: string;
  /** [start, stop) in tokens, in ascending order. */
  spans: [number, number][];
  /** One a span: "sentence A", "turn 3". */
  texts: string[];
}

export interface MapInfo {
  name: string;
  /** The name of its recording, where there are several. */
  of: string | null;
  kind: Kind;
  layer: number | null;
  /** Which of `manifest.items` it belongs to. */
  item: number;
  heads: number;
  queries: number;
  keys: number;
  /** Axes of the rows by id, the usual one first. A decoder's rows have two: tokens produced, and tokens consumed. */
  rowAxes: string[];
  columnAxis: string;
  /** Whether weights are all from 0 to 1. Other matrices (effective weights) may be signed, and are drawn so. */
  probabilities: boolean;
  /** Whether a weight of exactly 0 is a key that its row may not see: there is a mask, and weights that are seen are never 0. */
  hides: boolean;
  /** Largest error of the weights shown against the recorded ones; 0 where they are the recorded ones. */
  error: number;
  /** Whether the numbers of the computation can be had (question "steps"): maps that are kept as factors. */
  steps: boolean;
  /** If not, why, and what to do. */
  withoutSteps?: string | null;
  /** Numbers a head, by name: entropy, distance, sink, previous, induction ... What there is. */
  statistics: Record<string, number[]>;
}

/** Words of two texts and the links between them, as an alignment found them. */
export interface AlignmentInfo {
  item: number;
  sourceWords: string[];
  targetWords: string[];
  /** (source word, target word). */
  links: [number, number][];
  /** How it was read, in words. */
  reading: string;
}

/** Patches of a picture along one side of a map: token `tokens[i]` is patch `patches[i]`, counted row by row from 0. */
export interface PatchPlaces {
  /** Patches down and across, of the whole picture: a map may have some of them only. */
  rows: number;
  columns: number;
  tokens: number[];
  patches: number[];
}

/** A picture that an image model looked at. A sequence may have several. */
export interface ImageInfo {
  item: number;
  /** A data: URI. */
  src: string;
  width: number;
  height: number;
  /** What must be said with the picture: "grid as given", where the maps do not know it; or "". */
  note: string;
  places: PatchPlaces[];
  /** The maps that look at it, and which of `places` stand along their sides; null where none of its patches do. */
  maps: { map: number; queries: number | null; keys: number | null }[];
}

export interface Manifest {
  version: 1;
  title: string;
  /** What must be said beside the picture: what rows mean, errors, samples. */
  notes: string[];
  axes: Record<string, Axis>;
  maps: MapInfo[];
  /** Names of the sequences, one or more. */
  items: string[];
  alignments: AlignmentInfo[];
  images: ImageInfo[];
  /** Of each statistic that a map has: what its values are ("nats", "share", "keys"), and what it is, in a line. */
  definitions: Record<string, { quantity: string; meaning: string }>;
  /** What to look at first. */
  opening: Partial<State>;
}

// -- questions and answers -------------------------------------------------------------------------------------------

/**
 * Cells of an axis, as intervals of tokens. A span cuts [start, stop) into `count` cells, cell i from
 * start + floor(i·n/count) to start + floor((i+1)·n/count); a list gives each its ends.
 */
export type Cells = { start: number; stop: number; count: number } | { starts: number[]; stops: number[] };

/**
 * What a cell shows of the weights inside it: their mean, the largest, or "mass": summed over the keys and averaged over the
 * queries, which is how words are made of tokens.
 */
export type How = "mean" | "max" | "mass";

export interface RegionRequest {
  map: number;
  /** Averaged, where there are several. */
  heads: number[];
  rows: Cells;
  columns: Cells;
  how: How;
  /** Leave special tokens out of every cell, of both axes. A cell of nothing else is 0. */
  hideSpecial: boolean;
  /** Which of the map's row axes says what is special among the rows; the first where not given. */
  rowAxis?: number;
  /** Divide each row by its sum over the keys that are not left out. */
  renormalise: boolean;
  /**
   * At most so many queries are read in each cell, evenly spaced; 0 reads all. Keys are never sampled, so that columns of mass
   * cannot be missed. In a cell of queries a … a+n, sample j of s is a + floor((2j+1)·n/(2s)).
   */
  sample: number;
  /** An answer to look at until the whole one is there: where that takes long, fewer rows of cells are read (`Region.every`). */
  quick?: boolean;
}

export interface Region {
  rows: number;
  columns: number;
  /** Row by row. */
  values: Float32Array;
  /** At most so many queries were read in a cell; 0 where all were. A host may read fewer than was asked for. */
  sampled: number;
  /** Of so many neighbouring rows of cells one was read, and stands for the others; 1 where each was. */
  every: number;
}

export interface MarginsRequest {
  map: number;
  heads: number[];
  rows: Cells;
  columns: Cells;
  hideSpecial: boolean;
  rowAxis?: number;
}

/** What stands beside the map: of the whole map, not of the region. */
export interface Margins {
  /** For each column cell, the mean over its keys of the mass that a key gets from all queries. */
  received: Float32Array;
  /**
   * For each row cell, the mean over its queries of the entropy of their rows, in nats. Of several heads it is that of their
   * mean where heads · queries · keys of the map are at most 2^22, and the mean of their entropies, which is less, where more.
   */
  entropy: Float32Array;
  /** As in Region. */
  sampled: number;
}

/** Each head of a map from afar. A small map is there whole. */
export interface Overview {
  heads: number;
  rows: number;
  columns: number;
  /** (heads, rows, columns). */
  mean: Float32Array;
  max: Float32Array;
}

/** One head's computation, stage by stage; a stage that the model does not have is null. (queries, keys) unless said. */
export interface Steps {
  queries: number;
  keys: number;
  dim: number;
  scale: number;
  softcap: number | null;
  /** The head's sink logit, where it has one. */
  sink: number | null;
  query: Float32Array; // (queries, dim)
  key: Float32Array; // (keys, dim)
  value: Float32Array | null; // (keys, valueDim)
  valueDim: number;
  scores: Float32Array;
  scaled: Float32Array;
  capped: Float32Array | null;
  biased: Float32Array | null;
  /** -Infinity where hidden. */
  masked: Float32Array | null;
  weights: Float32Array;
  output: Float32Array | null; // (queries, valueDim)
  /** Of one query of a long map: the keys that are told, `keys` of them. null where all are. */
  positions?: number[] | null;
  /** The weights of the keys that are not told, in all. */
  rest?: number;
  /** Keys that are hidden from the query, told or not. */
  hidden?: number;
}

export interface StepsRow {
  query: number;
  key: number | null;
}

export interface Source {
  region(request: RegionRequest, signal?: AbortSignal): Promise<Region>;
  margins(request: MarginsRequest, signal?: AbortSignal): Promise<Margins>;
  overview(map: number, signal?: AbortSignal): Promise<Overview>;
  /** Of all queries, or of one with the keys that it gives most to, and one more that is asked for. */
  steps(map: number, head: number, signal?: AbortSignal, row?: StepsRow): Promise<Steps>;
}

/**
 * How a source reaches who computes: one question, one answer in packed bytes (engine/pack.ts). Questions: "manifest",
 * "region", "margins", "overview", "steps", and on a server more.
 */
export interface Transport {
  ask(question: string, request: object, signal?: AbortSignal): Promise<ArrayBuffer>;
  close(): void;
}

// -- what is being looked at -----------------------------------------------------------------------------------------

export type UnitName = "tokens" | "words" | "characters";

/** The part of a map that is on screen, in units (tokens, words or characters, hidden ones not counted), fractions allowed. */
export interface Viewport {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** A token or a pair that stays marked: of which map, and its query, its key, or both. */
export interface Pin {
  map: number;
  query: number | null;
  key: number | null;
}

/** Which parts of two sentences are shown: rows of one, columns of one. */
export type PairFilter = "all" | "a-b" | "b-a" | "a-a" | "b-b";

export interface State {
  /** The name of one of the views; the list of them is views/index.ts. */
  view: string;
  map: number;
  /** One, or several that are averaged. */
  heads: number[];
  unit: UnitName;
  special: "shown" | "dimmed" | "hidden";
  /** Only where special tokens are hidden. */
  renormalise: boolean;
  /** Which of the map's row axes labels the rows. */
  rowAxis: number;
  /**
   * How weights become colours: fitted to what is on screen (in proportion, up to a weight that few cells exceed), in proportion
   * up to the largest, by logarithm, or each row by its largest.
   */
  scale: "auto" | "linear" | "log" | "row";
  /** What a cell of many weights shows; "auto": the mean of few, the largest of more, whose mean would look like nothing. */
  how: "auto" | "mean" | "max";
  /** The weights of the palest and the strongest colour, where they are chosen; null where the scale finds them. */
  limits: [number, number] | null;
  /** null: the whole map. */
  viewport: Viewport | null;
  /** The query and the key under the crosshair, as token positions. */
  query: number | null;
  key: number | null;
  /** Whether they stay when the pointer leaves. */
  pinned: boolean;
  /** In the text and image views: what a token attends to, or what attends to it. */
  direction: "from" | "to";
  /** The least weight that the ribbon draws; null where it takes one by which about three curves a token are drawn. */
  threshold: number | null;
  /** Statistic by which heads are sorted; "" leaves them in order. */
  sort: string;
  /** What thumbnails show. */
  thumbnails: "mean" | "max";
  pins: Pin[];
  /** The text or position that is looked for; "" for none. */
  find: string;
  /** Where the axes know two sentences (`Axis.bands`). */
  pair: PairFilter;
  /** What a second picture shows beside this one; null where there is none. */
  with: { map: number; heads: number[] } | null;
  /** How the second picture is shown: in a picture of its own, or taken from the first. */
  compare: "beside" | "difference";
  /** Several heads: their mean, or each in a colour of its own. */
  several: "mean" | "colours";
}

export interface Store {
  readonly state: Readonly<State>;
  set(change: Partial<State>): void;
  /** Called after each change with the names of what changed; returns how to stop. */
  subscribe(listener: (state: Readonly<State>, changed: ReadonlySet<keyof State>) => void): () => void;
}

// -- views -----------------------------------------------------------------------------------------------------------

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
  meaning(sides: Sides): string;
  /** Why this recording has nothing to show in it, or null. */
  unavailable(manifest: Manifest, state: Readonly<State>): string | null;
  mount(root: HTMLElement, app: App): MountedView;
}
