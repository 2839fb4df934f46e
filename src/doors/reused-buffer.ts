/** A reply larger than this gets memory of its own, so that one large reply does not pin that much for good. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/** Memory that is written anew for every reply. What it held before is still in it: its user must write every byte. */
export class ReusedBuffer {
  #kept: Buffer = Buffer.alloc(0);

  /** Exactly `byteLength` bytes, valid until the next call. */
  take(byteLength: number): Buffer {
    if (byteLength > MAX_KEPT_BYTES) return Buffer.allocUnsafeSlow(byteLength);
    if (byteLength > this.#kept.byteLength) this.#kept = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(byteLength)));
    return this.#kept.subarray(0, byteLength);
  }
}
