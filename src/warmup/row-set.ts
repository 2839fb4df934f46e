/** Rows of a signature's inputs, of which requests are made: any of them, in any order. */
import type { SignatureInfo } from '../servables/signature-info.js';
import { byteSizeOf, DataType } from '../tensor/dtype.js';
import { Encoding, type InputTensor, OutputFormat, type TensorPredictRequest } from '../tensor/predict-request.js';
import { elementCount, type Shape } from '../tensor/shape.js';

/** The elements of an input in one row: little-endian bytes, or strings. */
export type Row = Uint8Array | readonly Uint8Array[];

export interface InputRows {
  readonly name: string;
  readonly dtype: DataType;
  /** Of one row, without the first dimension. */
  readonly shape: Shape;
  /** As many as the other inputs have. */
  readonly rows: readonly Row[];
}

export interface RowSet {
  readonly signatureName: string;
  readonly inputs: readonly InputRows[];
  readonly count: number;
}

/** A request for all outputs with these rows, by their places. */
export function requestOf({ signatureName, inputs }: RowSet, places: readonly number[]): TensorPredictRequest {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const append = (piece: Uint8Array): number => {
    pieces.push(piece);
    length += piece.length;
    return length;
  };
  const tensors = inputs.map(({ name, dtype, shape, rows }): InputTensor => {
    const start = length;
    const stringRanges: number[] = [];
    for (const place of places) {
      const row = rows[place] as Row;
      if (row instanceof Uint8Array) append(row);
      else for (const string of row) stringRanges.push(length, append(string));
    }
    const base = { name, dtype, shape: [places.length, ...shape], fill: false };
    return dtype === DataType.STRING
      ? { ...base, encoding: Encoding.STRINGS, start: 0, end: 0, stringRanges }
      : { ...base, encoding: Encoding.RAW, start, end: length };
  });
  return {
    kind: 'tensors',
    modelSpec: { name: '' },
    signatureName,
    inputs: tensors,
    body: Buffer.concat(pieces),
    outputFilter: [],
    outputFormat: OutputFormat.RAW,
    deadlineMillis: Number.POSITIVE_INFINITY,
  };
}

/**
 * The rows of a request for the signature; undefined if it leaves inputs out or says by place what they are, if they are no rows,
 * or too many values for a request that is joined with others.
 */
export function rowsOf(info: SignatureInfo, { inputs, body }: TensorPredictRequest): RowSet | undefined {
  const tensors = info.inputs.map(({ alias }) => inputs.find(({ name }) => name === alias));
  const count = tensors[0]?.shape[0] ?? 0;
  const found: InputRows[] = [];
  for (const tensor of tensors) {
    if (tensor === undefined || tensor.shape[0] !== count) return undefined;
    const rows = splitRows(tensor, body, count);
    if (rows === undefined) return undefined;
    found.push({ name: tensor.name, dtype: tensor.dtype, shape: tensor.shape.slice(1), rows });
  }
  return { signatureName: info.name, inputs: found, count };
}

/** Whether rows of both fit into one request. */
export function isAlike(a: RowSet, b: RowSet): boolean {
  return (
    a.signatureName === b.signatureName &&
    a.inputs.every(({ shape }, i) => String(shape) === String((b.inputs[i] as InputRows).shape))
  );
}

export function joinRowSets(a: RowSet, b: RowSet): RowSet {
  const inputs = a.inputs.map((input, i) => ({ ...input, rows: [...input.rows, ...(b.inputs[i] as InputRows).rows] }));
  return { ...a, inputs, count: a.count + b.count };
}

/** No request with more bytes is joined with others (kSmallBytes in native/request.cc: 32 KiB; JSON may say it in fewer). */
export const MOST_ROW_BYTES = 64 * 1024;

function splitRows(tensor: InputTensor, body: Uint8Array, count: number): Row[] | undefined {
  const elements = elementCount(tensor.shape);
  if (!(elements > 0) || elements * Math.max(1, byteSizeOf(tensor.dtype)) > count * MOST_ROW_BYTES) return undefined;
  const perRow = elements / count;
  if (tensor.dtype === DataType.STRING) {
    const strings = stringsOf(tensor, body, elements);
    return strings && Array.from({ length: count }, (_, i) => strings.slice(i * perRow, (i + 1) * perRow));
  }
  const bytes = bytesOf(tensor, body, elements);
  const rowBytes = perRow * byteSizeOf(tensor.dtype);
  return bytes && Array.from({ length: count }, (_, i) => bytes.subarray(i * rowBytes, (i + 1) * rowBytes));
}

function stringsOf({ stringRanges = [], fill }: InputTensor, body: Uint8Array, elements: number) {
  const strings: Uint8Array[] = [];
  for (let i = 0; i + 1 < stringRanges.length; i += 2)
    strings.push(body.slice(stringRanges[i] as number, stringRanges[i + 1] as number));
  if (strings.length > elements || (strings.length < elements && !fill)) return undefined;
  while (strings.length < elements) strings.push(strings.at(-1) ?? new Uint8Array());
  return strings;
}

/** All elements as bytes of their own; undefined if they are more or fewer than they may be. */
function bytesOf(tensor: InputTensor, body: Uint8Array, elements: number): Uint8Array | undefined {
  const size = byteSizeOf(tensor.dtype);
  const values = body.subarray(tensor.start, tensor.end);
  const given = tensor.encoding === Encoding.VARINT ? fromVarints(values, size, elements) : values;
  if (given.length > elements * size || given.length % size !== 0) return undefined;
  if (given.length < elements * size && !tensor.fill) return undefined;
  const whole = new Uint8Array(elements * size);
  whole.set(given);
  // The last value is repeated; without any all are zero.
  for (let at = given.length; given.length > 0 && at < whole.length; at += size) whole.copyWithin(at, at - size, at);
  return whole;
}

/** At most so many values, and one more if there are more. */
function fromVarints(bytes: Uint8Array, size: number, elements: number): Uint8Array {
  const values: number[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte > 127) continue;
    for (let i = 0; i < size; i++) values.push(Number((value >> BigInt(8 * i)) & 255n));
    if (values.length > elements * size) break;
    value = 0n;
    shift = 0n;
  }
  return Uint8Array.from(values);
}
