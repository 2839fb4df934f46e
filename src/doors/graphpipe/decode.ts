/**
 * GraphPipe's Request → PredictRequest (protos/graphpipe/graphpipe.fbs). Read by hand, because flatbuffers' own runtime
 * for JavaScript trusts every offset; tensors become ranges of the body, so nothing is copied here.
 */

import { invalidArgument } from '../../errors.js';
import {
  FlatbufferReader,
  type FlatbufferTexts,
  type FlatTable,
  type FlatVector,
} from '../../formats/flatbuffer-reader.js';
import { Req } from '../../gen/graphpipe/req.js';
import { Type } from '../../gen/graphpipe/type.js';
import { DataType } from '../../tensor/dtype.js';
import {
  type Cancellation,
  Encoding,
  type InputTensor,
  type ModelSpec,
  OutputFormat,
  type TensorPredictRequest,
} from '../../tensor/predict-request.js';
import { parsePriority } from '../../tensor/priority.js';
import { MAX_RANK, type Shape } from '../../tensor/shape.js';
import { parseRequestConfig, type RequestConfig } from './request-config.js';
import { toDataType } from './tensor-types.js';

/** Slots: the fields' places in the schema. */
const REQUEST = { reqType: 0, req: 1 } as const;
const INFER_REQUEST = { config: 0, inputNames: 1, inputTensors: 2, outputNames: 3 } as const;
const TENSOR = { type: 0, shape: 1, data: 2, stringVal: 3 } as const;

/** More inputs or outputs than this no signature has; each costs far more memory here than its four bytes on the wire. */
const MAX_TENSORS = 4096;

const NO_ELEMENTS: FlatVector = { start: 0, count: 0 };

/** What a request does not say itself. */
export interface DecodeContext {
  /** The model of requests that name none in `config`; empty: the only model there is. */
  readonly defaultModelName: string;
  /** Longest request, also counted with shared bytes written out. */
  readonly maxBodyBytes: number;
  /** Milliseconds since the epoch; Infinity for none. */
  readonly deadlineMillis: number;
  readonly cancellation?: Cancellation | undefined;
  /** The header x-priority; default: none. */
  readonly priority?: string;
}

const TEXTS: FlatbufferTexts = {
  malformed: (what, byteLength) =>
    `The body is not a GraphPipe request: ${what} does not lie inside its ${byteLength} bytes. ` +
    'It must be one finished flatbuffer with a Request as its root.',
  tooMuch: (budgetBytes) =>
    `The tensors and names of the request would take more than ${budgetBytes} bytes written one by one, because ` +
    'several of them share the same bytes; send fewer of them.',
};

/**
 * Decodes a request. Whatever is no InferRequest counts as a MetadataRequest, as in GraphPipe's own server.
 * Throws INVALID_ARGUMENT if the body is no Request or an input cannot be read.
 */
export function decodeRequest(body: Uint8Array, context: DecodeContext): TensorPredictRequest | 'metadata' {
  if (body.byteLength === 0) throw invalidArgument('The body is empty; POST a GraphPipe Request flatbuffer.');
  const reader = new FlatbufferReader(body, context.maxBodyBytes, TEXTS);
  const root = reader.root();
  const reqType = reader.field(root, REQUEST.reqType);
  if (reqType === undefined || reader.uint8(reqType, 'req_type') !== Req.InferRequest) return 'metadata';
  const req = reader.field(root, REQUEST.req);
  if (req === undefined)
    throw invalidArgument('The request has req_type InferRequest but no req; send the InferRequest.');
  return decodeInferRequest(reader, reader.table(req, 'req'), body, context);
}

function decodeInferRequest(
  reader: FlatbufferReader,
  table: FlatTable,
  body: Uint8Array,
  context: DecodeContext,
): TensorPredictRequest {
  const config = readConfig(reader, table);
  return {
    kind: 'tensors',
    modelSpec: toModelSpec(config, context.defaultModelName),
    signatureName: config.signature ?? '',
    inputs: readInputs(reader, table),
    outputFilter: readNames(reader, reader.field(table, INFER_REQUEST.outputNames), 'output_names'),
    outputFormat: OutputFormat.RAW,
    allowGraphTensors: true,
    body,
    deadlineMillis: context.deadlineMillis,
    cancellation: context.cancellation,
    priority: parsePriority(context.priority ?? ''),
  };
}

function readConfig(reader: FlatbufferReader, table: FlatTable): RequestConfig {
  const position = reader.field(table, INFER_REQUEST.config);
  return parseRequestConfig(position === undefined ? '' : reader.string(position, 'config'));
}

