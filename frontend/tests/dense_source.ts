/** A source over dense weights, written straight from the contract: what views are tried on, and what the engine is held to. */

import type { Cells, Joint, Manifest, Source, Steps } from "../src/contract";
import { cellEnds } from "../src/units";

/** weights[map][head]: (queries, keys), row by row. */
export function denseSource(manifest: Manifest, weights: Float32Array[][]): Source {
  const hidden = (axis: string, on: boolean) => new Set(on ? manifest.axes[axis].special : []);
  const mean = (map: number, heads: number[]) => {
    const chosen = heads.map((head) => weights[map][head]);
    return chosen[0].map((_, at) => chosen.reduce((sum, one) => sum + one[at], 0) / chosen.length);
  };
  const members = (cells: Cells, skipped: Set<number>) => {
    const { starts, stops, count } = cellEnds(cells);
    return Array.from({ length: count }, (_, cell) => {
      const places: number[] = [];
      for (let at = starts[cell]; at < stops[cell]; at++) if (!skipped.has(at)) places.push(at);
      return places;
    });
  };
  return {
    async region(request) {
      const info = manifest.maps[request.map];
      const skippedKeys = hidden(info.columnAxis, request.hideSpecial);
      const values = mean(request.map, request.heads);
      if (request.renormalise) {
        for (let row = 0; row < info.queries; row++) {
          let sum = 0;
          for (let key = 0; key < info.keys; key++) if (!skippedKeys.has(key)) sum += values[row * info.keys + key];
          for (let key = 0; key < info.keys; key++) values[row * info.keys + key] /= sum || 1;
        }
      }
      const rows = members(request.rows, hidden(info.rowAxes[request.rowAxis ?? 0], request.hideSpecial));
      const columns = members(request.columns, skippedKeys);
      const found = new Float32Array(rows.length * columns.length);
      rows.forEach((queries, row) => {
        const n = queries.length;
        const s = request.sample > 0 ? Math.min(request.sample, n) : n;
        const read = Array.from({ length: s }, (_, j) => queries[Math.floor(((2 * j + 1) * n) / (2 * s))]);
        columns.forEach((keys, column) => {
          const inside = read.flatMap((query) => keys.map((key) => values[query * info.keys + key]));
          if (inside.length === 0) return;
          const sum = inside.reduce((total, one) => total + one, 0);
          const cell = { mean: sum / inside.length, max: Math.max(...inside), mass: sum / read.length }[request.how];
          found[row * columns.length + column] = cell;
        });
      });
      return { rows: rows.length, columns: columns.length, values: found, sampled: request.sample, every: 1 };
    },
    async margins(request) {
      const info = manifest.maps[request.map];
      const values = mean(request.map, request.heads);
      const received = members(request.columns, hidden(info.columnAxis, request.hideSpecial)).map((keys) => {
        let sum = 0;
        for (const key of keys) for (let row = 0; row < info.queries; row++) sum += values[row * info.keys + key];
        return sum / (keys.length || 1);
      });
      const entropy = members(request.rows, hidden(info.rowAxes[request.rowAxis ?? 0], request.hideSpecial)).map(
        (queries) => {
          let sum = 0;
          for (const query of queries)
            for (const w of values.subarray(query * info.keys, (query + 1) * info.keys))
              sum -= w > 0 ? w * Math.log(w) : 0;
          return sum / (queries.length || 1);
        },
      );
      return { received: Float32Array.from(received), entropy: Float32Array.from(entropy), sampled: 0 };
    },
    async overview(map) {
      const info = manifest.maps[map];
      const flat = Float32Array.from(weights[map].flatMap((head) => [...head]));
      return { heads: info.heads, rows: info.queries, columns: info.keys, mean: flat, max: flat };
    },
    async steps(): Promise<Steps> {
      throw new Error("dense weights have no steps");
    },
    async joint(): Promise<Joint> {
      throw new Error("dense weights have no steps");
    },
  };
}

