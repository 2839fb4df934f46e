/** Memory for the values that do not lie in one piece of a message: it is put behind the message, as one new body. */
export class Scratch {
  readonly #message: Uint8Array;
  readonly #pieces: Uint8Array[] = [];
  #end: number;

  constructor(message: Uint8Array) {
    this.#message = message;
    this.#end = message.length;
  }

  /** Where, in the body, the next piece will start: after all that has been allocated. */
  get end(): number {
    return this.#end;
  }

  /** Memory for `byteLength` bytes, to be filled by the caller; in the body it lies at what `end` was. */
  allocate(byteLength: number): Uint8Array {
    const piece = Buffer.allocUnsafe(byteLength);
    this.#pieces.push(piece);
    this.#end += byteLength;
    return piece;
  }

  /** The message with the pieces behind it; the message itself, uncopied, if there are none. */
  body(): Uint8Array {
    return this.#pieces.length === 0 ? this.#message : Buffer.concat([this.#message, ...this.#pieces], this.#end);
  }
}