function toModelSpec({ model, version }: RequestConfig, defaultModelName: string): ModelSpec {
  const name = model || defaultModelName;
  return version === undefined ? { name } : { name, version };
}

function readInputs(reader: FlatbufferReader, table: FlatTable): InputTensor[] {
  const names = readNames(reader, reader.field(table, INFER_REQUEST.inputNames), 'input_names');
  const tensors = readOffsets(reader, reader.field(table, INFER_REQUEST.inputTensors), 'input_tensors');
  if (names.length > tensors.count) {
    throw invalidArgument(
      `The request has ${names.length} input_names but ${tensors.count} input_tensors; send a tensor for each name.`,
    );
  }
  const inputs: InputTensor[] = [];
  for (let i = 0; i < tensors.count; i++) {
    const tensor = reader.table(tensors.start + 4 * i, `input_tensors[${i}]`);
    inputs.push(readInput(reader, tensor, names[i] ?? '', i));
  }
  return inputs;
}

function readNames(reader: FlatbufferReader, position: number | undefined, what: string): string[] {
  return reader.strings(readOffsets(reader, position, what), what);
}

/** A vector of offsets, one for each input or output. */
function readOffsets(reader: FlatbufferReader, position: number | undefined, what: string): FlatVector {
  if (position === undefined) return NO_ELEMENTS;
  const vector = reader.vector(position, 4, what);
  if (vector.count <= MAX_TENSORS) return vector;
  throw invalidArgument(`The request has ${vector.count} ${what}; at most ${MAX_TENSORS} are accepted.`);
}

function readInput(reader: FlatbufferReader, tensor: FlatTable, name: string, index: number): InputTensor {
  const label = name === '' ? `input_tensors[${index}]` : `input "${name}"`;
  const dtype = readDataType(reader, tensor, label);
  const shape = readShape(reader, tensor, label);
  if (dtype === DataType.STRING) {
    const stringRanges = readStrings(reader, tensor, label);
    return { name, dtype, shape, encoding: Encoding.STRINGS, start: 0, end: 0, stringRanges, fill: false };
  }
  const { start, count } = readData(reader, tensor, label);
  return { name, dtype, shape, encoding: Encoding.RAW, start, end: start + count, fill: false };
}

function readDataType(reader: FlatbufferReader, tensor: FlatTable, label: string): DataType {
  const position = reader.field(tensor, TENSOR.type);
  const type = position === undefined ? Type.Null : reader.uint8(position, `the type of ${label}`);
  const dtype = toDataType(type);
  if (dtype !== undefined) return dtype;
  const given = type === Type.Null ? 'no type (Null)' : `the unknown type ${type}`;
  throw invalidArgument(`The tensor of ${label} has ${given}; set one of GraphPipe's types, 1 (Uint8) to 12 (String).`);
}

function readShape(reader: FlatbufferReader, tensor: FlatTable, label: string): Shape {
  const position = reader.field(tensor, TENSOR.shape);
  if (position === undefined) return [];
  const what = `the shape of ${label}`;
  const { start, count } = reader.vector(position, 8, what);
  if (count > MAX_RANK)
    throw invalidArgument(`The tensor of ${label} has ${count} dimensions; at most ${MAX_RANK} are possible.`);
  const shape: number[] = [];
  for (let axis = 0; axis < count; axis++) {
    const dim = reader.int64(start + 8 * axis, what);
    if (dim < 0 || dim > Number.MAX_SAFE_INTEGER) {
      throw invalidArgument(`Dimension ${axis} of ${label} is ${dim}; it must lie between 0 and 2^53-1.`);
    }
    shape.push(dim);
  }
  return shape;
}

function readData(reader: FlatbufferReader, tensor: FlatTable, label: string): FlatVector {
  if (reader.field(tensor, TENSOR.stringVal) !== undefined) {
    throw invalidArgument(`The tensor of ${label} has string_val but its type is not String; send its values as data.`);
  }
  const position = reader.field(tensor, TENSOR.data);
  return position === undefined ? NO_ELEMENTS : reader.vector(position, 1, `the data of ${label}`);
}

function readStrings(reader: FlatbufferReader, tensor: FlatTable, label: string): ArrayLike<number> {
  if (reader.field(tensor, TENSOR.data) !== undefined) {
    throw invalidArgument(`The tensor of ${label} has data but its type is String; send its elements as string_val.`);
  }
  const position = reader.field(tensor, TENSOR.stringVal);
  const what = `the string_val of ${label}`;
  const strings = position === undefined ? NO_ELEMENTS : reader.vector(position, 4, what);
  return reader.stringRanges(strings, what);
}
