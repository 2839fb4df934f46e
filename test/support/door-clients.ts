/** One way to call a model through any of the three doors, so that a test can ask all of them the same. */

import http from 'node:http';
import * as grpc from '@grpc/grpc-js';
import { ByteBuffer } from 'flatbuffers';
import { decodeMessage, encodeMessage, type Init, type MessageType } from '../../src/formats/protobuf.js';
import { InferResponse } from '../../src/gen/graphpipe/infer-response.js';
import { Type } from '../../src/gen/graphpipe/type.js';
import { ModelSpec, TensorProto } from '../../src/gen/messages.js';
import { DataType } from '../../src/tensor/dtype.js';
import { buildInferRequest, type TensorFields } from './graphpipe-buffers.js';
import type { TestServer } from './with-server.js';

export const DOOR_NAMES = ['grpc', 'rest', 'graphpipe'] as const;
export type DoorName = (typeof DOOR_NAMES)[number];

export type Value = number | string | boolean;

/** Values in row-major order. Of the dtypes those that the bundled models have. */
export interface TensorValue {
  readonly dtype: 'float' | 'int32' | 'int64' | 'bool' | 'string';
  readonly shape: readonly number[];
  readonly values: readonly Value[];
}

export interface PredictCall {
  readonly model: string;
  readonly version?: bigint;
  /** In place of a version; GraphPipe has none. */
  readonly label?: string;
  readonly signature?: string;
  readonly inputs: Readonly<Record<string, TensorValue>>;
  /** Over gRPC and GraphPipe; REST always answers with all outputs. */
  readonly outputs?: readonly string[];
}

/** int64 as numbers, byte strings as latin1 text. */
export interface Answer {
  readonly shape: readonly number[];
  readonly values: readonly Value[];
}

/** Outputs by name; over GraphPipe, whose answers carry no names, by those that were asked for, else by their places. */
export type Answers = Readonly<Record<string, Answer>>;

/** What a door refused a call with: gRPC's code over gRPC, else the HTTP status. */
export class DoorError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface DoorClient {
  readonly door: DoorName;
  predict(call: PredictCall): Promise<Answers>;
  /** Sends bytes that need not make sense where a predict is expected; resolves with the reply's bytes. */
  send(bytes: Uint8Array, model?: string): Promise<Buffer>;
  close(): void;
}

/** A client for each door; `connections` is the most that the HTTP ones open. */
export async function withDoorClients<T>(
  server: TestServer,
  fn: (clients: Record<DoorName, DoorClient>) => Promise<T>,
  connections = 32,
): Promise<T> {
  const clients = {
    grpc: createGrpcClient(server.ports.grpc),
    rest: createRestClient(server.ports.rest, connections),
    graphpipe: createGraphPipeClient(server.ports.graphpipe, connections),
  };
  try {
    return await fn(clients);
  } finally {
    for (const client of Object.values(clients)) client.close();
  }
}

// gRPC

export interface PredictMessage {
  readonly model_spec: ModelSpec | undefined;
  readonly inputs: ReadonlyMap<string, TensorProto>;
  readonly output_filter: readonly string[];
}

export const PredictRequestMessage: MessageType<PredictMessage> = {
  name: 'tensorflow.serving.PredictRequest',
  fields: [
    { name: 'model_spec', number: 1, type: () => ModelSpec },
    { name: 'inputs', number: 2, type: () => TensorProto, key: 'string' },
    { name: 'output_filter', number: 3, type: 'string', rule: 'repeated' },
  ],
};

export interface PredictResponseMessage {
  readonly outputs: ReadonlyMap<string, TensorProto>;
  readonly model_spec: ModelSpec | undefined;
}

export const PredictResponseMessage: MessageType<PredictResponseMessage> = {
  name: 'tensorflow.serving.PredictResponse',
  fields: [
    { name: 'outputs', number: 1, type: () => TensorProto, key: 'string' },
    { name: 'model_spec', number: 2, type: () => ModelSpec },
  ],
};

/** Where the values of a dtype stand in a TensorProto. */
const GRPC_FIELDS = {
  float: 'float_val',
  int32: 'int_val',
  int64: 'int64_val',
  bool: 'bool_val',
  string: 'string_val',
} as const;

const PREDICT_PATH = '/tensorflow.serving.PredictionService/Predict';

export interface GrpcDoorClient extends DoorClient {
  /** A unary call of any method. */
  call(path: string, message: Uint8Array, options?: grpc.CallOptions): Promise<Buffer>;
  /** Starts a Predict that can be cancelled. */
  start(call: PredictCall): { readonly reply: Promise<Answers>; readonly cancel: () => void };
}

