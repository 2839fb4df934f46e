/** The warm-up file of a version (tensorflow_serving's saved_model_warmup.md): where it lies, and how it is read. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Code, failedPrecondition, invalidArgument, ServingError, toServingError } from '../errors.js';
import { frameTfRecord, readTfRecords } from '../formats/tf-record.js';
import { decodePredictionLog, type LoggedRequest } from '../request-log/prediction-log.js';

/** TensorFlow Serving's limit. */
export const MOST_RECORDS = 1000;

/** What to do about a file that keeps a version from being loaded. */
const REMEDY =
  'Record the file again with tensorgate record-warmup, remove it, or start with --enable_model_warmup=false.';

export const WARM_UP_FILE = 'tf_serving_warmup_requests';

export function warmUpFileOf(directory: string): string {
  return join(directory, 'assets.extra', WARM_UP_FILE);
}

/** Files beside it whose name only begins like its own: nobody reads them, whoever wrote them may think otherwise. */
export function misnamedWarmUpFiles(directory: string): readonly string[] {
  const folder = dirname(warmUpFileOf(directory));
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.startsWith(WARM_UP_FILE) && name !== WARM_UP_FILE);
}

export function hasWarmUpFile(directory: string): boolean {
  return existsSync(warmUpFileOf(directory));
}

export interface WarmUpRecord extends LoggedRequest {
  /** From 1 on. */
  readonly number: number;
}

/**
 * The records of the file, one after the other. Throws, with the file's name and the record's number: DATA_LOSS for a file that
 * is no TFRecord file or is cut short, INVALID_ARGUMENT for a record that does not parse and for more than MOST_RECORDS,
 * UNIMPLEMENTED for a session-run or streamed log.
 */
export async function* readWarmUpFile(path: string): AsyncGenerator<WarmUpRecord, void, void> {
  let number = 0;
  for await (const record of wholeRecords(path)) {
    number += 1;
    if (number > MOST_RECORDS) {
      throw invalidArgument(`Number of warmup records exceeds the maximum (${MOST_RECORDS}) at ${path}. ${REMEDY}`);
    }
    yield { ...parse(record, number, path), number };
  }
}

/** The error of a record that could be read and not be run. */
export function replayError(thrown: unknown, number: number, path: string): ServingError {
  const { code, message } = toServingError(thrown);
  return new ServingError(code, `Warm-up record ${number} of ${path} failed: ${endSentence(message)} ${REMEDY}`);
}

async function* wholeRecords(path: string): AsyncGenerator<Buffer, void, void> {
  try {
    yield* readTfRecords(path);
  } catch (thrown) {
    const { code, message } = toServingError(thrown);
    if (code !== Code.DATA_LOSS) throw new ServingError(code, `The warm-up file ${path} cannot be read: ${message}.`);
    throw new ServingError(code, `${message} Please verify your warmup data is in TFRecord format. ${REMEDY}`);
  }
}

function parse(record: Buffer, number: number, path: string): LoggedRequest {
  const logged = parseLog(record, number, path);
  if (logged.method !== undefined || logged.logType === 0) return logged;
  throw new ServingError(
    Code.UNIMPLEMENTED,
    `Unsupported log_type for warmup: ${logged.logType}, in record ${number} of ${path}. Only predict, classify, regress and ` +
      `multi_inference logs can be replayed. ${REMEDY}`,
  );
}

function parseLog(record: Buffer, number: number, path: string): LoggedRequest {
  try {
    return decodePredictionLog(record);
  } catch (thrown) {
    const { message } = toServingError(thrown);
    throw invalidArgument(`Failed to parse warmup record: number ${number} from ${path}. ${message} ${REMEDY}`);
  }
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Throws ALREADY_EXISTS if the file is there. */
export function checkMayWrite(path: string): void {
  if (!existsSync(path)) return;
  throw new ServingError(Code.ALREADY_EXISTS, `${path} is there already. Give --overwrite to replace it.`);
}

/**
 * Writes the PredictionLogs; whoever looks sees the file that was there before, or the whole new one. Throws
 * FAILED_PRECONDITION if it cannot be written.
 */
export async function writeWarmUpFile(path: string, logs: readonly Uint8Array[]): Promise<void> {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(aside, Buffer.concat(logs.map(frameTfRecord)), { flush: true });
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {});
    throw failedPrecondition(`${path} cannot be written: ${(error as Error).message}.`);
  }
}
