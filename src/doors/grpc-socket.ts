/** The Unix socket of --grpc_socket_path. */
import { lstatSync, unlinkSync } from 'node:fs';
import { Code, ServingError } from '../errors.js';

/**
 * Makes way for a socket at `path`: one that is there is removed, as gRPC does, so that a server can take over from one that
 * left its file behind. Throws UNAVAILABLE if something else is there.
 */
export function takeOverSocket(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw noSocket(path);
  unlinkSync(path);
}

function noSocket(path: string): ServingError {
  return new ServingError(
    Code.UNAVAILABLE,
    `The gRPC door cannot listen at ${path}: there is a file or folder that is no socket. Choose another ` +
      '--grpc_socket_path, or remove it.',
  );
}
