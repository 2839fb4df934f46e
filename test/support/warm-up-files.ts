import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { frameTfRecord } from '../../src/formats/tf-record.js';
import { encodeRequestLog, type LoggedMethod } from '../../src/request-log/prediction-log.js';
import { warmUpFileOf } from '../../src/warmup/warm-up-file.js';

/** Writes the warm-up file of the version in `directory`: these requests, as they go over gRPC. Returns its path. */
export function writeWarmUpRequests(
  directory: string,
  requests: readonly (readonly [LoggedMethod, Uint8Array])[],
): string {
  const path = warmUpFileOf(directory);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    Buffer.concat(requests.map(([method, request]) => frameTfRecord(encodeRequestLog(method, request)))),
  );
  return path;
}
