/** Compressed request messages (gRPC over HTTP/2, "Message-Encoding"). */
import zlib from 'node:zlib';
import { Code, ServingError } from '../errors.js';
import { GrpcCompression } from '../native/grpc-binding.js';
import { messageTooLong } from './grpc-method.js';

/** What the messages of a dialogue may unpack to: it is done at once, on the event loop. */
const MAX_DIALOGUE_BYTES = 1024 * 1024;

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
  return new Promise((resolve, reject) => {
    unpack(Buffer.from(message), { maxOutputLength: maxBytes }, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(explain(error, maxBytes));
    });
  });
}

function explain(error: unknown, maxBytes: number): ServingError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return messageTooLong(maxBytes);
  return new ServingError(Code.INTERNAL, `The request message cannot be decompressed: ${message}.`);
}
