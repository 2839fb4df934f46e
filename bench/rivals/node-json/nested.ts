/** Arrays in arrays, as JSON has tensors, and typed arrays. */
import { DataType, dataTypeName } from '../../../src/tensor/dtype.js';
import { elementCount } from '../../../src/tensor/shape.js';

const ARRAY_TYPES = {
  [DataType.FLOAT]: Float32Array,
  [DataType.DOUBLE]: Float64Array,
  [DataType.INT32]: Int32Array,
  [DataType.INT64]: BigInt64Array,
} as const;

export type TensorArrayType = (typeof ARRAY_TYPES)[keyof typeof ARRAY_TYPES];
export type TensorArray = InstanceType<TensorArrayType>;

/** Throws an Error for all but the usual number types. */
export function arrayTypeOf(dtype: DataType): TensorArrayType {
  const type = (ARRAY_TYPES as Partial<Record<DataType, TensorArrayType>>)[dtype];
  if (type === undefined) throw new Error(`This server knows no tensors of ${dataTypeName(dtype)}.`);
  return type;
}

/** The shape is that of the first elements; throws an Error where an array is longer or shorter than them. */
export function flatten(nested: unknown, type: TensorArrayType): { shape: number[]; values: TensorArray } {
  const shape = shapeOf(nested);
  const values = new type(elementCount(shape));
  const fill = filler(values);
  const walk = (part: unknown, axis: number, at: number): number => {
    if (axis === shape.length) return fill(part as number, at);
    const items = part as unknown[];
    if (items.length !== shape[axis])
      throw new Error(`Axis ${axis} has ${items.length} elements here, ${shape[axis]} there.`);
    let next = at;
    for (const item of items) next = walk(item, axis + 1, next);
    return next;
  };
  walk(nested, 0, 0);
  return { shape, values };
}

/** Sets an element and returns the next one's index. */
function filler(values: TensorArray): (value: number, at: number) => number {
  if (values instanceof BigInt64Array) {
    return (value, at) => {
      values[at] = BigInt(value);
      return at + 1;
    };
  }
  return (value, at) => {
    values[at] = value;
    return at + 1;
  };
}

function shapeOf(nested: unknown): number[] {
  return Array.isArray(nested) ? [nested.length, ...shapeOf(nested[0])] : [];
}

/** Values in row-major order as arrays in arrays. */
export function nest(values: readonly number[], shape: readonly number[]): unknown {
  const [rows, ...inner] = shape;
  if (rows === undefined) return values[0];
  if (inner.length === 0) return values;
  const step = elementCount(inner);
  return Array.from({ length: rows }, (_, row) => nest(values.slice(row * step, (row + 1) * step), inner));
}
