/**
 * Writes a protobuf message from its end to its start: a message's length is known when its header is to be written, so
 * that nothing has to be measured before.
 */

import { bigVarintSize, varintSize, writeBigVarint, writeVarint } from '../../formats/varint.js';

const LENGTH_DELIMITED = 2;
const VARINT = 0;
const FIXED32 = 5;
const FIRST_CAPACITY = 1024;

/** All methods put what they write before what is there: call them in the reverse of the order on the wire. */
export class BackwardWriter {
  #buffer = Buffer.allocUnsafe(FIRST_CAPACITY);
  #start = FIRST_CAPACITY;

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** All that was written. */
  finish(): Buffer {
    return this.#buffer.subarray(this.#start);
  }

  /** Tag and length of a message field whose content is all that was written since `length` was this. */
  header(field: number, lengthBefore: number): void {
    this.#varint(this.length - lengthBefore);
    this.#varint((field << 3) | LENGTH_DELIMITED);
  }

  /** Left out if empty, as proto3 does. */
  bytes(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    const before = this.length;
    this.#reserve(value.length);
    this.#start -= value.length;
    this.#buffer.set(value, this.#start);
    this.header(field, before);
  }

  string(field: number, value: string): void {
    this.bytes(field, Buffer.from(value));
  }

  /** Left out if zero, but not if minus zero. */
  float(field: number, value: number): void {
    if (Object.is(value, 0)) return;
    this.#reserve(4);
    this.#start -= 4;
    this.#buffer.writeFloatLE(value, this.#start);
    this.#varint((field << 3) | FIXED32);
  }

  /** Left out if zero. */
  int64(field: number, value: bigint): void {
    if (value === 0n) return;
    const size = bigVarintSize(value);
    this.#reserve(size);
    this.#start -= size;
    writeBigVarint(value, this.#buffer, this.#start);
    this.#varint((field << 3) | VARINT);
  }

  #varint(value: number): void {
    const size = varintSize(value);
    this.#reserve(size);
    this.#start -= size;
    writeVarint(value, this.#buffer, this.#start);
  }

  #reserve(count: number): void {
    if (count <= this.#start) return;
    const used = this.length;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, used + count));
    this.#buffer.copy(larger, larger.length - used, this.#start);
    this.#start = larger.length - used;
    this.#buffer = larger;
  }
}