export function createGrpcClient(port: number): GrpcDoorClient {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
  const start = (path: string, message: Uint8Array, options: grpc.CallOptions) => unary(client, path, message, options);
  const startPredict = (call: PredictCall) => {
    const { reply, cancel } = start(PREDICT_PATH, encodePredict(call), {});
    return { reply: reply.then(decodePredict), cancel };
  };
  return {
    door: 'grpc',
    call: (path, message, options = {}) => start(path, message, options).reply,
    start: startPredict,
    predict: (call) => startPredict(call).reply,
    send: (bytes) => start(PREDICT_PATH, bytes, {}).reply,
    close: () => client.close(),
  };
}

function unary(
  client: grpc.Client,
  path: string,
  message: Uint8Array,
  options: grpc.CallOptions,
): { reply: Promise<Buffer>; cancel: () => void } {
  let cancel = (): void => {};
  const identity = (bytes: Buffer): Buffer => bytes;
  const reply = new Promise<Buffer>((resolve, reject) => {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const call = client.makeUnaryRequest(path, identity, identity, bytes, options, (error, answer) => {
      if (error === null) resolve(answer as Buffer);
      else reject(new DoorError(error.code, error.details));
    });
    cancel = () => call.cancel();
  });
  return { reply, cancel };
}

export function encodePredict(call: PredictCall): Uint8Array {
  return encodeMessage(PredictRequestMessage, {
    model_spec: {
      name: call.model,
      signature_name: call.signature ?? '',
      version: call.version === undefined ? undefined : { value: call.version },
      version_label: call.label,
    },
    inputs: new Map(Object.entries(call.inputs).map(([name, tensor]) => [name, tensorProto(tensor)])),
    output_filter: call.outputs ?? [],
  });
}

function tensorProto({ dtype, shape, values }: TensorValue): Init<TensorProto> {
  return {
    dtype: DataType[dtype.toUpperCase() as keyof typeof DataType],
    tensor_shape: { dim: shape.map((size) => ({ size: BigInt(size) })) },
    [GRPC_FIELDS[dtype]]: values.map((value) => grpcValue(dtype, value)),
  };
}

function grpcValue(dtype: TensorValue['dtype'], value: Value): unknown {
  if (dtype === 'int64') return BigInt(value as number);
  return dtype === 'string' ? Buffer.from(value as string, 'latin1') : value;
}

export function decodePredict(bytes: Uint8Array): Answers {
  const { outputs } = decodeMessage(PredictResponseMessage, bytes);
  return Object.fromEntries([...outputs].map(([name, tensor]) => [name, fromTensorProto(tensor)]));
}

/** The version that a PredictResponse says it comes from. */
export function versionOf(response: Uint8Array): bigint | undefined {
  return decodeMessage(PredictResponseMessage, response).model_spec?.version?.value;
}

function fromTensorProto(tensor: TensorProto): Answer {
  const shape = (tensor.tensor_shape?.dim ?? []).map(({ size }) => Number(size));
  const dtype = Object.entries(DataType)
    .find(([, number]) => number === tensor.dtype)?.[0]
    .toLowerCase();
  const field = GRPC_FIELDS[dtype as keyof typeof GRPC_FIELDS];
  return { shape, values: (tensor[field] as readonly unknown[]).map(plainValue) };
}

function plainValue(value: unknown): Value {
  if (typeof value === 'bigint') return Number(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : (value as Value);
}

// REST

export function createRestClient(port: number, connections: number): DoorClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const post = (path: string, body: Uint8Array) => httpPost(agent, port, path, body, (text) => errorOf(text));
  return {
    door: 'rest',
    predict: async (call) =>
      fromJson(call, JSON.parse((await post(restPath(call), encodeJson(call))).toString('latin1'))),
    send: (bytes, model = 'half_plus_two') => post(`/v1/models/${model}:predict`, bytes),
    close: () => agent.destroy(),
  };
}

export function restPath({ model, version, label }: PredictCall): string {
  const which = label === undefined ? '' : `/labels/${label}`;
  return `/v1/models/${model}${version === undefined ? which : `/versions/${version}`}:predict`;
}

export function encodeJson({ signature, inputs }: PredictCall): Buffer {
  const columns = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, nest(tensor)]));
  return Buffer.from(
    JSON.stringify({ ...(signature === undefined ? {} : { signature_name: signature }), inputs: columns }),
  );
}

