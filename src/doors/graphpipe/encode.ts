/**
 * Outputs → GraphPipe's InferResponse (protos/graphpipe/graphpipe.fbs), laid out by hand so that tensor memory is copied
 * once, straight to its place. All offsets lead forwards:
 *
 *     0  offset of the response   12  response table            44  output_tensors: count, offsets
 *     4  its vtable               16    offset of output_tensors     one table of 16 bytes for each tensor
 *    20  vtable of tensors with data                                 values of each tensor: shape, data or string_val
 *    32  vtable of tensors with string_val
 */

import { Code, invalidArgument, ServingError } from '../../errors.js';
import { Type } from '../../gen/graphpipe/type.js';
import { DataType, dataTypeName } from '../../tensor/dtype.js';
import { elementCountOf, type Outputs } from '../../tensor/predict-request.js';
import { ReusedBuffer } from '../http.js';
import { toGraphPipeType } from './tensor-types.js';

/** Bytes 0 to 43, the same in every reply. */
const HEAD = littleEndianWords([
  [12, 0],
  [6, 8, 4, 0],
  [8, 0, 28, 0],
  [12, 16, 12, 4, 8, 0],
  [12, 16, 12, 4, 0, 8],
]);
const DATA_VTABLE = 20;
const STRINGS_VTABLE = 32;

const TABLE_BYTES = 16;
const TABLE = { shape: 4, values: 8, type: 12 } as const;

/** A flatbuffer's offsets have 31 usable bits. */
const MAX_REPLY_BYTES = 2 ** 31 - 1;

function littleEndianWords(groups: readonly (readonly number[])[]): Uint8Array {
  const words = groups.flat();
  const bytes = Buffer.alloc(2 * words.length);
  for (const [i, word] of words.entries()) bytes.writeUInt16LE(word, 2 * i);
  return bytes;
}

/** Where the length of a vector of 8-byte elements goes, so that the elements after it are aligned. */
function alignVector(position: number): number {
  return alignUp(position + 4, 8) - 4;
}

function alignUp(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/** Writes replies, one after the other, into memory that it reuses. */
export class InferResponseEncoder {
  readonly #reply = new ReusedBuffer();
  readonly #strings = new ReusedBuffer();

  /**
   * The finished buffer, valid until the next call. Throws INVALID_ARGUMENT for an output of a type that GraphPipe cannot
   * carry, and RESOURCE_EXHAUSTED if the reply would pass 2 GiB.
   */
  encode(outputs: Outputs): Uint8Array {
    const types = graphPipeTypes(outputs);
    const bytes = this.#reply.take(maxReplyBytes(outputs));
    const writer = new ReplyWriter(bytes);
    writer.writeHead(outputs.count);
    for (let i = 0; i < outputs.count; i++) this.#writeTensor(writer, outputs, i, types[i] ?? Type.Null);
    return bytes.subarray(0, writer.end);
  }

  #writeTensor(writer: ReplyWriter, outputs: Outputs, index: number, type: Type): void {
    writer.writeTable(outputs.count, index, type);
    writer.writeShape(outputs, index);
    if (type === Type.String) writer.writeStrings(this.#rawStrings(outputs, index), elementCountOf(outputs, index));
    else writer.writeData(outputs, index);
  }

  #rawStrings(outputs: Outputs, index: number): Buffer {
    const byteLength = outputs.byteLength(index);
    const raw = this.#strings.take(byteLength);
    outputs.copyTo(index, raw, 0);
    return raw;
  }
}

function graphPipeTypes(outputs: Outputs): Type[] {
  const types: Type[] = [];
  for (let index = 0; index < outputs.count; index++) types.push(graphPipeTypeOf(outputs, index));
  return types;
}

function graphPipeTypeOf(outputs: Outputs, index: number): Type {
  const type = toGraphPipeType(outputs.dtype(index));
  if (type !== Type.Null) return type;
  throw invalidArgument(
    `Output "${outputs.alias(index)}" is of type ${dataTypeName(outputs.dtype(index))}, which GraphPipe cannot carry; ` +
      'leave it out by naming the others in output_names, or ask for it by gRPC or REST.',
  );
}

