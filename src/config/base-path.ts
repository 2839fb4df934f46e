import { invalidArgument } from '../errors.js';

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;

/**
 * The folder that a base path names: itself, or what follows `file://`, as TensorFlow's file systems have it. Throws
 * INVALID_ARGUMENT for any other URI.
 */
export function toLocalFolder(model: string, path: string): string {
  const scheme = SCHEME.exec(path)?.[1];
  if (scheme === undefined) return path;
  if (scheme.toLowerCase() === 'file') return path.slice('file://'.length);
  throw invalidArgument(
    `The base path of model ${model} is ${path}, but this server reads models from the local file system only. Copy the ` +
      'model there before the start, with an init container or a sidecar for example, and give that folder.',
  );
}
