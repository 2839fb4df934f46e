/** Models loaded into the test's own process, without a server: the addon, its workers and a SavedModelLoader. */
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { findLibtensorflow } from '../../src/libtensorflow.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { SavedModelLoader, type SavedModelLoaderOptions } from '../../src/servables/saved-model-loader.js';
import type { DataType } from '../../src/tensor/dtype.js';
import {
  Encoding,
  type InputTensor,
  type JsonPredictRequest,
  OutputFormat,
  type Outputs,
  type TensorPredictRequest,
} from '../../src/tensor/predict-request.js';
import { WorkerPool } from '../../src/workers/pool.js';
import { openTensorFlow } from '../../src/workers/tensorflow.js';
import { modelPath } from './models.js';

/** Opens libtensorflow, found as the server finds it, for this process; returns its version. */
export async function openLibrary(): Promise<string> {
  return openTensorFlow(await findLibtensorflow(''), totalmem() / 2);
}

export interface LoaderChanges extends Partial<SavedModelLoaderOptions> {
  /** The model's name; default `model`. */
  readonly name?: string;
  /** Default 1. */
  readonly version?: bigint;
}

/** A loader of the version folder `path`. */
export function loaderOf(
  path: string,
  pool: WorkerPool,
  tags = ['serve'],
  { name = 'model', version = 1n, ...options }: LoaderChanges = {},
): SavedModelLoader {
  return new SavedModelLoader(
    { id: { name, version }, path },
    { tags, parallelism: { intraOp: 0, interOp: 0 }, batching: 'true', devices: () => [pool], ...options },
  );
}

/** A version that withModels() is to load. */
export interface ModelToLoad extends LoaderChanges {
  /** Of the test model. */
  readonly model: string;
}

/** Runs `fn` with version 1 of several test models, loaded onto one pool, in the order given. */
export async function withModels<T>(
  models: readonly ModelToLoad[],
  fn: (models: readonly SavedModel[], pool: WorkerPool) => Promise<T>,
  workers = 1,
): Promise<T> {
  return withPool(workers, async (pool) => {
    const loaders = models.map(({ model, ...changes }) =>
      loaderOf(join(modelPath(model), '1'), pool, ['serve'], { name: model, ...changes }),
    );
    try {
      return await fn(await Promise.all(loaders.map((loader) => loader.load())), pool);
    } finally {
      for (const loader of loaders) await loader.unload();
    }
  });
}

export async function withPool<T>(workers: number, fn: (pool: WorkerPool) => Promise<T>): Promise<T> {
  await openLibrary();
  const pool = new WorkerPool({ device: 'CPU:0', workers });
  try {
    return await fn(pool);
  } finally {
    await pool.close();
  }
}

/** Runs `fn` with version 1 of a test model, loaded onto a pool of its own. */
export async function withModel<T>(
  name: string,
  fn: (model: SavedModel, pool: WorkerPool) => Promise<T>,
  workers = 1,
): Promise<T> {
  return withPool(workers, async (pool) => {
    const loader = loaderOf(join(modelPath(name), '1'), pool);
    const model = await loader.load();
    try {
      return await fn(model, pool);
    } finally {
      await loader.unload();
    }
  });
}

/** An input with values of its own; `strings` for STRING, `bytes` for all else. */
export interface TestInput {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly bytes?: Uint8Array;
  readonly strings?: readonly Uint8Array[];
  /** Default: STRINGS where there are strings, else RAW. */
  readonly encoding?: Encoding;
  readonly fill?: boolean;
}

export type TestRequestOptions = Partial<Omit<TensorPredictRequest, 'kind' | 'inputs' | 'body'>>;

/** A request whose body holds the inputs one after the other. */
export function testRequest(inputs: readonly TestInput[], options: TestRequestOptions = {}): TensorPredictRequest {
  const parts: Uint8Array[] = [];
  let length = 0;
  const append = (part: Uint8Array): number => {
    parts.push(part);
    length += part.byteLength;
    return length;
  };
  const placed = inputs.map((input) => placeInput(input, length, append));
  return {
    kind: 'tensors',
    modelSpec: { name: 'model' },
    signatureName: '',
    deadlineMillis: Number.POSITIVE_INFINITY,
    outputFilter: [],
    outputFormat: OutputFormat.RAW,
    ...options,
    inputs: placed,
    body: Buffer.concat(parts),
  };
}

function placeInput(input: TestInput, start: number, append: (part: Uint8Array) => number): InputTensor {
  const { name, dtype, shape, bytes, strings, encoding, fill = false } = input;
  if (strings === undefined) {
    return {
      name,
      dtype,
      shape,
      fill,
      encoding: encoding ?? Encoding.RAW,
      start,
      end: append(bytes ?? new Uint8Array()),
    };
  }
  let end = start;
  const stringRanges = strings.flatMap((string) => {
    const begin = end;
    end = append(string);
    return [begin, end];
  });
  return { name, dtype, shape, fill, encoding: encoding ?? Encoding.STRINGS, start: 0, end: 0, stringRanges };
}

export interface TestOutput {
  readonly alias: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly bytes: Buffer;
}

/** An encode function that copies all outputs out. */
export function copyOutputs(outputs: Outputs): TestOutput[] {
  return Array.from({ length: outputs.count }, (_, index) => {
    const bytes = Buffer.alloc(outputs.byteLength(index));
    outputs.copyTo(index, bytes, 0);
    const shape = Array.from({ length: outputs.rank(index) }, (__, axis) => outputs.dim(index, axis));
    return { alias: outputs.alias(index), dtype: outputs.dtype(index), shape, bytes };
  });
}

/** The only output of a request. */
export async function runOne(model: SavedModel, request: TensorPredictRequest): Promise<TestOutput> {
  const [output, ...more] = await model.predict(request, copyOutputs);
  if (output === undefined || more.length > 0) throw new Error('The model was expected to have one output');
  return output;
}

/** The answer to a REST body. */
export async function answerJson(
  model: SavedModel,
  body: object,
  onTensors?: JsonPredictRequest['onTensors'],
): Promise<unknown> {
  const request = {
    kind: 'json',
    modelSpec: { name: 'model' },
    deadlineMillis: Number.POSITIVE_INFINITY,
    body: Buffer.from(JSON.stringify(body)),
    onTensors,
  } as const;
  const [reply] = await model.predict(request, copyOutputs);
  return JSON.parse(String(reply?.bytes));
}

/** What a string output holds in OutputFormat.RAW: all lengths, then all bytes. */
export function unpackStrings(bytes: Buffer, count: number): Buffer[] {
  let at = 4 * count;
  return Array.from({ length: count }, (_, i) => {
    const start = at;
    at += bytes.readUInt32LE(4 * i);
    return bytes.subarray(start, at);
  });
}

export function floats(...values: number[]): Buffer {
  return Buffer.from(new Float32Array(values).buffer);
}

/** The values as protobuf varints, negative ones in ten bytes. */
export function varints(...values: (number | bigint)[]): Buffer {
  return Buffer.from(values.flatMap((value) => varint(BigInt.asUintN(64, BigInt(value)))));
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}
