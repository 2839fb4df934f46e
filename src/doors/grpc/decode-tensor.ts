/**
 * Finds the values of a TensorProto (tensorflow/core/framework/tensor.proto) inside a message, as ranges of bytes. Only
 * values that do not lie in one piece are copied.
 */
import { invalidArgument } from '../../errors.js';
import { type WireReader, WireType } from '../../formats/wire-reader.js';
import { byteSizeOf, DataType, dataTypeName } from '../../tensor/dtype.js';
import { Encoding, type InputTensor } from '../../tensor/predict-request.js';
import { elementCount, formatShape, MAX_RANK } from '../../tensor/shape.js';
import type { Scratch } from './scratch.js';
import { TENSOR_CONTENT, type TypedField, typedFieldOf } from './typed-fields.js';

const FIRST_TYPED_FIELD = 5;

/** What one pass over a TensorProto finds. */
interface TensorScan {
  dtype: number;
  readonly shape: number[];
  unknownRank: boolean;
  contentStart: number;
  contentEnd: number;
  /** The last typed field that was met, and its last piece. */
  field: number;
  start: number;
  end: number;
  /** Whether that piece is all there is of typed fields, and packed. */
  onePiece: boolean;
}

/**
 * Reads the TensorProto from the reader's place up to `end`. `name` is the input's alias. Throws INVALID_ARGUMENT for
 * malformed bytes, a dtype that cannot be served and a shape that is none.
 */
export function decodeTensor(reader: WireReader, end: number, name: string, scratch: Scratch): InputTensor {
  const from = reader.pos;
  const scan = scanTensor(reader, end);
  const field = typedFieldOf(scan.dtype);
  if (field === undefined) throw unservable(scan.dtype, name);
  checkShape(scan, name);
  const tensor =
    scan.contentEnd > scan.contentStart
      ? contentTensor(reader, scan, name)
      : typedTensor(reader, scan, field, from, end, name, scratch);
  reader.pos = end;
  return tensor;
}

function scanTensor(reader: WireReader, end: number): TensorScan {
  const scan: TensorScan = {
    dtype: 0,
    shape: [],
    unknownRank: false,
    contentStart: 0,
    contentEnd: 0,
    field: 0,
    start: 0,
    end: 0,
    onePiece: false,
  };
  while (reader.pos < end) {
    const tag = reader.tag(end, 'TensorProto');
    const number = tag >>> 3;
    if (number === 1) {
      reader.expect(tag, WireType.VARINT, 'dtype');
      scan.dtype = reader.varint(end, 'dtype');
    } else if (number === 2) {
      reader.expect(tag, WireType.LENGTH_DELIMITED, 'tensor_shape');
      scanShape(reader, reader.lengthDelimited(end, 'tensor_shape'), scan);
    } else if (number === TENSOR_CONTENT) {
      reader.expect(tag, WireType.LENGTH_DELIMITED, 'tensor_content');
      scan.contentEnd = reader.lengthDelimited(end, 'tensor_content');
      scan.contentStart = reader.pos;
      reader.pos = scan.contentEnd;
    } else if (number >= FIRST_TYPED_FIELD) {
      scanTypedField(reader, tag, end, scan);
    } else {
      reader.skip(tag, end, 'TensorProto');
    }
  }
  return scan;
}

function scanTypedField(reader: WireReader, tag: number, end: number, scan: TensorScan): void {
  scan.onePiece = scan.field === 0 && (tag & 7) === WireType.LENGTH_DELIMITED;
  scan.field = tag >>> 3;
  if (!scan.onePiece) {
    reader.skip(tag, end, 'TensorProto');
    return;
  }
  scan.end = reader.lengthDelimited(end, 'TensorProto');
  scan.start = reader.pos;
  reader.pos = scan.end;
}

function scanShape(reader: WireReader, end: number, scan: TensorScan): void {
  while (reader.pos < end) {
    const tag = reader.tag(end, 'tensor_shape');
    if (tag >>> 3 === 2) {
      reader.expect(tag, WireType.LENGTH_DELIMITED, 'dim');
      scan.shape.push(readDim(reader, reader.lengthDelimited(end, 'dim')));
      if (scan.shape.length > MAX_RANK + 1) scan.shape.length = MAX_RANK + 1;
    } else if (tag >>> 3 === 3) {
      reader.expect(tag, WireType.VARINT, 'unknown_rank');
      scan.unknownRank = reader.varint(end, 'unknown_rank') !== 0;
    } else {
      reader.skip(tag, end, 'tensor_shape');
    }
  }
}

function readDim(reader: WireReader, end: number): number {
  let size = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end, 'dim');
    if (tag >>> 3 === 1) {
      reader.expect(tag, WireType.VARINT, 'dim');
      size = reader.varint(end, 'dim');
    } else {
      reader.skip(tag, end, 'dim');
    }
  }
  return size;
}

function unservable(dtype: number, name: string): Error {
  const what = dtype === 0 ? 'has no dtype' : `has the dtype ${dataTypeName(dtype)}, which cannot be served`;
  return invalidArgument(`The input "${name}" ${what}. Send one of the types of the model's signature.`);
}

function checkShape(scan: TensorScan, name: string): void {
  if (scan.unknownRank) throw invalidArgument(`The input "${name}" has an unknown rank. Send its shape.`);
  if (scan.shape.length > MAX_RANK) {
    throw invalidArgument(`The input "${name}" has more than ${MAX_RANK} dimensions, the most that a tensor may have.`);
  }
  for (const dim of scan.shape) {
    if (dim < 0) {
      throw invalidArgument(
        `The input "${name}" has the shape ${formatShape(scan.shape)}, but a dimension cannot be negative.`,
      );
    }
  }
}

