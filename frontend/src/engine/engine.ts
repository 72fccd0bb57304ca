/** Answers questions from what the page carries. */

import type { Cells, Manifest, MapInfo, MarginsRequest, RegionRequest } from "../contract";
import { DenseMap } from "./dense";
import { FactorsMap } from "./factors";
import { joint } from "./joint";
import type { MapData } from "./map_data";
import { overview } from "./overviews";
import { type Unpacked, unpack } from "./pack";
import { margins, region, type Special } from "./regions";
import { steps } from "./steps";
import { packJoint, packMargins, packOverview, packRegion, packSteps } from "./wire";

/** What of the manifest is needed to compute. */
export interface Shapes {
  maps: Pick<MapInfo, "heads" | "queries" | "keys" | "rowAxes" | "columnAxis">[];
  special: Record<string, number[]>;
}

export function shapesOf(manifest: Manifest): Shapes {
  return {
    maps: manifest.maps.map(({ heads, queries, keys, rowAxes, columnAxis }) => {
      return { heads, queries, keys, rowAxes, columnAxis };
    }),
    special: Object.fromEntries(Object.entries(manifest.axes).map(([id, axis]) => [id, axis.special])),
  };
}

/** An answer on its way: it may pause at each yield, or be given up. */
export type Work = Generator<void, ArrayBuffer>;

/** Maps are kept in memory while they take no more bytes than this. */
const KEPT_BYTES = 2 ** 28;
const MOST_CELLS = 2 ** 20;

export class Engine {
  private readonly maps = new Map<number, Promise<MapData>>();
  private readonly sizes = new Map<number, number>();
  private overviews: Promise<Unpacked> | null = null;

  constructor(
    private readonly shapes: Shapes,
    /** The pack of this name: "overviews", "map-0" … */
    private readonly load: (name: string) => Promise<ArrayBuffer>,
    private readonly mostWork?: number,
  ) {}

  /** Work that ends with the answer, in packed bytes. */
  async begin(question: string, request: object): Promise<Work> {
    const { map: at } = request as { map: number };
    const info = this.shapes.maps[at];
    if (!info) throw new Error(`expected a map from 0 to ${this.shapes.maps.length - 1}, got ${at}`);
    const { rowAxis = 0 } = request as { rowAxis?: number };
    if (!info.rowAxes[rowAxis]) throw new Error(`expected a row axis below ${info.rowAxes.length}, got ${rowAxis}`);
    const special: Special = {
      rows: new Set(this.shapes.special[info.rowAxes[rowAxis]]),
      columns: new Set(this.shapes.special[info.columnAxis]),
    };
    switch (question) {
      case "region": {
        const wanted = request as RegionRequest;
        const [rows, columns] = check(info, wanted);
        if (rows * columns > MOST_CELLS)
          throw new Error(`expected at most ${MOST_CELLS} cells, got ${rows} × ${columns}; ask for larger cells`);
        if (!["mean", "max", "mass"].includes(wanted.how))
          throw new Error(`expected mean, max or mass, got ${wanted.how}`);
        return packedBy(region(await this.map(at), special, wanted, this.mostWork), packRegion);
      }
      case "margins": {
        check(info, request as MarginsRequest);
        return packedBy(margins(await this.map(at), special, request as MarginsRequest), packMargins);
      }
      case "overview": {
        this.overviews ??= this.unpacked("overviews");
        return done(packOverview(overview(await this.overviews, at)));
      }
      case "steps": {
        const { head, query, key } = checkRow(info, request);
        return done(packSteps(steps(await this.factors(at), head, query === null ? null : { query, key })));
      }
      case "joint": {
        const { head, query, key } = checkRow(info, request);
        return done(packJoint(joint(await this.factors(at), head, query, key)));
      }
      default:
        throw new Error(`expected a question of region, margins, overview, steps and joint, got ${question}`);
    }
  }

  /** The map's data; those not used for longest are let go where there is too much of it. */
  private async map(at: number): Promise<MapData> {
    let map = this.maps.get(at);
    this.maps.delete(at);
    map ??= this.unpacked(`map-${at}`).then(mapOf);
    this.maps.set(at, map);
    try {
      this.sizes.set(at, (await map).bytes);
    } catch (error) {
      if (this.maps.get(at) === map) this.maps.delete(at);
      throw error;
    }
    let bytes = 0;
    for (const one of [...this.maps.keys()].reverse()) {
      bytes += this.sizes.get(one) ?? 0;
      if (bytes > KEPT_BYTES && one !== at) this.maps.delete(one);
    }
    return map;
  }

  private async factors(at: number): Promise<FactorsMap> {
    const map = await this.map(at);
    if (map instanceof FactorsMap) return map;
    throw new Error(`expected a map kept as queries and keys, got map ${at} of dense weights, which has no steps`);
  }

  private async unpacked(name: string): Promise<Unpacked> {
    return unpack(await this.load(name));
  }
}

export function mapOf(packed: Unpacked): MapData {
  const { kind } = packed.meta as { kind: string };
  if (kind === "factors") return new FactorsMap(packed);
  if (kind === "dense") return new DenseMap(packed);
  throw new Error(`expected a map kept as "factors" or "dense", got ${kind}`);
}

function* packedBy<T>(work: Generator<void, T>, packing: (answer: T) => ArrayBuffer): Work {
  return packing(yield* work);
}

// biome-ignore lint/correctness/useYield: work that is done at once
function* done(answer: ArrayBuffer): Work {
  return answer;
}

/** How many cells of each axis are asked for, where all is as it should be. */
function check(info: Shapes["maps"][number], request: MarginsRequest): [number, number] {
  const { heads, rows, columns } = request;
  if (heads.length === 0) throw new Error("expected one head or more, got none");
  for (const head of heads) checkHead(info, head);
  return [checkCells("rows", rows, info.queries), checkCells("columns", columns, info.keys)];
}

/** A head, and perhaps a query and a key. */
function checkRow(info: Shapes["maps"][number], request: object) {
  const { head, query = null, key = null } = request as { head: number; query?: number | null; key?: number | null };
  checkHead(info, head);
  for (const [name, at, size] of [
    ["query", query, info.queries],
    ["key", key, info.keys],
  ] as const)
    if (at !== null && !(Number.isInteger(at) && at >= 0 && at < size))
      throw new Error(`expected a ${name} below ${size}, got ${at}`);
  return { head, query, key };
}

function checkHead(info: Shapes["maps"][number], head: number): void {
  if (!(Number.isInteger(head) && head >= 0 && head < info.heads))
    throw new Error(`expected a head from 0 to ${info.heads - 1}, got ${head}`);
}

function checkCells(name: string, cells: Cells, size: number): number {
  if ("starts" in cells) {
    const { starts, stops } = cells;
    if (starts.length !== stops.length)
      throw new Error(`${name}: expected as many stops as starts, got ${starts.length} and ${stops.length}`);
    starts.forEach((start, cell) => {
      checkRun(name, start, stops[cell], size);
    });
    return starts.length;
  }
  checkRun(name, cells.start, cells.stop, size);
  if (!(Number.isInteger(cells.count) && cells.count >= 0))
    throw new Error(`${name}: expected a whole number of cells, got ${cells.count}`);
  return cells.count;
}

function checkRun(name: string, start: number, stop: number, size: number): void {
  const whole = Number.isInteger(start) && Number.isInteger(stop);
  if (!(whole && 0 <= start && start <= stop && stop <= size))
    throw new Error(`${name}: expected cells within 0 … ${size}, got ${start} … ${stop}`);
}
