/** Request bodies that arrive in pieces: one buffer each, and never more memory than the client has earned by sending. */
import { bodyTooLarge } from '../ports/body-too-large.js';
import { BodyBuffers } from './body-buffers.js';

/** A Content-Length up to this is believed before the bytes come: untouched pages of so large a buffer cost nothing. */
const MAX_PREALLOCATED_BYTES = 64 * 1024 * 1024;

/** First buffer for a body of unknown length: what one read of the socket may bring. */
const FIRST_CHUNKED_BYTES = 512 * 1024;

/**
 * The value of a Content-Length header in bytes; undefined if there is none, or none that is a number (uWebSockets
 * itself answers those with 400 before any of the body is delivered).
 */
export function parseContentLength(header: string): number | undefined {
  return /^\d+$/.test(header) ? Number(header) : undefined;
}

/** Of all doors: they share one thread. */
const buffers = new BodyBuffers();

/** Puts the chunks of one body together. Its memory is lent: release() it, exactly once, when the body has been read. */
export class BodyCollector {
  readonly #expectedBytes: number | undefined;
  readonly #maxBytes: number;
  #buffer: Buffer | undefined;
  #length = 0;

  /** `expectedBytes`: the Content-Length, undefined for a chunked body. */
  constructor(expectedBytes: number | undefined, maxBytes: number) {
    this.#expectedBytes = expectedBytes;
    this.#maxBytes = maxBytes;
  }

  /** Copies the chunk to the end of the body. Throws BodyTooLargeError, having copied nothing, if it passes the limit. */
  append(chunk: Uint8Array): void {
    const end = this.#length + chunk.byteLength;
    if (end > this.#maxBytes) throw bodyTooLarge(this.#maxBytes);
    const buffer = this.#roomFor(end);
    buffer.set(chunk, this.#length);
    this.#length = end;
  }

  /** The body so far: a view, not a copy; good until release(). */
  body(): Uint8Array {
    return this.#buffer?.subarray(0, this.#length) ?? new Uint8Array(0);
  }

  release(): void {
    if (this.#buffer !== undefined) buffers.give(this.#buffer);
    this.#buffer = undefined;
    this.#length = 0;
  }

  #roomFor(needed: number): Buffer {
    const before = this.#buffer;
    if (before !== undefined && needed <= before.byteLength) return before;
    const larger = buffers.take(this.#nextCapacity(needed));
    larger.set(this.body());
    if (before !== undefined) buffers.give(before);
    this.#buffer = larger;
    return larger;
  }

  #nextCapacity(needed: number): number {
    const first = Math.min(this.#expectedBytes ?? FIRST_CHUNKED_BYTES, MAX_PREALLOCATED_BYTES);
    const most = Math.min(this.#expectedBytes ?? this.#maxBytes, this.#maxBytes);
    return Math.max(needed, Math.min(most, Math.max(first, 2 * (this.#buffer?.byteLength ?? 0))));
  }
}
