/**
 * Walks protobuf's wire format by hand (protobuf.dev, "Encoding") without building objects: for messages that carry
 * tensors, where only the places of the bytes are wanted. Never reads past the end that it is given.
 */
import { invalidArgument, type ServingError } from '../errors.js';

/** The wire types in use; 3 and 4 (groups) are refused. */
export const WireType = { VARINT: 0, FIXED64: 1, LENGTH_DELIMITED: 2, FIXED32: 5 } as const;

const MAX_TAG = 2 ** 32 - 1;
const TWO_TO_32 = 2 ** 32;

/**
 * A cursor. All methods take the `end` of the enclosing message and, for errors, `what` is being read; they throw
 * ServingError INVALID_ARGUMENT for bytes that are malformed.
 */
export class WireReader {
  pos = 0;
  readonly bytes: Uint8Array;
  readonly #messageName: string;
  /** The halves of the last varint. */
  #low = 0;
  #high = 0;

  /** @param messageName e.g. `PredictRequest`, for errors. */
  constructor(bytes: Uint8Array, messageName: string) {
    this.bytes = bytes;
    this.#messageName = messageName;
  }

  /** A field's tag: its number times 8 plus its wire type. */
  tag(end: number, what: string): number {
    const first = this.pos < end ? (this.bytes[this.pos] as number) : 0x80;
    if (first < 0x80 && first > 7) {
      this.pos++;
      return first;
    }
    const tag = this.varint(end, what);
    if (tag < 8 || tag > MAX_TAG) throw this.malformed(what, 'has a tag that is no field number');
    return tag;
  }

  /** A varint as an int64; beyond 2^53 only approximately. */
  varint(end: number, what: string): number {
    const first = this.pos < end ? (this.bytes[this.pos] as number) : 0x80;
    if (first < 0x80) {
      this.pos++;
      this.#low = first;
      this.#high = 0;
      return first;
    }
    this.#readHalves(end, what);
    return this.#high * TWO_TO_32 + (this.#low >>> 0);
  }

  /** A varint as an int64, exactly. */
  int64(end: number, what: string): bigint {
    this.varint(end, what);
    return (BigInt(this.#high) << 32n) | BigInt(this.#low >>> 0);
  }

  /** Reads the length before a string, bytes or message and returns where that ends; the cursor is at its start. */
  lengthDelimited(end: number, what: string): number {
    const length = this.varint(end, what);
    const stop = this.pos + length;
    if (length < 0 || stop > end) throw this.malformed(what, 'is cut short');
    return stop;
  }

  /** Passes over the value of a field of which only the tag has been read. */
  skip(tag: number, end: number, what: string): void {
    const wireType = tag & 7;
    if (wireType === WireType.VARINT) this.varint(end, what);
    else if (wireType === WireType.LENGTH_DELIMITED) this.pos = this.lengthDelimited(end, what);
    else if (wireType === WireType.FIXED64) this.advance(8, end, what);
    else if (wireType === WireType.FIXED32) this.advance(4, end, what);
    else throw this.malformed(what, `has field ${tag >>> 3} with wire type ${wireType}, which is not supported`);
  }

  advance(byteLength: number, end: number, what: string): void {
    if (this.pos + byteLength > end) throw this.malformed(what, 'is cut short');
    this.pos += byteLength;
  }

  /** Throws unless the field of this tag has the wire type that its declaration asks for. */
  expect(tag: number, wireType: number, what: string): void {
    if ((tag & 7) === wireType) return;
    throw this.malformed(what, `has field ${tag >>> 3} with wire type ${tag & 7} instead of ${wireType}`);
  }

  malformed(what: string, how: string): ServingError {
    return invalidArgument(`The ${this.#messageName} is malformed: its ${what} ${how} (at byte ${this.pos}).`);
  }

  #readHalves(end: number, what: string): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.pos >= end) throw this.malformed(what, 'is cut short');
      const byte = this.bytes[this.pos++] as number;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw this.malformed(what, 'has a varint of more than 10 bytes');
  }
}
