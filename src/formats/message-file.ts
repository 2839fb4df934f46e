/** Files with one message that may be written either way: `.json` in protobuf's JSON mapping, any other as a text proto. */
import { extname } from 'node:path';
import { parseProtoJson } from './proto-json.js';
import type { MessageType } from './protobuf.js';
import { readParsedFile, readTextProtoFile } from './text-proto.js';

/**
 * Rejects, and logs, as readTextProtoFile() does: INVALID_ARGUMENT with the path and the place or field, NOT_FOUND for a file
 * that cannot be read.
 */
export async function readMessageFile<T extends object>(type: MessageType<T>, path: string): Promise<T> {
  return extname(path).toLowerCase() === '.json'
    ? readParsedFile(path, (text) => parseProtoJson(type, text))
    : readTextProtoFile(type, path);
}
