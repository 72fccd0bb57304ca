/** The manifest: what there is to see. */

import type { State } from "./state";

export type Kind = "encoder" | "decoder" | "cross" | "self" | "map";

/** The tokens of an axis. They are data: any string at all, shown as text and never as markup. */
export interface Axis {
  /** What a position is, for people: "tokens", "source tokens", "tokens produced". */
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
  /** Where sentences begin, as words do; none where there are no two of them, or no words. Their texts are those of their words. */
  sentences?: number[];
  /** Named spans, in order and apart from each other: sentences, turns, passages; one of each kind. */
  bands?: Bands[];
  /** Which patch of which picture a position is: (picture, row, column), counted from 0; null where it is none. */
  patches?: ([number, number, number] | null)[];
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
  /** What its numbers are, in a sentence, where they are no attention. */
  meaning?: string;
  /** In which pass of the model, where it ran several times: a step of denoising, a text of a loop; the first where not given. */
  step?: number;
  /** Standard errors of those that were measured over prompts; null where there is none. */
  errors?: Record<string, (number | null)[]>;
}

/** What replacing one site did to one measure; null what is not known. */
export interface EffectRow {
  /** Which of `EffectsInfo.sites`: the row of the measure's map. */
  site: number;
  prompts: number;
  /** Mean over prompts of changed − unchanged, its standard error, and where its interval begins and ends. */
  effect: number | null;
  error: number | null;
  low: number | null;
  high: number | null;
  /** p of no effect, corrected for all sites of the measure. */
  adjusted: number | null;
  unchanged: number | null;
  changed: number | null;
  /** Share of prompts whose effect has the other sign than the mean. */
  otherSign: number | null;
  /** Prompts that have no effect of it: what the map says of them is nothing. */
  absent?: number[];
}

export interface MeasureEffects {
  /** The map that has a row for each site and a column for each prompt. */
  map: number;
  name: string;
  /** How p was corrected, and over how many sites. */
  adjusted: string;
  /** The strongest first. */
  rows: EffectRow[];
}

/** What replacing parts of the model did, prompt by prompt. */
export interface EffectsInfo {
  /** From gradients or weights: nothing was run. */
  estimated: boolean;
  /** Each with the map and the head that show it, where there are such. */
  sites: { name: string; map: number | null; head: number | null }[];
  /** "" as text where that is not known. */
  prompts: { name: string; text: string }[];
  measures: MeasureEffects[];
}

/** Passages and what an answer's attention gave them: its maps have a row a statistic and a column a passage, and the rest. */
export interface PassagesInfo {
  kind: "passages";
  maps: number[];
  /** Of the text that they stand in, where it is known. */
  axis?: string;
  /** `runs`: [start, stop) in tokens; `first`: how many heads rank it first, by each statistic. */
  passages: { name: string; runs: [number, number][]; tokens: number; first: number[] }[];
  /** Tokens in none of them. */
  rest: number;
  statistics: string[];
  /** Rows of the answer, and heads. */
  rows: number;
  heads: number;
  /** What hiding each did, where that was measured, and how well ranks agree with it, by statistic. */
  effects?: number[];
  agreement?: Record<string, number>;
}

/** When words were said: its map has a row a token and a column a frame. */
export interface TimesInfo {
  kind: "times";
  maps: number[];
  /** [text, start, stop], in seconds. */
  words: [string, number, number][];
  tokens: [number, number][];
  /** Of each token's row, in nats. */
  entropy: number[];
  /** How long a frame is. */
  seconds: number;
  /** Tokens and frames of the way. */
  path: [number[], number[]];
  /** The lowest and the highest sample of each stretch, in hundredths of the loudest. */
  sound?: { low: number[]; high: number[]; seconds: number };
}

/** Residues that touch: its map is of probabilities, above the diagonal those of a known structure where that is given. */
export interface ContactsInfo {
  kind: "contacts";
  maps: number[];
  axis: string;
  /** How far apart in the chain the pairs are at least. */
  apart: number;
  /** [first, second, probability], the most probable first. */
  pairs: [number, number, number][];
  /** Whether each touches in the known structure. */
  known?: boolean[];
}

/** What smaller caches keep: its maps have a row a policy and a column a budget. */
export interface CacheInfo {
  kind: "cache";
  maps: number[];
  policies: string[];
  budgets: number[];
  prompt: number;
  /** The least budget that keeps `share` of each head's weight, by policy; null where none does. */
  enough: (number | null)[][];
  share: number;
  /** Of one key in all layers; null where not known. */
  bytes: number | null;
  /** Of the heads' outputs, by policy and budget. */
  change?: (number | null)[][];
}

/**
 * A head's statistic over texts: [layer, head, mean, error, texts, shares of the distribution in hundredths of its largest,
 * highest, lowest], the last two as [value, text]; numbers alone where there are very many heads.
 */
export type SurveyHead = [
  number,
  number,
  number | null,
  number | null,
  number,
  number[]?,
  [number | null, number][]?,
  [number | null, number][]?,
];

/** What heads do over a corpus: of each statistic a map with a row a layer and a column a head. */
export interface SurveyInfo {
  kind: "survey";
  maps: number[];
  /** In the order of the maps; `edges` of the distribution's parts. */
  statistics: { name: string; quantity: string; meaning: string; edges: number[]; heads: SurveyHead[] }[];
  /** [where it stands, what it says]. */
  texts: [string, string][];
}

export type FindingInfo = PassagesInfo | TimesInfo | ContactsInfo | CacheInfo | SurveyInfo;

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
  /** What each of `items` is translated from and to, as codes ("en", "fr_XX"), where that is known. */
  languages?: ([string | null, string | null] | null)[];
  /** Where parts of the model were replaced. */
  effects?: EffectsInfo;
  /** What was measured of attention. */
  finding?: FindingInfo;
  /** What to look at first. */
  opening: Partial<State>;
}
