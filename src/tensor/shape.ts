/** Shapes: dimensions outermost first; `-1` is an unknown dimension, a missing list an unknown rank (signatures only). */
export type Shape = readonly number[];

/** TensorFlow's own limit on the rank of a tensor (TensorShape::MaxDimensions). */
export const MAX_RANK = 254;

/** More elements than this no tensor of ours can have: the most bytes that a message can carry are 2 GiB. */
export const MAX_ELEMENTS = 2 ** 31;

/** The number of elements, or NaN if a dimension is negative or no integer, or the product passes MAX_ELEMENTS. */
export function elementCount(shape: Shape): number {
  let count = 1;
  let overflow = false;
  for (const dim of shape) {
    if (!Number.isInteger(dim) || dim < 0) return Number.NaN;
    if (dim === 0) return shape.every((d) => Number.isInteger(d) && d >= 0) ? 0 : Number.NaN;
    count *= dim;
    if (count > MAX_ELEMENTS) overflow = true;
  }
  return overflow ? Number.NaN : count;
}

/** `[2,3]` as messages print it; `[]` for a scalar; `unknown rank` where there is no shape. */
export function formatShape(shape: Shape | undefined): string {
  return shape === undefined ? 'unknown rank' : `[${shape.join(',')}]`;
}