/** A tensor whose values lie in tensor_content, which must fit the shape exactly. */
function contentTensor(reader: WireReader, scan: TensorScan, name: string): InputTensor {
  const dtype = scan.dtype as DataType;
  const { shape, contentStart: start, contentEnd: end } = scan;
  if (dtype !== DataType.STRING) {
    const wanted = elementCount(shape) * byteSizeOf(dtype);
    if (end - start !== wanted) throw badContentLength(name, end - start, wanted, shape);
    return { name, dtype, shape, encoding: Encoding.RAW, start, end, fill: false };
  }
  const stringRanges = contentStrings(reader, scan, name);
  return { name, dtype, shape, encoding: Encoding.STRINGS, start, end, stringRanges, fill: false };
}

/** Strings in tensor_content: the lengths of all elements as varints, then all the bytes. */
function contentStrings(reader: WireReader, scan: TensorScan, name: string): number[] {
  const count = elementCount(scan.shape);
  // Each length takes at least a byte: so nothing is allocated for elements that cannot be there.
  if (!(count <= scan.contentEnd - scan.contentStart)) throw badContent(name);
  const ranges: number[] = [];
  reader.pos = scan.contentStart;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const length = reader.varint(scan.contentEnd, 'tensor_content');
    if (length < 0) throw badContent(name);
    ranges.push(total, total + length);
    total += length;
  }
  const first = reader.pos;
  if (first + total !== scan.contentEnd) throw badContent(name);
  for (let i = 0; i < ranges.length; i++) ranges[i] = (ranges[i] as number) + first;
  return ranges;
}

/** TF Serving's words, then what is wrong; `wanted` is NaN for a shape that no tensor can have. */
function badContentLength(name: string, found: number, wanted: number, shape: readonly number[]): Error {
  const needs = Number.isNaN(wanted) ? 'no tensor can have' : `needs ${wanted}`;
  return invalidArgument(
    `tensor parsing error: ${name}. The tensor_content has ${found} bytes, but its shape ${formatShape(shape)} ${needs}.`,
  );
}

function badContent(name: string): Error {
  return invalidArgument(
    `tensor parsing error: ${name}. The tensor_content of strings must hold the lengths of all elements of the shape ` +
      'as varints and then, without a gap, their bytes.',
  );
}

/** A tensor whose values lie in the typed field of its dtype; values may be missing at the end. */
function typedTensor(
  reader: WireReader,
  scan: TensorScan,
  field: TypedField,
  from: number,
  end: number,
  name: string,
  scratch: Scratch,
): InputTensor {
  const dtype = scan.dtype as DataType;
  const { shape } = scan;
  if (dtype === DataType.STRING) {
    const stringRanges = scan.field === 0 ? [] : stringValues(reader, field, from, end);
    return { name, dtype, shape, encoding: Encoding.STRINGS, start: 0, end: 0, stringRanges, fill: true };
  }
  let { start, end: stop } = scan;
  if (scan.field === 0) {
    start = from;
    stop = from;
  } else if (!scan.onePiece || scan.field !== field.number) {
    start = scratch.end;
    stop = gather(reader, field, from, end, scratch);
  }
  const encoding = field.wireType === WireType.VARINT ? Encoding.VARINT : Encoding.RAW;
  if (encoding === Encoding.RAW) checkWholeValues(stop - start, dtype, field, name);
  return { name, dtype, shape, encoding, start, end: stop, fill: true };
}

function checkWholeValues(byteLength: number, dtype: DataType, field: TypedField, name: string): void {
  if (byteLength % byteSizeOf(dtype) === 0) return;
  throw invalidArgument(
    `The ${field.name} of the input "${name}" has ${byteLength} bytes, ` +
      `which is no whole number of ${dataTypeName(dtype)} values.`,
  );
}

function stringValues(reader: WireReader, field: TypedField, from: number, end: number): number[] {
  const ranges: number[] = [];
  eachPiece(reader, field, from, end, (start, stop) => ranges.push(start, stop));
  return ranges;
}

/**
 * Puts the pieces of a typed field behind each other into the scratch memory, as one packed list, and returns its end.
 * Two passes: the pieces may be as many as the values, and are better not listed.
 */
function gather(reader: WireReader, field: TypedField, from: number, end: number, scratch: Scratch): number {
  let total = 0;
  eachPiece(reader, field, from, end, (start, stop) => {
    total += stop - start;
  });
  if (total === 0) return scratch.end;
  const target = scratch.allocate(total);
  let at = 0;
  eachPiece(reader, field, from, end, (start, stop) => {
    target.set(reader.bytes.subarray(start, stop), at);
    at += stop - start;
  });
  return scratch.end;
}

/** Calls back with [start, stop) of each occurrence of the field, packed lists and single values alike. */
function eachPiece(
  reader: WireReader,
  field: TypedField,
  from: number,
  end: number,
  visit: (start: number, stop: number) => void,
): void {
  reader.pos = from;
  while (reader.pos < end) {
    const tag = reader.tag(end, field.name);
    if (tag >>> 3 !== field.number) {
      reader.skip(tag, end, field.name);
      continue;
    }
    const packed = (tag & 7) === WireType.LENGTH_DELIMITED;
    if (!packed) reader.expect(tag, field.wireType, field.name);
    const stop = packed ? reader.lengthDelimited(end, field.name) : -1;
    const start = reader.pos;
    if (packed) reader.pos = stop;
    else reader.skip(tag, end, field.name);
    visit(start, reader.pos);
  }
}
