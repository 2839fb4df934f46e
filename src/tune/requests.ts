/** What the servers are asked: documents of a JSON file as they stand, or ones in the shapes that a signature declares. */
import { readFile } from 'node:fs/promises';
import { invalidArgument, notFound, toServingError } from '../errors.js';
import { readSavedModel } from '../servables/saved-model-file.js';
import { DEFAULT_SIGNATURE, isSendable, type SignatureInfo } from '../servables/signature-info.js';
import { DataType, dataTypeName } from '../tensor/dtype.js';
import type { InputTensor } from '../tensor/predict-request.js';
import type { Shape } from '../tensor/shape.js';
import { documentsIn, readJsonRequests } from '../warmup/json-requests.js';
import { syntheticRequest } from '../warmup/synthetic-requests.js';
import type { LoadRequest } from './load.js';

/** Under which the servers have the model. */
export const MODEL_NAME = 'model';

export interface TuneRequests {
  readonly requests: readonly LoadRequest[];
  /** For people: where they are from. */
  readonly origin: string;
  /** The signature that they have been made up for; undefined if they were given. */
  readonly madeUpFor?: string;
}

/** Of the meta graph that is for serving, else of the first one. */
export function servedSignatures(directory: string): readonly SignatureInfo[] {
  const metaGraphs = readSavedModel(directory);
  return (metaGraphs.find(({ tags }) => tags.includes('serve')) ?? metaGraphs[0])?.signatures ?? [];
}

/** Throws NOT_FOUND or INVALID_ARGUMENT for a file that cannot be read or does not fit the signatures. */
export async function requestsFrom(path: string, signatures: readonly SignatureInfo[]): Promise<TuneRequests> {
  const text = await readFile(path).catch((error: Error) => {
    throw notFound(`--requests=${path} cannot be read: ${error.message}.`);
  });
  try {
    const methods = [...readJsonRequests(text, signatures, MODEL_NAME)].map(({ method }) => method.toLowerCase());
    if (methods.length === 0) throw invalidArgument('There is no request in it.');
    const requests = [...documentsIn(text)].map((body, i) => ({ path: pathOf(methods[i] as string), body }));
    return { requests, origin: `${requests.length} from ${path}` };
  } catch (thrown) {
    throw invalidArgument(`--requests=${path} cannot be used. ${toServingError(thrown).message}`);
  }
}

/** A row of ones for the default signature, or for the first one if there is no such. */
export function madeUpRequest(signatures: readonly SignatureInfo[]): TuneRequests {
  const offered = signatures.filter(({ isInternal }) => !isInternal);
  const signature = offered.find(({ name }) => name === DEFAULT_SIGNATURE) ?? offered[0];
  if (signature === undefined) throw invalidArgument('The model has no signature that could be asked.');
  checkOutputs(signature);
  const made = syntheticRequest(signature, 1);
  if ('reason' in made) throw cannotBeMade(signature, made.reason);
  const inputs = made.inputs.map(
    (input) => `${JSON.stringify(input.name)}: ${nested(input.shape, oneOf(signature, input))}`,
  );
  const body = `{"signature_name": ${JSON.stringify(signature.name)}, "inputs": {${inputs.join(', ')}}}`;
  const shapes = made.inputs.map(({ name, dtype, shape }) => `${name} ${dataTypeName(dtype)} [${shape.join(',')}]`);
  const origin = `one of ones for signature ${signature.name}: ${shapes.join(', ')}`;
  return { requests: [{ path: pathOf('predict'), body: Buffer.from(body) }], origin, madeUpFor: signature.name };
}

function pathOf(method: string): string {
  return `/v1/models/${MODEL_NAME}:${method}`;
}

// Those of the REST door.
const FLOATS: ReadonlySet<DataType> = new Set([DataType.FLOAT, DataType.DOUBLE]);
const INTEGERS: ReadonlySet<DataType> = new Set([
  DataType.INT8,
  DataType.INT16,
  DataType.INT32,
  DataType.INT64,
  DataType.UINT8,
  DataType.UINT32,
  DataType.UINT64,
]);

function oneOf(signature: SignatureInfo, { name, dtype }: InputTensor): string {
  if (FLOATS.has(dtype)) return '1.0';
  if (INTEGERS.has(dtype)) return '1';
  if (dtype === DataType.BOOL) return 'true';
  if (dtype === DataType.STRING) return '""';
  const reason = `over REST, which is how tune asks, JSON has no ${dataTypeName(dtype)}, the type of its input '${name}'`;
  throw cannotBeMade(signature, reason, ' for another one');
}

/** REST asks for all outputs. */
function checkOutputs(signature: SignatureInfo): void {
  const kept = signature.outputs.find((output) => !isSendable(output));
  if (kept === undefined) return;
  const what = `its output '${kept.alias}', which cannot be sent`;
  throw cannotBeMade(
    signature,
    `over REST, which is how tune asks, there is no leaving out ${what}`,
    ' for another one',
  );
}

function cannotBeMade({ name }: SignatureInfo, reason: string, others = '') {
  const remedy = `Give some${others} with --requests=FILE.`;
  return invalidArgument(`No request can be made up for signature ${name}: ${reason}. ${remedy}`);
}

/** The same value in each place of a tensor, as JSON. */
function nested(shape: Shape, value: string): string {
  return shape.reduceRight((inner, size) => `[${Array(size).fill(inner).join(',')}]`, value);
}
