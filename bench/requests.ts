/** One known call as each door takes it: what a load generator sends, and whether a reply to it is right. */

import { Type } from '../src/gen/graphpipe/type.js';
import { differenceOf, type KnownCall } from '../test/support/bundled-calls.js';
import {
  createGrpcClient,
  type DoorName,
  decodeInfer,
  decodePredict,
  encodePredict,
} from '../test/support/door-clients.js';
import { buildInferRequest } from '../test/support/graphpipe-buffers.js';

export interface BenchRequest {
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** What is wrong with a reply, as a clause; undefined if nothing is. Throws if the reply cannot be read at all. */
  differenceIn(reply: Buffer): string | undefined;
}

/** The request as the door's usual clients write it. Throws an Error if the door cannot carry the call. */
export function createRequest(door: DoorName, known: KnownCall): BenchRequest {
  return CREATE[door](known);
}

const CREATE = { grpc: grpcRequest, rest: restRequest, graphpipe: graphpipeRequest } as const;

function grpcRequest({ call: { outputs: _, ...call }, expected }: KnownCall): BenchRequest {
  return {
    path: '/tensorflow.serving.PredictionService/Predict',
    contentType: 'application/grpc',
    body: encodePredict(call),
    differenceIn: (reply) => differenceOf(decodePredict(reply), expected),
  };
}

/** Rows: `{"instances": …}` answered by `{"predictions": …}`. */
function restRequest({ call, expected }: KnownCall): BenchRequest {
  const [, { shape, values }] = onlyEntry(call.inputs);
  return {
    path: `/v1/models/${call.model}:predict`,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify({ instances: nest(values, shape) })),
    differenceIn: (reply) => {
      const { predictions } = JSON.parse(reply.toString()) as { predictions: unknown };
      const [name, { values: wanted, shape: wantedShape }] = onlyEntry(expected);
      const answers = { [name]: { shape: shapeOf(predictions), values: [predictions].flat(wantedShape.length + 1) } };
      return differenceOf(answers as KnownCall['expected'], { [name]: { values: wanted, shape: wantedShape } });
    },
  };
}

/** Without config and names, as clients send it that take the server's only model as it is. */
function graphpipeRequest({ call, expected }: KnownCall): BenchRequest {
  const [, { dtype, shape, values }] = onlyEntry(call.inputs);
  if (dtype !== 'float') throw new Error(`The bench sends floats over GraphPipe, not ${dtype}.`);
  const data = new Uint8Array(Float32Array.from(values as number[]).buffer);
  return {
    path: '/',
    contentType: 'application/octet-stream',
    body: buildInferRequest({ inputTensors: [{ type: Type.Float32, shape: shape.map(BigInt), data }] }),
    differenceIn: (reply) => differenceOf(decodeInfer(call, reply), expected),
  };
}

function onlyEntry<T>(record: Readonly<Record<string, T>>): [string, T] {
  const [first, ...others] = Object.entries(record);
  if (first === undefined || others.length > 0)
    throw new Error('The bench calls models with one input and one output.');
  return first;
}

/** Values in row-major order as arrays in arrays. */
function nest(values: readonly unknown[], [rows, ...inner]: readonly number[]): unknown {
  if (rows === undefined) return values[0];
  const step = values.length / rows;
  return Array.from({ length: rows }, (_, row) => nest(values.slice(row * step, (row + 1) * step), inner));
}

function shapeOf(nested: unknown): number[] {
  return Array.isArray(nested) ? [nested.length, ...shapeOf(nested[0])] : [];
}

/**
 * Sends the request once and resolves with the reply's length in bytes. Rejects with a sentence if the answer is not the
 * expected one: nothing is measured that is not right.
 */
export async function checkAnswer(
  server: string,
  door: DoorName,
  port: number,
  request: BenchRequest,
): Promise<number> {
  const reply = door === 'grpc' ? await callGrpc(port, request) : await post(port, request);
  const difference = request.differenceIn(reply);
  if (difference !== undefined) throw new Error(`The answer of ${server} over ${door} is wrong: ${difference}.`);
  return reply.byteLength;
}

async function callGrpc(port: number, { path, body }: BenchRequest): Promise<Buffer> {
  const client = createGrpcClient(port);
  try {
    return await client.call(path, body);
  } finally {
    client.close();
  }
}

async function post(port: number, { path, contentType, body }: BenchRequest): Promise<Buffer> {
  const url = `http://127.0.0.1:${port}${path}`;
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': contentType }, body });
  const reply = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${reply}`);
  return reply;
}
