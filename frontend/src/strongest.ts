/** Places of the largest sizes, the largest first. */
export function strongest(values: Float32Array, count: number): number[] {
  const sizes = values.map(Math.abs).sort();
  const least = sizes[Math.max(0, sizes.length - count)];
  const found: number[] = [];
  for (let at = 0; at < values.length; at++) if (Math.abs(values[at]) >= least && values[at] !== 0) found.push(at);
  return found.sort((one, other) => Math.abs(values[other]) - Math.abs(values[one]) || one - other).slice(0, count);
}
