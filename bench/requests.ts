/** One call as each door takes it: what a load generator sends, and what a reply to it says. */

import { encodeMessage, type MessageType } from '../src/formats/protobuf.js';
import { Type } from '../src/gen/graphpipe/type.js';
import { ModelSpec, TensorProto } from '../src/gen/messages.js';
import { DataType } from '../src/tensor/dtype.js';
import {
  type Answer,
  type Answers,
  type DoorName,
  decodeInfer,
  decodePredict,
  type PredictCall,
  type TensorValue,
} from '../test/support/door-clients.js';
import { buildInferRequest } from '../test/support/graphpipe-buffers.js';

export interface BenchRequest {
  readonly path: string;
  readonly contentType: string;
  /** Besides those that every request has. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Throws if the reply cannot be read. */
  answersIn(reply: Buffer): Answers;
}

/** How values stand in a gRPC message: as bytes, or in the field of their type. */
export const ENCODINGS = ['tensor_content', 'float_val'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** The request as the door's usual clients write it. `encoding` counts over gRPC only. */
export function createRequest(door: DoorName, call: PredictCall, encoding: Encoding): BenchRequest {
  return CREATE[door](call, encoding);
}

const CREATE = { grpc: grpcRequest, rest: restRequest, graphpipe: graphpipeRequest } as const;

const PredictRequest: MessageType<{
  readonly model_spec: ModelSpec | undefined;
  readonly inputs: ReadonlyMap<string, TensorProto>;
}> = {
  name: 'tensorflow.serving.PredictRequest',
  fields: [
    { name: 'model_spec', number: 1, type: () => ModelSpec },
    { name: 'inputs', number: 2, type: () => TensorProto, key: 'string' },
  ],
};

function grpcRequest({ model, inputs }: PredictCall, encoding: Encoding): BenchRequest {
  const [alias, tensor] = onlyInput(inputs);
  const { shape } = tensor;
  const values =
    encoding === 'float_val' ? { float_val: tensor.values as number[] } : { tensor_content: bytesOf(tensor) };
  const tensor_shape = { dim: shape.map((size) => ({ size: BigInt(size) })) };
  return {
    path: '/tensorflow.serving.PredictionService/Predict',
    contentType: 'application/grpc',
    body: encodeMessage(PredictRequest, {
      model_spec: { name: model },
      inputs: new Map([[alias, { dtype: DataType.FLOAT, tensor_shape, ...values }]]),
    }),
    answersIn: decodePredict,
  };
}

/** Rows: `{"instances": …}` answered by `{"predictions": …}`. */
function restRequest({ model, inputs, outputs = [] }: PredictCall): BenchRequest {
  const [, { shape, values }] = onlyInput(inputs);
  return {
    path: `/v1/models/${model}:predict`,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify({ instances: nest(values, shape) })),
    answersIn: (reply) => {
      const { predictions } = JSON.parse(reply.toString()) as { predictions: unknown[] };
      return Object.fromEntries(
        outputs.map((name) => [name, flatten(outputs.length > 1 ? column(predictions, name) : predictions)]),
      );
    },
  };
}

/** Without config and input names, as clients send it that take the server's only model as it is. */
function graphpipeRequest(call: PredictCall): BenchRequest {
  const [, tensor] = onlyInput(call.inputs);
  const inputTensors = [{ type: Type.Float32, shape: tensor.shape.map(BigInt), data: bytesOf(tensor) }];
  const outputNames = call.outputs ?? [];
  return {
    path: '/',
    contentType: 'application/octet-stream',
    body: buildInferRequest(outputNames.length > 1 ? { inputTensors, outputNames } : { inputTensors }),
    answersIn: (reply) => decodeInfer(call, reply),
  };
}

function onlyInput(inputs: PredictCall['inputs']): [string, TensorValue] {
  const [first, ...others] = Object.entries(inputs);
  if (first === undefined || others.length > 0) throw new Error('The bench calls models with one input.');
  return first;
}

function bytesOf({ values }: TensorValue): Uint8Array {
  return new Uint8Array(Float32Array.from(values as readonly number[]).buffer);
}

/** Values in row-major order as arrays in arrays. */
function nest(values: readonly unknown[], [rows, ...inner]: readonly number[]): unknown {
  if (rows === undefined) return values[0];
  const step = values.length / rows;
  return Array.from({ length: rows }, (_, row) => nest(values.slice(row * step, (row + 1) * step), inner));
}

function column(rows: readonly unknown[], name: string): unknown[] {
  return rows.map((row) => (row as Record<string, unknown>)[name]);
}

function flatten(nested: unknown): Answer {
  return { shape: shapeOf(nested), values: [nested].flat(Number.POSITIVE_INFINITY) as Answer['values'] };
}

function shapeOf(nested: unknown): number[] {
  return Array.isArray(nested) ? [nested.length, ...shapeOf(nested[0])] : [];
}
