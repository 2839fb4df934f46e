/** Compressed request messages (gRPC over HTTP/2, "Message-Encoding"). */
import zlib from 'node:zlib';
import { Code, ServingError } from '../errors.js';
import { GrpcCompression } from '../native/grpc-binding.js';
import { messageTooLong } from './grpc-method.js';

/** What the messages of a dialogue may unpack to: it is done at once, on the event loop, and they may be many. */
const MAX_DIALOGUE_BYTES = 64 * 1024;
/** How many messages are unpacked at once: a few bytes may become as many as a message can have. */
const MAX_AT_ONCE = 4;

let unpacking = 0;
const waiting: (() => void)[] = [];

/** Throws as decompressSoon() rejects. */
export function decompress(compression: number, message: Uint8Array): Uint8Array {
  const unpack = compression === GrpcCompression.GZIP ? zlib.gunzipSync : zlib.inflateSync;
  try {
    return unpack(message, { maxOutputLength: MAX_DIALOGUE_BYTES });
  } catch (error) {
    throw explain(error, MAX_DIALOGUE_BYTES);
  }
}

/**
 * Copies the message and unpacks it off the event loop. Rejects with RESOURCE_EXHAUSTED if it becomes longer than
 * `maxBytes`, with INTERNAL (as gRPC has it) if it is not what its header says.
 */
export function decompressSoon(compression: number, message: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const unpack = compression === GrpcCompression.GZIP ? zlib.gunzip : zlib.inflate;
  const packed = Buffer.from(message);
  return new Promise((resolve, reject) => {
    waiting.push(() => {
      unpack(packed, { maxOutputLength: maxBytes }, (error, bytes) => {
        unpacking--;
        unpackNext();
        if (error === null) resolve(bytes);
        else reject(explain(error, maxBytes));
      });
    });
    unpackNext();
  });
}

function unpackNext(): void {
  if (unpacking >= MAX_AT_ONCE) return;
  const start = waiting.shift();
  if (start === undefined) return;
  unpacking++;
  start();
}

function explain(error: unknown, maxBytes: number): ServingError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return messageTooLong(maxBytes);
  return new ServingError(Code.INTERNAL, `The request message cannot be decompressed: ${message}.`);
}
