/** What is being looked at, in the address after #: what differs from the start, and nothing else. */

import type { Manifest, Pin, State, Viewport } from "../contract";
import { pinsOf, pinsText } from "../pins";
import { unitNamesOf } from "../shown";
import { views } from "../views";

const CHOICES = {
  view: views.map(({ name }) => name),
  special: ["shown", "dimmed", "hidden"],
  scale: ["auto", "linear", "log", "row"],
  how: ["auto", "mean", "max"],
  direction: ["from", "to"],
  thumbnails: ["mean", "max"],
  pair: ["all", "a-b", "b-a", "a-a", "b-b"],
  compare: ["beside", "difference"],
  several: ["mean", "colours"],
} as const satisfies { [Name in keyof State]?: readonly State[Name][] };

/** Characters of a text that is looked for. */
const LONGEST_FIND = 200;

const SWITCHES = ["renormalise", "pinned"] as const;

export function addressOf(state: Readonly<State>, start: Readonly<State>): string {
  const fields = new URLSearchParams();
  for (const name of Object.keys(start) as (keyof State)[]) {
    const text = textOf(name, state[name]);
    if (text !== textOf(name, start[name])) fields.set(name, text);
  }
  const text = fields.toString().replaceAll("%2C", ",");
  return text && `#${text}`;
}

/** Whether an address says which token is looked at, be it none. */
export function saysToken(address: string): boolean {
  return /[#&](query|key)=/.test(address);
}

function textOf(name: keyof State, value: State[keyof State]): string {
  if (value === null) return "";
  if (name === "pins") return pinsText(value as Pin[]);
  if (name === "with") return withText(value as NonNullable<State["with"]>);
  if (typeof value === "boolean") return value ? "1" : "0";
  if (Array.isArray(value)) return value.join(",");
  if (typeof value !== "object") return String(value);
  const edges = value as Viewport;
  return [edges.top, edges.bottom, edges.left, edges.right].map((edge) => Number(edge.toFixed(3))).join(",");
}

/** The state that an address asks for. What it says of things that are not there, or in no known words, is left out. */
export function stateOf(address: string, manifest: Manifest, start: Readonly<State>): State {
  const fields = new URLSearchParams(address.replace(/^#/, ""));
  const state: State = { ...start };
  const whole = (text: string | null, below: number) => {
    const number = text !== null && /^\d{1,9}$/.test(text) ? Number(text) : -1;
    return number >= 0 && number < below ? number : null;
  };
  for (const name of Object.keys(CHOICES) as (keyof typeof CHOICES)[]) {
    const found = (CHOICES[name] as readonly string[]).find((one) => one === fields.get(name));
    if (found !== undefined) Object.assign(state, { [name]: found });
  }

  const unit = fields.get("unit");
  if (unit !== null && manifest.maps.some((map) => unitNamesOf(manifest, map).includes(unit))) state.unit = unit;
  state.map = whole(fields.get("map"), manifest.maps.length) ?? state.map;
  const info = manifest.maps[state.map];
  const moved = state.map !== start.map;
  if (moved) Object.assign(state, { heads: [0], rowAxis: 0, viewport: null, query: null, key: null, pinned: false });
  for (const name of SWITCHES) if (/^[01]$/.test(fields.get(name) ?? "")) state[name] = fields.get(name) === "1";
  const heads = fields
    .get("heads")
    ?.split(",")
    .map((head) => whole(head, info.heads)) ?? [null];
  if (!heads.includes(null)) state.heads = [...new Set(heads as number[])].sort((one, two) => one - two);
  state.rowAxis = whole(fields.get("rowAxis"), info.rowAxes.length) ?? state.rowAxis;
  // An empty field is said on purpose: nothing, where the start has something.
  const place = (name: "query" | "key", size: number) =>
    fields.get(name) === "" ? null : (whole(fields.get(name), size) ?? state[name]);
  state.query = place("query", info.queries);
  state.key = place("key", info.keys);
  const viewport = fields.get("viewport");
  state.viewport = viewport === "" ? null : (viewportOf(viewport, info) ?? state.viewport);
  const limits = fields.get("limits");
  state.limits = limits === "" ? null : (limitsOf(limits) ?? state.limits);
  const threshold = Number(fields.get("threshold") || Number.NaN);
  if (fields.get("threshold") === "") state.threshold = null;
  else if (threshold >= 0 && threshold <= 1) state.threshold = threshold;
  const sort = fields.get("sort");
  if (sort !== null && (sort === "" || manifest.maps.some((map) => Object.hasOwn(map.statistics, sort))))
    state.sort = sort;
  const pins = fields.get("pins");
  if (pins !== null) state.pins = pinsOf(pins, manifest);
  const find = fields.get("find");
  if (find !== null) state.find = find.slice(0, LONGEST_FIND);
  const other = fields.get("with");
  if (other !== null) state.with = withOf(other, manifest, state);
  return state;
}

/** "3.0,1": a map and its heads. */
function withText({ map, heads }: NonNullable<State["with"]>): string {
  return `${map}.${heads.join(",")}`;
}

function withOf(text: string, manifest: Manifest, state: State): State["with"] {
  if (text === "") return null;
  const [, map, heads] = /^(\d{1,6})\.(\d{1,6}(?:,\d{1,6})*)$/.exec(text) ?? [];
  const info = map === undefined ? undefined : manifest.maps[Number(map)];
  const chosen = [...new Set(heads?.split(",").map(Number))].sort((one, two) => one - two);
  return info && chosen.every((head) => head < info.heads) ? { map: Number(map), heads: chosen } : state.with;
}

function limitsOf(text: string | null): State["limits"] {
  const ends = text?.split(",") ?? [];
  if (ends.length !== 2 || !ends.every((end) => /^\d{1,6}(\.\d{1,9})?(e-?\d{1,2})?$/.test(end))) return null;
  const [low, high] = ends.map(Number);
  return low >= 0 && low < high ? [low, high] : null;
}

function viewportOf(text: string | null, { queries, keys }: { queries: number; keys: number }): State["viewport"] {
  const edges = text?.split(",") ?? [];
  if (edges.length !== 4 || !edges.every((edge) => /^-?\d{1,9}(\.\d{1,6})?$/.test(edge))) return null;
  const [top, bottom, left, right] = edges.map(Number);
  const inside = (low: number, high: number, size: number) =>
    low < high && low < size && high > 0 && high - low <= 4 * size;
  return inside(top, bottom, queries) && inside(left, right, keys) ? { top, bottom, left, right } : null;
}