/** Exact but for strings, whose padding is only known once they are read: there at most 3 bytes too many for each. */
function maxReplyBytes(outputs: Outputs): number {
  let size = HEAD.byteLength + 4 + outputs.count * (4 + TABLE_BYTES);
  for (let i = 0; i < outputs.count; i++) {
    size = alignVector(size) + 4 + 8 * outputs.rank(i);
    size = alignVector(size) + 4 + outputs.byteLength(i);
    // Each string: its offset and its length (of which byteLength holds one), its NUL, up to 3 bytes of padding.
    if (outputs.dtype(i) === DataType.STRING) size += 8 * elementCountOf(outputs, i);
  }
  if (size <= MAX_REPLY_BYTES) return size;
  throw new ServingError(
    Code.RESOURCE_EXHAUSTED,
    `The reply would take ${size} bytes, more than the 2 GiB of a flatbuffer; ask for fewer outputs or send fewer rows.`,
  );
}

/** Writes one reply from front to back; `end` is where the next value goes. Gaps between values are zeroed. */
class ReplyWriter {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #table = 0;
  end = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  writeHead(count: number): void {
    this.#bytes.set(HEAD);
    this.#view.setUint32(HEAD.byteLength, count, true);
    this.end = HEAD.byteLength + 4 + count * (4 + TABLE_BYTES);
  }

  /** The offset to tensor `index` and its table; the offsets in the table follow with the values. */
  writeTable(count: number, index: number, type: Type): void {
    const offsetAt = HEAD.byteLength + 4 + 4 * index;
    this.#table = HEAD.byteLength + 4 + 4 * count + TABLE_BYTES * index;
    this.#view.setUint32(offsetAt, this.#table - offsetAt, true);
    this.#view.setInt32(this.#table, this.#table - (type === Type.String ? STRINGS_VTABLE : DATA_VTABLE), true);
    this.#view.setUint32(this.#table + TABLE.type, type, true);
  }

  writeShape(outputs: Outputs, index: number): void {
    const rank = outputs.rank(index);
    this.#startVector(TABLE.shape, rank);
    for (let axis = 0; axis < rank; axis++) {
      const dim = outputs.dim(index, axis);
      this.#view.setUint32(this.end, dim >>> 0, true);
      this.#view.setUint32(this.end + 4, Math.floor(dim / 2 ** 32), true);
      this.end += 8;
    }
  }

  writeData(outputs: Outputs, index: number): void {
    const byteLength = outputs.byteLength(index);
    this.#startVector(TABLE.values, byteLength);
    outputs.copyTo(index, this.#bytes, this.end);
    this.end += byteLength;
  }

  /** From the lengths of all strings, 4 bytes each, followed by their bytes. */
  writeStrings(raw: Buffer, count: number): void {
    this.#startVector(TABLE.values, count);
    let offsetAt = this.end;
    let start = 4 * count;
    this.end += 4 * count;
    for (let i = 0; i < count; i++) {
      const length = raw.readUInt32LE(4 * i);
      this.#view.setUint32(offsetAt, this.end - offsetAt, true);
      this.#writeString(raw, start, length);
      offsetAt += 4;
      start += length;
    }
  }

  #writeString(raw: Buffer, start: number, length: number): void {
    this.#view.setUint32(this.end, length, true);
    raw.copy(this.#bytes, this.end + 4, start, start + length);
    this.end += 4 + length;
    // A NUL ends every string, and the next length must be aligned.
    this.#padTo(alignUp(this.end + 1, 4));
  }

  #startVector(field: number, count: number): void {
    this.#padTo(alignVector(this.end));
    const offsetAt = this.#table + field;
    this.#view.setUint32(offsetAt, this.end - offsetAt, true);
    this.#view.setUint32(this.end, count, true);
    this.end += 4;
  }

  #padTo(position: number): void {
    while (this.end < position) this.#bytes[this.end++] = 0;
  }
}
