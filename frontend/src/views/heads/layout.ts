/** Where each head stands: by layer under its kind, or all of them in one flow by a statistic. */

import type { Kind, Manifest, State } from "../../contract";

export interface Cell {
  map: number;
  head: number;
  x: number;
  y: number;
  /** The statistic that it is sorted by. */
  value: number | null;
}

export interface Heading {
  text: string;
  x: number;
  y: number;
  /** Whether it begins a kind, or only names a layer. */
  large: boolean;
}

export interface Arrangement {
  cells: Cell[];
  headings: Heading[];
  /** Of a thumbnail, in pixels. */
  side: number;
  width: number;
  height: number;
}

export interface Order {
  sort: string;
  descending: boolean;
  /** Heads whose statistic is less (or more, in ascending order) are left out; null keeps all. */
  limit: number | null;
}

const MARGIN = 12;
const GAP = 6;
const NAME_WIDTH = 40;
/** Height of the line below a thumbnail. */
export const CAPTION = 15;
const HEADING = 28;
const [SMALLEST, LARGEST] = [34, 140];

const KIND_NAMES: Record<Kind, string> = {
  encoder: "Encoder",
  decoder: "Decoder",
  cross: "Cross-attention",
  self: "Self-attention",
  map: "Maps",
};

/** The maps of the sequence that is looked at. */
export function mapsShown(manifest: Manifest, state: Pick<State, "map">): number[] {
  const { item } = manifest.maps[state.map];
  return manifest.maps.flatMap((one, at) => (one.item === item ? [at] : []));
}

/** The statistics of any of these maps. */
export function statisticsOf(manifest: Manifest, maps: readonly number[]): string[] {
  return [...new Set(maps.flatMap((map) => Object.keys(manifest.maps[map].statistics)))];
}

export function arrange(manifest: Manifest, maps: readonly number[], order: Order, width: number): Arrangement {
  return order.sort === "" ? byLayer(manifest, maps, width) : byStatistic(manifest, maps, order, width);
}

function byLayer(manifest: Manifest, maps: readonly number[], width: number): Arrangement {
  const left = MARGIN + NAME_WIDTH;
  const most = Math.max(...maps.map((map) => manifest.maps[map].heads));
  const { side, across } = grid(width - left - MARGIN, most);
  const cells: Cell[] = [];
  const headings: Heading[] = [];
  let y = 0;
  for (const kind of new Set(maps.map((map) => manifest.maps[map].kind))) {
    headings.push({ text: KIND_NAMES[kind], x: MARGIN, y: y + 18, large: true });
    y += HEADING;
    const own = maps.filter((map) => manifest.maps[map].kind === kind);
    own.sort((one, two) => (manifest.maps[one].layer ?? one) - (manifest.maps[two].layer ?? two));
    own.forEach((map, at) => {
      const { layer, heads } = manifest.maps[map];
      headings.push({ text: layer === null ? `#${at}` : `L${layer}`, x: MARGIN, y: y + side / 2 + 4, large: false });
      for (let head = 0; head < heads; head++) {
        const [row, column] = [Math.floor(head / across), head % across];
        cells.push({ map, head, x: left + column * (side + GAP), y: y + row * (side + CAPTION + GAP), value: null });
      }
      y += Math.ceil(heads / across) * (side + CAPTION + GAP);
    });
    y += GAP;
  }
  return { cells, headings, side, width, height: y };
}

function byStatistic(manifest: Manifest, maps: readonly number[], order: Order, width: number): Arrangement {
  const { sort, descending, limit } = order;
  const sign = descending ? 1 : -1;
  const found = maps.flatMap((map) =>
    (manifest.maps[map].statistics[sort] ?? []).map((value, head) => ({ map, head, value })),
  );
  const kept = found.filter(({ value }) => Number.isFinite(value) && (limit === null || sign * (value - limit) >= 0));
  kept.sort((one, two) => sign * (two.value - one.value));
  const { side, across } = grid(width - 2 * MARGIN, Number.POSITIVE_INFINITY);
  const cells = kept.map((one, at) => ({
    ...one,
    x: MARGIN + (at % across) * (side + GAP),
    y: GAP + Math.floor(at / across) * (side + 2 * CAPTION + GAP),
  }));
  const lines = Math.ceil(kept.length / across);
  return { cells, headings: [], side, width, height: GAP + lines * (side + 2 * CAPTION + GAP) };
}

/** As large as all fit beside one another, within bounds. */
function grid(width: number, most: number): { side: number; across: number } {
  const fitting = Math.floor(width / most - GAP);
  const side = Math.max(SMALLEST, Math.min(LARGEST, Number.isFinite(most) ? fitting : 80));
  return { side, across: Math.max(1, Math.floor((width + GAP) / (side + GAP))) };
}

/** The cell at a point; -1 where there is none. */
export function cellAt({ cells, side }: Arrangement, x: number, y: number): number {
  return cells.findIndex((cell) => x >= cell.x && x < cell.x + side && y >= cell.y && y < cell.y + side + CAPTION);
}

/** The cell that a key moves to: the nearest in that direction. */
export function neighbour({ cells }: Arrangement, at: number, key: string): number {
  if (key === "Home") return 0;
  if (key === "End") return cells.length - 1;
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (key === "ArrowRight") return Math.min(cells.length - 1, at + 1);
  const here = cells[at];
  const below = key === "ArrowDown";
  const beyond = cells.filter((cell) => (below ? cell.y > here.y : cell.y < here.y));
  if (beyond.length === 0) return at;
  const line = below ? beyond[0].y : beyond[beyond.length - 1].y;
  const inLine = beyond.filter((cell) => cell.y === line);
  const nearest = inLine.reduce((best, cell) => (Math.abs(cell.x - here.x) < Math.abs(best.x - here.x) ? cell : best));
  return cells.indexOf(nearest);
}
