/**
 * Reads a flatbuffer that a stranger sent. Every offset and length is checked before it is followed, nothing is assumed
 * to be aligned, and offsets lead only forwards, so nothing can loop. Format: https://flatbuffers.dev/internals.
 */
import { invalidArgument, type ServingError } from '../errors.js';

/** A table whose vtable has been found to lie inside the buffer. */
export interface FlatTable {
  readonly position: number;
  readonly vtable: number;
  readonly vtableBytes: number;
}

/** The elements of a vector: `count` of them from `start` on, all inside the buffer. */
export interface FlatVector {
  readonly start: number;
  readonly count: number;
}

/** What a buffer that cannot be read is told as. */
export interface FlatbufferTexts {
  /** `what` does not lie inside the buffer. */
  malformed(what: string, byteLength: number): string;
  tooMuch(budgetBytes: number): string;
}

const OFFSET_BYTES = 4;
const VTABLE_HEADER_BYTES = 4;

/**
 * In all methods `what` names the thing for errors, which are INVALID_ARGUMENT. Positions are byte offsets into the
 * buffer; those given to a method may lie anywhere.
 */
export class FlatbufferReader {
  readonly #view: DataView;
  readonly #bytes: Buffer;
  readonly #budgetBytes: number;
  readonly #texts: FlatbufferTexts;
  #spentBytes = 0;

  /**
   * Offsets may share what they point at, so a small buffer can stand for a huge request. `budgetBytes` bounds the bytes
   * of all vectors and strings that are read, each counted as often as it is read.
   */
  constructor(bytes: Uint8Array, budgetBytes: number, texts: FlatbufferTexts) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#budgetBytes = budgetBytes;
    this.#texts = texts;
  }

  root(): FlatTable {
    return this.table(0, 'the root table');
  }

  /** The table that the offset at `position` leads to. */
  table(position: number, what: string): FlatTable {
    const start = this.#follow(position, what);
    this.#need(start, OFFSET_BYTES, what);
    const vtable = start - this.#view.getInt32(start, true);
    this.#need(vtable, VTABLE_HEADER_BYTES, what);
    const vtableBytes = this.#view.getUint16(vtable, true);
    if (vtableBytes < VTABLE_HEADER_BYTES) throw this.#malformed(what);
    this.#need(vtable, vtableBytes, what);
    return { position: start, vtable, vtableBytes };
  }

  /** Where the value of a field lies; undefined if the table does not have the field. */
  field(table: FlatTable, slot: number): number | undefined {
    const entry = VTABLE_HEADER_BYTES + 2 * slot;
    if (entry + 2 > table.vtableBytes) return undefined;
    const offset = this.#view.getUint16(table.vtable + entry, true);
    return offset === 0 ? undefined : table.position + offset;
  }

  uint8(position: number, what: string): number {
    this.#need(position, 1, what);
    return this.#view.getUint8(position);
  }

  int32(position: number, what: string): number {
    this.#need(position, 4, what);
    return this.#view.getInt32(position, true);
  }

  uint32(position: number, what: string): number {
    this.#need(position, 4, what);
    return this.#view.getUint32(position, true);
  }

  /** An int64 as a number: exact within ±2^53, of the right sign and beyond them otherwise. */
  int64(position: number, what: string): number {
    this.#need(position, 8, what);
    return this.#view.getInt32(position + 4, true) * 2 ** 32 + this.#view.getUint32(position, true);
  }

  /** The vector that the offset at `position` leads to. */
  vector(position: number, elementBytes: number, what: string): FlatVector {
    const start = this.#vectorStart(position, elementBytes, what);
    return { start, count: this.#vectorCount(start) };
  }

  /** The text that the offset at `position` leads to; bytes that are no UTF-8 become U+FFFD. */
  string(position: number, what: string): string {
    const { start, count } = this.vector(position, 1, what);
    return this.#bytes.toString('utf8', start, start + count);
  }

  /** The texts of a vector of strings. */
  strings({ start, count }: FlatVector, what: string): string[] {
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(this.string(start + i * OFFSET_BYTES, what));
    return texts;
  }

  /** A [start, end) pair for each element of a vector of byte strings. */
  stringRanges(strings: FlatVector, what: string): Uint32Array {
    // Not a number[]: growing one for millions of elements takes ten times as long.
    const ranges = new Uint32Array(2 * strings.count);
    for (let i = 0; i < strings.count; i++) {
      const start = this.#vectorStart(strings.start + i * OFFSET_BYTES, 1, what);
      ranges[2 * i] = start;
      ranges[2 * i + 1] = start + this.#vectorCount(start);
    }
    return ranges;
  }

  /** Where the elements of a vector begin, once all of them are known to lie inside the buffer. */
  #vectorStart(position: number, elementBytes: number, what: string): number {
    const lengthAt = this.#follow(position, what);
    this.#need(lengthAt, OFFSET_BYTES, what);
    const byteLength = this.#view.getUint32(lengthAt, true) * elementBytes;
    const start = lengthAt + OFFSET_BYTES;
    this.#need(start, byteLength, what);
    this.#spend(byteLength);
    return start;
  }

  #vectorCount(start: number): number {
    return this.#view.getUint32(start - OFFSET_BYTES, true);
  }

  /** Offsets are unsigned and relative to where they stand. */
  #follow(position: number, what: string): number {
    this.#need(position, OFFSET_BYTES, what);
    return position + this.#view.getUint32(position, true);
  }

  #need(start: number, byteLength: number, what: string): void {
    if (start < 0 || start + byteLength > this.#view.byteLength) throw this.#malformed(what);
  }

  #spend(byteLength: number): void {
    this.#spentBytes += byteLength;
    if (this.#spentBytes <= this.#budgetBytes) return;
    throw invalidArgument(this.#texts.tooMuch(this.#budgetBytes));
  }

  #malformed(what: string): ServingError {
    return invalidArgument(this.#texts.malformed(what, this.#view.byteLength));
  }
}
