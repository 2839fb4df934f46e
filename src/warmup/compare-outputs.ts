/** Whether rows of outputs are the same, but for rounding. */
import { byteSizeOf, DataType } from '../tensor/dtype.js';
import type { Outputs } from '../tensor/predict-request.js';
import { elementCount } from '../tensor/shape.js';

/** An output of a run, copied. */
export interface CopiedOutput {
  readonly alias: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** In OutputFormat.RAW. */
  readonly bytes: Buffer;
}

/** Undefined if they have more than `mostBytes`. */
export function copyOutputs(outputs: Outputs, mostBytes: number): CopiedOutput[] | undefined {
  const places = Array.from({ length: outputs.count }, (_, index) => index);
  if (places.reduce((total, index) => total + outputs.byteLength(index), 0) > mostBytes) return undefined;
  return places.map((index) => {
    const bytes = Buffer.alloc(outputs.byteLength(index));
    outputs.copyTo(index, bytes, 0);
    const shape = Array.from({ length: outputs.rank(index) }, (_, axis) => outputs.dim(index, axis));
    return { alias: outputs.alias(index), dtype: outputs.dtype(index), shape, bytes };
  });
}

/**
 * How far two runs may be apart by rounding, as a share of the largest value in the row: another number of rows means other kernels
 * and another order of summation. Generous, since a model may compute in bfloat16 what it gives as float, and what mixes rows is
 * further off than that where their values are of different scale.
 */
const TOLERANCE: Partial<Record<DataType, number>> = {
  [DataType.FLOAT]: 0.02,
  [DataType.DOUBLE]: 0.02,
  [DataType.COMPLEX64]: 0.02,
  [DataType.COMPLEX128]: 0.02,
  [DataType.HALF]: 0.02,
  [DataType.BFLOAT16]: 0.05,
};

/** In a row that is small beside the others, what counts is this share of the largest value of them all. */
const SMALL_ROW = 1e-3;

/**
 * The first output of `together` whose row at `place` is not that of `alone`, a run of that row, as a clause; undefined if there is
 * none. Both are of the same signature.
 */
export function findDifference(
  together: readonly CopiedOutput[],
  place: number,
  rows: number,
  alone: readonly CopiedOutput[],
): string | undefined {
  for (const [i, output] of together.entries()) {
    const own = alone[i] as CopiedOutput;
    if (output.shape[0] !== rows || own.shape[0] !== 1)
      return `output '${output.alias}' does not have the rows of the inputs`;
    if (String(output.shape.slice(1)) !== String(own.shape.slice(1)))
      return `a row of output '${output.alias}' has the shape [${output.shape.slice(1)}] with other rows and [${own.shape.slice(1)}] alone`;
    if (!isSameRow(output, place, rows, own))
      return `a row of output '${output.alias}' has other values with other rows than alone`;
  }
  return undefined;
}

function isSameRow(output: CopiedOutput, place: number, rows: number, own: CopiedOutput): boolean {
  if (output.dtype === DataType.STRING) {
    const perRow = elementCount(own.shape);
    return String(hexOf(output).slice(place * perRow, (place + 1) * perRow)) === String(hexOf(own));
  }
  const length = output.bytes.length / rows;
  const row = output.bytes.subarray(place * length, (place + 1) * length);
  if (row.equals(own.bytes)) return true;
  const tolerance = TOLERANCE[output.dtype];
  if (tolerance === undefined) return false;
  const [a, b] = [floatsOf(output.dtype, row), floatsOf(own.dtype, own.bytes)];
  const scale = Math.max(largest(a), largest(b), SMALL_ROW * largest(floatsOf(output.dtype, output.bytes)));
  return a.every((value, i) => isClose(value, b[i] as number, tolerance * scale));
}

function hexOf({ bytes, shape }: CopiedOutput): string[] {
  const count = elementCount(shape);
  let at = 4 * count;
  return Array.from({ length: count }, (_, i) => {
    const start = at;
    at += bytes.readUInt32LE(4 * i);
    return bytes.toString('hex', start, at);
  });
}

function isClose(a: number, b: number, most: number): boolean {
  return Math.abs(a - b) <= most || Object.is(a, b) || a === b;
}

/** Of those that are finite. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
}

/** Of a complex number, both parts. */
function floatsOf(dtype: DataType, bytes: Buffer): number[] {
  const read = READERS[dtype];
  const size = byteSizeOf(dtype) / (dtype === DataType.COMPLEX64 || dtype === DataType.COMPLEX128 ? 2 : 1);
  if (read === undefined) return [];
  return Array.from({ length: bytes.length / size }, (_, i) => read(bytes, i * size));
}

const READERS: Partial<Record<DataType, (bytes: Buffer, at: number) => number>> = {
  [DataType.FLOAT]: (bytes, at) => bytes.readFloatLE(at),
  [DataType.COMPLEX64]: (bytes, at) => bytes.readFloatLE(at),
  [DataType.DOUBLE]: (bytes, at) => bytes.readDoubleLE(at),
  [DataType.COMPLEX128]: (bytes, at) => bytes.readDoubleLE(at),
  [DataType.BFLOAT16]: (bytes, at) => fromBits(bytes.readUInt16LE(at) << 16),
  [DataType.HALF]: (bytes, at) => fromHalf(bytes.readUInt16LE(at)),
};

const WORD = new DataView(new ArrayBuffer(4));

function fromBits(bits: number): number {
  WORD.setInt32(0, bits);
  return WORD.getFloat32(0);
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
