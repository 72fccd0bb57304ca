/** Where effects stand along a line that all sites share, and how they are written. */

import type { EffectRow } from "../../contract";
import { fullText, weightText } from "../../labels";

export interface Scale {
  /** 0 … 1 of the line's length. */
  at(value: number): number;
}

/** A line that holds 0, every effect and every interval. */
export function scaleOf(rows: readonly EffectRow[]): Scale {
  const values = rows.flatMap(({ effect, low, high }) => [effect ?? 0, low ?? 0, high ?? 0]);
  return scaleBetween(Math.min(0, ...values), Math.max(0, ...values));
}

export function scaleBetween(low: number, high: number): Scale {
  const room = high - low || 1;
  return { at: (value) => (value - low + 0.03 * room) / (1.06 * room) };
}

/** "+0.12", "−3.4", with the sign that people write; all digits where a program reads it. */
export function signed(value: number, full = false): string {
  return full ? fullText(value) : `${value < 0 ? "−" : value > 0 ? "+" : ""}${weightText(Math.abs(value))}`;
}

export function effectText({ effect, error }: EffectRow): string {
  if (effect === null) return "no effect known";
  return error === null ? signed(effect) : `${signed(effect)} ± ${weightText(error)}`;
}

/** A small number of a test: "p 0.012", "p < 1e-300". */
export function chanceText(p: number): string {
  return p === 0 ? "< 1e-300" : p >= 0.00095 ? p.toPrecision(2) : p.toExponential(0);
}

/** Whether an effect is surely not 0, for all sites of its measure together. */
export function isSure({ adjusted }: EffectRow): boolean {
  return adjusted !== null && adjusted < 0.05;
}
