/** Outputs made of plain values, and an Api that answers a GraphPipe request with its own inputs. */
import type { Api, ModelMetadata } from '../../src/api/api.js';
import type { DataType } from '../../src/tensor/dtype.js';
import {
  Encoding,
  type InputTensor,
  type Outputs,
  type PredictRequest,
  type TensorPredictRequest,
} from '../../src/tensor/predict-request.js';
import type { Shape } from '../../src/tensor/shape.js';
import { UNEXPECTED_API } from './unexpected-api.js';

export interface FakeOutput {
  readonly alias: string;
  readonly dtype: DataType;
  readonly shape: Shape;
  /** In OutputFormat.RAW. */
  readonly raw: Uint8Array;
}

export function fakeOutputs(list: readonly FakeOutput[]): Outputs {
  const at = (index: number): FakeOutput => list[index] as FakeOutput;
  return {
    count: list.length,
    modelName: 'm',
    modelVersion: 1n,
    signatureName: 'serving_default',
    alias: (index) => at(index).alias,
    dtype: (index) => at(index).dtype,
    rank: (index) => at(index).shape.length,
    dim: (index, axis) => at(index).shape[axis] as number,
    byteLength: (index) => at(index).raw.byteLength,
    copyTo: (index, target, offset) => target.set(at(index).raw, offset),
  };
}

/** Byte strings in OutputFormat.RAW: all lengths, then all bytes. */
export function rawStrings(strings: readonly (string | Uint8Array)[]): Uint8Array {
  const bytes = strings.map((string) => Buffer.from(string as string));
  const lengths = Uint32Array.from(bytes, ({ byteLength }) => byteLength);
  return Buffer.concat([new Uint8Array(lengths.buffer), ...bytes]);
}

/** The bytes of each element of a STRINGS input. */
export function stringsOf(input: InputTensor, body: Uint8Array): Buffer[] {
  const ranges = input.stringRanges ?? [];
  return Array.from({ length: ranges.length / 2 }, (_, i) => Buffer.from(body.slice(ranges[2 * i], ranges[2 * i + 1])));
}

function echo(request: TensorPredictRequest): Outputs {
  const { body } = request;
  return fakeOutputs(
    request.inputs.map((input, i) => ({
      alias: request.outputFilter[i] ?? input.name,
      dtype: input.dtype,
      shape: input.shape,
      raw:
        input.encoding === Encoding.STRINGS ? rawStrings(stringsOf(input, body)) : body.slice(input.start, input.end),
    })),
  );
}

/** Answers predict() with the inputs as outputs, after a turn of the event loop; `requests` holds what it was asked. */
export function createEchoApi(metadata: ModelMetadata): Api & { readonly requests: TensorPredictRequest[] } {
  const requests: TensorPredictRequest[] = [];
  return {
    ...UNEXPECTED_API,
    requests,
    async predict(request: PredictRequest, encode) {
      if (request.kind !== 'tensors') throw new Error('GraphPipe sends tensors');
      requests.push(request);
      const outputs = echo(request);
      await new Promise((resolve) => setImmediate(resolve));
      return encode(outputs);
    },
    modelMetadata: () => metadata,
    modelStatus: () => [],
    reloadConfig: async () => [],
    effectiveConfig: () => ({}),
    ready: () => true,
    obstacles: () => [],
  };
}
