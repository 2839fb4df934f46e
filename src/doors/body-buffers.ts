/** A buffer larger than this is not kept; a body of that size costs more elsewhere. */
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
/** All idle buffers together. */
const MAX_IDLE_BYTES = 32 * 1024 * 1024;

/**
 * Memory for request bodies that arrive in pieces, used again and again: fresh memory of that size costs a page fault for
 * each 4 KiB, and V8 a full collection after a few dozen of them. Sizes are powers of two, so that few are kept in vain.
 */
export class BodyBuffers {
  readonly #idle = new Map<number, Buffer[]>();
  #idleBytes = 0;

  /** At least so many bytes, with anything in them. */
  take(byteLength: number): Buffer {
    if (byteLength > MAX_BUFFER_BYTES) return Buffer.allocUnsafeSlow(byteLength);
    const size = 2 ** Math.ceil(Math.log2(Math.max(byteLength, 1)));
    const buffer = this.#idle.get(size)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.#idleBytes -= size;
    return buffer;
  }

  /** Takes back what take() gave; its user must not touch it any more. */
  give(buffer: Buffer): void {
    const size = buffer.byteLength;
    if (size > MAX_BUFFER_BYTES || this.#idleBytes + size > MAX_IDLE_BYTES) return;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [buffer]);
    else idle.push(buffer);
    this.#idleBytes += size;
  }
}
