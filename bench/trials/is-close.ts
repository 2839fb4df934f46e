/** JSON says float32 values in decimal, and sums may be taken in another order. */
const TOLERANCE = 1e-4;

/** Whether two lists of values are equal but for rounding; NaN equals nothing. */
export function isClose(some: readonly number[], others: readonly number[]): boolean {
  if (some.length !== others.length) return false;
  return some.every((value, i) => Math.abs(value - (others[i] as number)) <= TOLERANCE * Math.max(1, Math.abs(value)));
}
