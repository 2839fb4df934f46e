/** Compressed request messages (gRPC over HTTP/2, "Message-Encoding"). */
import zlib from 'node:zlib';
import { Code, ServingError } from '../errors.js';
import { GrpcCompression } from '../native/grpc-binding.js';
import type { UnpackedBody, Unpacker } from '../ports/unpacker.js';
import { messageTooLong } from './grpc-method.js';

/** What the messages of a dialogue may unpack to: it is done at once, on the event loop, and they may be many. */
const MAX_DIALOGUE_BYTES = 64 * 1024;

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
 * Copies the message and unpacks it off the event loop. Rejects with RESOURCE_EXHAUSTED if it becomes longer than `maxBytes`, or
 * as Unpacker.unpack() does, and with INTERNAL (as gRPC has it) if it is not what its header says.
 */
export function decompressSoon(
  unpacker: Unpacker,
  compression: number,
  message: Uint8Array,
  maxBytes: number,
): Promise<UnpackedBody> {
  const packing = compression === GrpcCompression.GZIP ? 'gzip' : 'deflate';
  return unpacker.unpack(message, { packing, maxBytes, tooLong: () => messageTooLong(maxBytes), malformed });
}

function explain(error: unknown, maxBytes: number): ServingError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return messageTooLong(maxBytes);
  return malformed(message);
}

function malformed(reason: string): ServingError {
  return new ServingError(Code.INTERNAL, `The request message cannot be decompressed: ${reason}.`);
}
