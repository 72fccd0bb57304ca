/** How large the numbers of a stage are. */

/** The largest size among the finite. */
export function largestSize(values: ArrayLike<number>): number {
  let most = 0;
  for (let at = 0; at < values.length; at++)
    if (Number.isFinite(values[at])) most = Math.max(most, Math.abs(values[at]));
  return most;
}
