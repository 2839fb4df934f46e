/**
 * `tensorgate record-warmup DIR`: writes the warm-up file of a SavedModel, from requests in JSON or from request logs. Reads
 * the model's signatures without TensorFlow; talks to no server.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { invalidArgument, notFound } from '../errors.js';
import { encodeRequestLog } from '../request-log/prediction-log.js';
import { readSavedModel } from '../servables/saved-model-file.js';
import { findSavedModelFolder } from '../servables/saved-model-folder.js';
import { DEFAULT_SIGNATURE, type SignatureInfo } from '../servables/signature-info.js';
import { readJsonRequests } from './json-requests.js';
import { readLoggedRequests } from './logged-requests.js';
import type { MethodRequest } from './request-messages.js';
import { checkMayWrite, MOST_RECORDS, warmUpFileOf, writeWarmUpFile } from './warm-up-file.js';

export const RECORD_WARMUP_USAGE = `Usage: tensorgate record-warmup DIR (--from_json=FILE | --from_log=FILE ...) [flags]

Writes assets.extra/tf_serving_warmup_requests of the SavedModel in DIR, or of the highest version in it.

  --from_json=FILE     requests as REST has them, one document a line or a list of them:
                       {"signature_name": "…", "instances": […]} or "inputs" for predict,
                       {"method": "classify" or "regress", "examples": [{…}, …]} for those
  --from_log=FILE      a request log (logging_config in the model config file), as often as there are files:
                       the first request of each kind, which is its method, signature, dtypes and shapes
  --model_name=NAME    of a log that several models share, the requests of this one only
  --max_records=N      most requests to keep, default and limit 1000
  --overwrite          replace the file if it is there
`;

interface RecordOptions {
  readonly directory: string;
  readonly json: string | undefined;
  readonly logs: readonly string[];
  readonly modelName: string | undefined;
  readonly maxRecords: number;
  readonly overwrite: boolean;
}

/** Resolves with what to print. Throws INVALID_ARGUMENT for arguments and requests that do not fit, ALREADY_EXISTS. */
export async function recordWarmUp(args: readonly string[]): Promise<string> {
  if (args.length === 0 || args.includes('--help')) return RECORD_WARMUP_USAGE;
  const options = readArguments(args);
  const directory = await findSavedModelFolder(options.directory);
  const signatures = signaturesOf(directory);
  const path = warmUpFileOf(directory);
  if (!options.overwrite) checkMayWrite(path);
  const { requests, note } =
    options.json === undefined
      ? await fromLogs(options, signatures)
      : { requests: await fromJson(options.json, options, signatures), note: '' };
  if (requests.length === 0) throw invalidArgument(`There is no request for the model in ${directory}.${note}`);
  await writeWarmUpFile(
    path,
    requests.map(({ method, request }) => encodeRequestLog(method, request)),
  );
  const count = requests.length === 1 ? '1 request is' : `${requests.length} requests are`;
  return `${count} in ${path}.${note}\n`;
}

function readArguments(args: readonly string[]): RecordOptions {
  const { values, positionals } = parse(args);
  const [directory, ...rest] = positionals;
  const { from_json: json, from_log: logs = [], model_name: modelName, overwrite = false } = values;
  if (directory === undefined || rest.length > 0 || (json === undefined) === (logs.length === 0)) {
    throw invalidArgument(`One folder and one of --from_json and --from_log are needed.\n${RECORD_WARMUP_USAGE}`);
  }
  const maxRecords = Number(values.max_records ?? MOST_RECORDS);
  if (!Number.isInteger(maxRecords) || maxRecords < 1 || maxRecords > MOST_RECORDS)
    throw invalidArgument(`--max_records must be a whole number from 1 to ${MOST_RECORDS}.`);
  return { directory, json, logs, modelName, maxRecords, overwrite };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        from_json: { type: 'string' },
        from_log: { type: 'string', multiple: true },
        model_name: { type: 'string' },
        max_records: { type: 'string' },
        overwrite: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw invalidArgument(`${(error as Error).message}\n${RECORD_WARMUP_USAGE}`);
  }
}

/** Of the meta graph that is for serving, else of the first one. */
function signaturesOf(directory: string): readonly SignatureInfo[] {
  const metaGraphs = readSavedModel(directory);
  return (metaGraphs.find(({ tags }) => tags.includes('serve')) ?? metaGraphs[0])?.signatures ?? [];
}

async function fromJson(
  path: string,
  { maxRecords, modelName = '' }: RecordOptions,
  signatures: readonly SignatureInfo[],
): Promise<MethodRequest[]> {
  const requests = [...readJsonRequests(await readWhole(path), signatures, modelName)];
  if (requests.length <= maxRecords) return requests;
  throw invalidArgument(
    `${path} has ${requests.length} requests, but no more than ${maxRecords} are kept. Take some out.`,
  );
}

async function readWhole(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw notFound(`--from_json=${path} cannot be read: ${(error as Error).message}.`);
  }
}

async function fromLogs(
  { logs, modelName, maxRecords }: RecordOptions,
  signatures: readonly SignatureInfo[],
): Promise<{ requests: MethodRequest[]; note: string }> {
  const names = new Set(signatures.filter(({ isInternal }) => !isInternal).map(({ name }) => name));
  const kinds = new Map<string, MethodRequest>();
  let read = 0;
  let others = 0;
  for await (const logged of readLoggedRequests(logs)) {
    read += 1;
    const isOurs = modelName === undefined || logged.modelName === modelName;
    if (!isOurs || !logged.signatureNames.every((name) => names.has(name || DEFAULT_SIGNATURE))) others += 1;
    else if (!kinds.has(logged.kind)) kinds.set(logged.kind, logged);
  }
  const requests = [...kinds.values()].slice(0, maxRecords);
  const left = kinds.size - requests.length;
  const note =
    ` Of ${read} logged requests ${others} are for other models or signatures.` +
    (left > 0 ? ` ${left} more kinds of request than --max_records allows were left out.` : '');
  return { requests, note };
}
