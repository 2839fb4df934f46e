/** A predict request's JSON as a request for our servable, and its outputs as JSON. */
import type { SignatureInfo } from '../../../src/servables/signature-info.js';
import {
  Encoding,
  type InputTensor,
  OutputFormat,
  type Outputs,
  type TensorPredictRequest,
} from '../../../src/tensor/predict-request.js';
import { SERVING_SIGNATURE } from '../../serving-signature.js';
import { arrayTypeOf, flatten, nest } from './nested.js';

/** Rows or columns; with one input its values alone, else an object by input name. */
export interface PredictBody {
  readonly instances?: readonly unknown[];
  readonly inputs?: unknown;
}

interface FlatInput {
  readonly place: Omit<InputTensor, 'start' | 'end'>;
  readonly bytes: Uint8Array;
}

/** Throws an Error for bodies and dtypes that this server does not know. */
export function createRequest(signatures: readonly SignatureInfo[], body: PredictBody): TensorPredictRequest {
  const signature = signatures.find(({ name }) => name === SERVING_SIGNATURE);
  if (signature === undefined) throw new Error(`The model has no signature ${SERVING_SIGNATURE}.`);
  const columns = columnsOf(signature, body);
  const flat = signature.inputs.map(({ alias, dtype }): FlatInput => {
    const { shape, values } = flatten(columns[alias], arrayTypeOf(dtype));
    const place = { name: alias, dtype, shape, encoding: Encoding.RAW, fill: false };
    return { place, bytes: new Uint8Array(values.buffer) };
  });
  return {
    kind: 'tensors',
    modelSpec: { name: '' },
    signatureName: '',
    deadlineMillis: Number.POSITIVE_INFINITY,
    outputFilter: [],
    outputFormat: OutputFormat.RAW,
    ...placeOneAfterAnother(flat),
  };
}

function columnsOf({ inputs }: SignatureInfo, body: PredictBody): Readonly<Record<string, unknown>> {
  const [first] = inputs;
  const values = body.instances ?? body.inputs;
  const sample: unknown = body.instances === undefined ? body.inputs : body.instances[0];
  if (first === undefined || values === undefined) throw new Error('The body needs "instances" or "inputs".');
  if (typeof sample !== 'object' || sample === null || Array.isArray(sample)) return { [first.alias]: values };
  if (body.instances === undefined) return sample as Record<string, unknown>;
  const rows = body.instances as readonly Record<string, unknown>[];
  return Object.fromEntries(inputs.map(({ alias }) => [alias, rows.map((row) => row[alias])]));
}

function placeOneAfterAnother(flat: readonly FlatInput[]): { inputs: InputTensor[]; body: Uint8Array } {
  let end = 0;
  const inputs = flat.map(({ place, bytes }) => {
    const start = end;
    end += bytes.byteLength;
    return { ...place, start, end };
  });
  const [only] = flat;
  const body = flat.length === 1 && only !== undefined ? only.bytes : Buffer.concat(flat.map(({ bytes }) => bytes));
  return { inputs, body };
}

/** The reply's text: rows for rows, columns for columns. */
export function encodeReply(outputs: Outputs, body: PredictBody): string {
  const columns = Object.fromEntries(
    Array.from({ length: outputs.count }, (_, i) => [outputs.alias(i), column(outputs, i)]),
  );
  const [only] = Object.values(columns);
  const alone = outputs.count === 1 ? only : columns;
  if (body.instances === undefined) return JSON.stringify({ outputs: alone });
  return JSON.stringify({ predictions: outputs.count === 1 ? only : rowsOf(columns) });
}

function column(outputs: Outputs, index: number): unknown {
  const bytes = new Uint8Array(outputs.byteLength(index));
  outputs.copyTo(index, bytes, 0);
  const shape = Array.from({ length: outputs.rank(index) }, (_, axis) => outputs.dim(index, axis));
  const values = new (arrayTypeOf(outputs.dtype(index)))(bytes.buffer);
  return nest(values instanceof BigInt64Array ? Array.from(values, Number) : Array.from(values), shape);
}

function rowsOf(columns: Readonly<Record<string, unknown>>): unknown[] {
  const entries = Object.entries(columns) as [string, unknown[]][];
  const rows = entries[0]?.[1].length ?? 0;
  return Array.from({ length: rows }, (_, row) => Object.fromEntries(entries.map(([name, of]) => [name, of[row]])));
}