function nest({ dtype, shape, values }: TensorValue): unknown {
  const items = dtype === 'string' ? values.map((value) => ({ b64: btoa(value as string) })) : values;
  const split = (from: number, axis: number): unknown => {
    if (axis === shape.length) return items[from];
    const step = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
    return Array.from({ length: shape[axis] as number }, (_, i) => split(from + i * step, axis + 1));
  };
  return split(0, 0);
}

/** `{"outputs": …}`: an object by name, or the bare tensor of the only output. */
function fromJson(call: PredictCall, reply: { outputs: unknown }): Answers {
  const { outputs } = reply;
  const isNamed = typeof outputs === 'object' && outputs !== null && !Array.isArray(outputs) && !('b64' in outputs);
  if (!isNamed) return { [call.outputs?.[0] ?? '0']: flatten(outputs) };
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, flatten(value)]));
}

function flatten(value: unknown): Answer {
  if (!Array.isArray(value)) return { shape: [], values: [jsonValue(value)] };
  const items = value.map(flatten);
  return { shape: [items.length, ...(items[0]?.shape ?? [])], values: items.flatMap(({ values }) => values) };
}

function jsonValue(value: unknown): Value {
  return typeof value === 'object' && value !== null ? atob((value as { b64: string }).b64) : (value as Value);
}

function errorOf(text: string): string {
  return (JSON.parse(text) as { error: string }).error;
}

// GraphPipe

const GRAPHPIPE_TYPES = {
  float: Type.Float32,
  int32: Type.Int32,
  int64: Type.Int64,
  string: Type.String,
  bool: Type.Null,
} as const;

export function createGraphPipeClient(port: number, connections: number): DoorClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const post = (body: Uint8Array) => httpPost(agent, port, '/', body, (text) => text);
  return {
    door: 'graphpipe',
    predict: async (call) => decodeInfer(call, await post(encodeInfer(call))),
    send: (bytes) => post(bytes),
    close: () => agent.destroy(),
  };
}

export function encodeInfer(call: PredictCall): Uint8Array {
  const { model, version, signature } = call;
  return buildInferRequest({
    config: JSON.stringify({ model, signature, version: version === undefined ? undefined : String(version) }),
    inputNames: Object.keys(call.inputs),
    inputTensors: Object.values(call.inputs).map(graphPipeTensor),
    ...(call.outputs === undefined ? {} : { outputNames: call.outputs }),
  });
}

function graphPipeTensor({ dtype, shape, values }: TensorValue): TensorFields {
  const common = { type: GRAPHPIPE_TYPES[dtype], shape: shape.map(BigInt) };
  if (dtype === 'string') return { ...common, stringVal: values as string[] };
  const bytes =
    dtype === 'float'
      ? new Float32Array(values as number[])
      : dtype === 'int64'
        ? BigInt64Array.from(values as number[], BigInt)
        : new Int32Array(values as number[]);
  return { ...common, data: new Uint8Array(bytes.buffer) };
}

export function decodeInfer(call: PredictCall, bytes: Buffer): Answers {
  const response = InferResponse.getRootAsInferResponse(new ByteBuffer(new Uint8Array(bytes)));
  const answers: Record<string, Answer> = {};
  for (let i = 0; i < response.outputTensorsLength(); i++) {
    answers[call.outputs?.[i] ?? String(i)] = graphPipeAnswer(response, i);
  }
  return answers;
}

function graphPipeAnswer(response: InferResponse, index: number): Answer {
  const tensor = response.outputTensors(index);
  if (tensor === null) throw new Error(`The reply has no output ${index}`);
  const shape = Array.from({ length: tensor.shapeLength() }, (_, axis) => Number(tensor.shape(axis)));
  if (tensor.type() === Type.String) {
    return { shape, values: Array.from({ length: tensor.stringValLength() }, (_, i) => tensor.stringVal(i) as string) };
  }
  const buffer = (tensor.dataArray() ?? new Uint8Array()).slice().buffer;
  if (tensor.type() === Type.Float32) return { shape, values: [...new Float32Array(buffer)] };
  if (tensor.type() === Type.Int64) return { shape, values: [...new BigInt64Array(buffer)].map(Number) };
  return { shape, values: [...new Int32Array(buffer)] };
}

// HTTP

function httpPost(
  agent: http.Agent,
  port: number,
  path: string,
  body: Uint8Array,
  messageOf: (text: string) => string,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Length': body.byteLength };
    const request = http.request({ agent, host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const reply = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve(reply);
        else reject(new DoorError(response.statusCode ?? 0, messageOf(reply.toString('utf8'))));
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
