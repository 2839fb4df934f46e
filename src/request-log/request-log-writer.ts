/**
 * The thread that writes request logs: checksums and files cost the event loop nothing. It is told what to write by
 * request-log.ts and answers each record with its outcome.
 */
import { parentPort } from 'node:worker_threads';
import { frameTfRecord } from '../formats/tf-record.js';
import { encodePredictionLog, type LoggedCall } from './prediction-log.js';
import { RequestLogFile } from './request-log-file.js';

/** One sampled request; an empty message closes all files and ends the thread. */
export interface RecordMessage extends LoggedCall {
  /** Which log: its number is given back with the outcome. */
  readonly log: number;
  readonly prefix: string;
  readonly maxFileBytes: number;
}

export interface OutcomeMessage {
  readonly log: number;
  /** Of request and response together. */
  readonly bytes: number;
  /** The file system's error; undefined: written. */
  readonly error?: { readonly code: string; readonly message: string };
}

const files = new Map<string, RequestLogFile>();

function write(message: RecordMessage): OutcomeMessage {
  const { log, prefix, maxFileBytes, request, response } = message;
  const outcome = { log, bytes: request.length + response.length };
  const file = files.get(prefix) ?? new RequestLogFile({ prefix, maxFileBytes });
  files.set(prefix, file);
  try {
    file.append(frameTfRecord(encodePredictionLog(message)));
    return outcome;
  } catch (error) {
    const { code = 'UNKNOWN', message: text } = error as NodeJS.ErrnoException;
    return { ...outcome, error: { code, message: text } };
  }
}

parentPort?.on('message', (message: RecordMessage | undefined) => {
  if (message !== undefined) {
    parentPort?.postMessage(write(message));
    return;
  }
  for (const file of files.values()) file.close();
  parentPort?.close();
});
