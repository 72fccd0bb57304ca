/** Questions about maps, and their answers. */

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

/** Where queries and keys of a head lie along the two axes that they spread along most; viewer/answers/joint.py says how. */
export interface Joint {
  /** Positions that are placed, ascending: all, or evenly spaced ones and what was asked for. */
  queryPlaces: number[];
  keyPlaces: number[];
  /** What part of the mean squares each axis has. */
  share: [number, number];
  /** A score is this, times the product along each axis, and what other axes add, and what is the same in the whole row. */
  strength: number;
  /** (placed, 2). */
  queries: Float32Array;
  keys: Float32Array;
}

export interface Source {
  region(request: RegionRequest, signal?: AbortSignal): Promise<Region>;
  margins(request: MarginsRequest, signal?: AbortSignal): Promise<Margins>;
  overview(map: number, signal?: AbortSignal): Promise<Overview>;
  /** Of all queries, or of one with the keys that it gives most to, and one more that is asked for. */
  steps(map: number, head: number, signal?: AbortSignal, row?: StepsRow): Promise<Steps>;
  /** A query and a key that are asked for are placed in any case. */
  joint(map: number, head: number, signal?: AbortSignal, row?: Partial<StepsRow>): Promise<Joint>;
}

/**
 * How a source reaches who computes: one question, one answer in packed bytes (engine/pack.ts). Questions: "manifest",
 * "region", "margins", "overview", "steps", "joint", and on a server more.
 */
export interface Transport {
  ask(question: string, request: object, signal?: AbortSignal): Promise<ArrayBuffer>;
  close(): void;
}
