/**
 * Packed request bodies (HTTP's Content-Encoding, gRPC's Message-Encoding), unpacked on zlib's threads piece by piece. What
 * they become is counted against the memory of requests' tensors before it exists, and a body that becomes too many times its
 * own length is refused as soon as that is known: a few bytes may be made to unpack to any number.
 */
import { createGunzip, createInflate } from 'node:zlib';
import { Code, ServingError } from '../errors.js';
import { BodyTooLargeError } from './body-too-large.js';

/** The memory that all requests share. */
export interface MemoryBudget {
  /** False, having taken nothing, if so many bytes are not left. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
}

export interface UnpackerOptions {
  /** Default: no limit. */
  readonly budget?: MemoryBudget;
  /** How many times its own length a body may become beyond the first MiB; default 200; 0: any. */
  readonly maxRatio?: number;
}

export interface UnpackOptions {
  /** `deflate` is zlib's format (RFC 1950). */
  readonly packing: 'gzip' | 'deflate';
  /** The longest result. */
  readonly maxBytes: number;
  /** What to reject with beyond it. */
  readonly tooLong: () => Error;
  /** What to reject with where the bytes are not what `packing` says. */
  readonly malformed: (reason: string) => Error;
}

/** Release it when the bytes have been read: until then its memory counts. A second time does nothing. */
export interface UnpackedBody {
  readonly bytes: Uint8Array;
  release(): void;
}

export const DEFAULT_MAX_RATIO = 200;
/** Where the ratio does not count yet. */
const MIN_LIMITED_BYTES = 2 ** 20;
/** How far a length that a body says of itself is believed. */
const MAX_FORESEEN_BYTES = 64 * 2 ** 20;
const MIN_CAPACITY_BYTES = 1024;
/** What zlib unpacks at a time; each piece is a turn of the event loop, which copies it. */
const MAX_PIECE_BYTES = 256 * 1024;

const UNLIMITED: MemoryBudget = { reserve: () => true, release: () => {} };
const UNPACK = { gzip: createGunzip, deflate: createInflate } as const;

export class Unpacker {
  readonly #budget: MemoryBudget;
  readonly #maxRatio: number;

  constructor({ budget = UNLIMITED, maxRatio = DEFAULT_MAX_RATIO }: UnpackerOptions = {}) {
    this.#budget = budget;
    this.#maxRatio = maxRatio;
  }

  /**
   * Copies `body` before it returns its promise. Rejects with RESOURCE_EXHAUSTED for a body that becomes too many times its
   * length (BodyTooLargeError) or where memory is short, else as the options say.
   */
  async unpack(body: Uint8Array, options: UnpackOptions): Promise<UnpackedBody> {
    if (body.byteLength === 0) throw options.malformed('it is empty'); // a stream would take that as the end
    const packed = Buffer.from(body);
    const growing = new GrowingBody(this.#budget, (length) => this.#check(length, packed.byteLength, options));
    try {
      const capacity = Math.min(foreseenBytes(packed, options), this.#most(packed.byteLength));
      growing.foresee(capacity);
      const pieceBytes = Math.min(Math.max(capacity, MIN_CAPACITY_BYTES), MAX_PIECE_BYTES);
      await pump(packed, options, pieceBytes, growing);
      return growing;
    } catch (error) {
      growing.release();
      throw error;
    }
  }

  #most(packedBytes: number): number {
    return this.#maxRatio > 0 ? Math.max(MIN_LIMITED_BYTES, this.#maxRatio * packedBytes) : Number.POSITIVE_INFINITY;
  }

  #check(length: number, packedBytes: number, { maxBytes, tooLong }: UnpackOptions): void {
    if (length > maxBytes) throw tooLong();
    if (length <= this.#most(packedBytes)) return;
    throw new BodyTooLargeError(
      `The request body unpacks to more than ${this.#maxRatio} times its ${packedBytes} bytes; send it unpacked, or start ` +
        'the server with a larger --max_unpack_ratio.',
    );
  }
}

/** gzip says its length, modulo 2^32, in its last four bytes (RFC 1952); for zlib's format it is a guess. */
function foreseenBytes(packed: Buffer, { packing, maxBytes }: UnpackOptions): number {
  const said = packing === 'gzip' && packed.byteLength >= 4 ? packed.readUInt32LE(packed.byteLength - 4) : undefined;
  return Math.min(said ?? 4 * packed.byteLength, maxBytes, MAX_FORESEEN_BYTES);
}

function pump(packed: Buffer, options: UnpackOptions, chunkSize: number, target: GrowingBody): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = UNPACK[options.packing]({ chunkSize });
    const fail = (error: unknown) => {
      reject(error);
      stream.destroy();
    };
    stream.on('data', (piece: Buffer) => {
      try {
        target.append(piece);
      } catch (error) {
        fail(error);
      }
    });
    stream.on('error', (error) => fail(options.malformed(error.message)));
    stream.on('end', resolve);
    stream.end(packed);
  });
}

/** Bytes that become more, all of them reserved before they exist. */
class GrowingBody implements UnpackedBody {
  readonly #budget: MemoryBudget;
  readonly #check: (length: number) => void;
  #buffer = Buffer.alloc(0);
  #length = 0;

  /** `check` throws for a length that is too much. */
  constructor(budget: MemoryBudget, check: (length: number) => void) {
    this.#budget = budget;
    this.#check = check;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Makes room for a body that is expected to have so many bytes. */
  foresee(capacity: number): void {
    this.#grow(Math.max(capacity, MIN_CAPACITY_BYTES));
  }

  append(piece: Buffer): void {
    const end = this.#length + piece.byteLength;
    this.#check(end);
    if (end > this.#buffer.byteLength) this.#grow(Math.max(end, 2 * this.#buffer.byteLength));
    piece.copy(this.#buffer, this.#length);
    this.#length = end;
  }

  release(): void {
    this.#budget.release(this.#buffer.byteLength);
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
  }

  #grow(capacity: number): void {
    if (!this.#budget.reserve(capacity)) throw noMemory();
    const before = this.#buffer;
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
    before.copy(this.#buffer, 0, 0, this.#length);
    this.#budget.release(before.byteLength);
  }
}

function noMemory(): ServingError {
  return new ServingError(
    Code.RESOURCE_EXHAUSTED,
    'There is not enough memory to unpack the request. Send less at a time, or try again when fewer requests are in flight.',
  );
}
