/** Files with one message that may be written either way: `.json` in protobuf's JSON mapping, any other as a text proto. */
import { extname } from 'node:path';
import { invalidArgument, toServingError } from '../errors.js';
import { log } from '../log.js';
import { parseProtoJson } from './proto-json.js';
import type { MessageType } from './protobuf.js';
import { readTextFile, readTextProtoFile } from './text-proto.js';

/**
 * Rejects, and logs, as readTextProtoFile() does: INVALID_ARGUMENT with the path and the place or field, NOT_FOUND for a file
 * that cannot be read.
 */
export async function readMessageFile<T extends object>(type: MessageType<T>, path: string): Promise<T> {
  return extname(path).toLowerCase() === '.json' ? readJsonFile(type, path) : readTextProtoFile(type, path);
}

async function readJsonFile<T extends object>(type: MessageType<T>, path: string): Promise<T> {
  const text = await readTextFile(path);
  try {
    return parseProtoJson(type, text);
  } catch (error) {
    const refused = invalidArgument(`Invalid protobuf file: '${path}'. ${toServingError(error).message}`);
    log.error(refused.message);
    throw refused;
  }
}
