/** What is being looked at. */

/** "tokens", "words", "characters", "sentences", or the name of spans that an axis has (`Axis.bands`): "passages", "turns". */
export type UnitName = string;

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