/** A translation's cross-attention in two layers of two heads, and a decoder map; small, with sub-words and special tokens. */
export function smallExample(): { manifest: Manifest; source: Source } {
  const source = ["▁The", "▁cat", "▁s", "at", "▁on", "▁the", "▁mat", ".", "</s>"];
  const produced = ["▁Le", "▁chat", "▁s'", "est", "▁assis", "▁sur", "▁le", "▁tapis", ".", "</s>"];
  const consumed = ["<pad>", ...produced.slice(0, -1)];
  const map = (kind: "cross" | "decoder", layer: number, queries: number, keys: number) => ({
    name: `model.decoder.layers.${layer}.${kind === "cross" ? "encoder_attn" : "self_attn"}`,
    of: null,
    kind,
    layer,
    item: 0,
    heads: 2,
    queries,
    keys,
    rowAxes: ["produced", "consumed"],
    columnAxis: kind === "cross" ? "source" : "consumed",
    probabilities: true,
    hides: kind === "decoder",
    error: 0,
    steps: false,
    statistics: { entropy: [0.7 + layer, 1.2], distance: [2.5, 1 + layer] },
  });
  const manifest: Manifest = {
    version: 1,
    title: "The cat sat on the mat.",
    notes: ["rows are labelled by the token produced"],
    axes: {
      source: {
        title: "source tokens",
        tokens: source,
        special: [8],
        words: [0, 1, 2, 4, 5, 6, 8],
        wordTexts: ["The", "cat", "sat", "on", "the", "mat.", "</s>"],
        spellings: null,
        characters: null,
        characterTexts: null,
      },
      produced: {
        title: "tokens produced",
        tokens: produced,
        special: [9],
        words: [0, 1, 2, 4, 5, 6, 7, 9],
        wordTexts: ["Le", "chat", "s'est", "assis", "sur", "le", "tapis.", "</s>"],
        spellings: null,
        characters: null,
        characterTexts: null,
      },
      consumed: {
        title: "tokens consumed",
        tokens: consumed,
        special: [0],
        words: [0, 1, 2, 3, 5, 6, 7, 8],
        wordTexts: ["<pad>", "Le", "chat", "s'est", "assis", "sur", "le", "tapis."],
        spellings: null,
        characters: null,
        characterTexts: null,
      },
    },
    maps: [map("cross", 0, 10, 9), map("cross", 1, 10, 9), map("decoder", 0, 10, 10)],
    items: ["The cat sat on the mat."],
    definitions: {
      entropy: { quantity: "nats", meaning: "in nats: 0 for one key, ln n where all get the same" },
      distance: { quantity: "keys", meaning: "mean distance of the keys from the row's own position" },
    },
    alignments: [
      {
        item: 0,
        sourceWords: ["The", "cat", "sat", "on", "the", "mat."],
        targetWords: ["Le", "chat", "s'est", "assis", "sur", "le", "tapis."],
        links: [
          [0, 0],
          [1, 1],
          [2, 2],
          [2, 3],
          [3, 4],
          [4, 5],
          [5, 6],
        ],
        reading: "layer 1, head 0, by the token produced",
      },
    ],
    images: [],
    opening: {},
  };
  const weights = manifest.maps.map((info, number) =>
    [0, 1].map((head) =>
      softmaxRows(
        info.queries,
        info.keys,
        (i, j) => -((i - j * (head + 1)) ** 2) / (2 + number),
        info.kind === "decoder",
      ),
    ),
  );
  return { manifest, source: denseSource(manifest, weights) };
}

/** Rows of softmax over scores; a causal row sees no later key. */
export function softmaxRows(
  queries: number,
  keys: number,
  score: (i: number, j: number) => number,
  causal = false,
): Float32Array {
  const weights = new Float32Array(queries * keys);
  for (let i = 0; i < queries; i++) {
    let sum = 0;
    for (let j = 0; j < keys; j++) {
      const weight = causal && j > i ? 0 : Math.exp(score(i, j));
      weights[i * keys + j] = weight;
      sum += weight;
    }
    for (let j = 0; j < keys; j++) weights[i * keys + j] /= sum;
  }
  return weights;
}
