/** The tf.Examples of a request as the one tensor that models are fed: a vector of strings, each a serialized Example. */
import { invalidArgument, resourceExhausted } from '../errors.js';
import { DataType } from '../tensor/dtype.js';
import type { ExampleInput } from '../tensor/inference.js';
import { Encoding, type InputTensor } from '../tensor/predict-request.js';

/** The most that a message, and so a body, can hold. */
const MAX_BODY_BYTES = 2 ** 31 - 1;

export interface ExampleTensor {
  readonly body: Uint8Array;
  /** One for each name. */
  readonly inputs: readonly InputTensor[];
  readonly exampleCount: number;
}

/**
 * The tensor to feed by each of `names`. With a context each string is the context's bytes and the example's, one after the other,
 * which protobuf reads as the two merged. Throws INVALID_ARGUMENT if there are no examples, RESOURCE_EXHAUSTED if they
 * would take more than 2 GiB with the context before each.
 */
export function exampleTensor(input: ExampleInput, names: readonly string[]): ExampleTensor {
  const exampleCount = input.ranges.length / 2;
  if (exampleCount === 0) throw invalidArgument('Input is empty.');
  const { body, ranges } = input.context === undefined ? input : withContext(input, input.context);
  return { body, inputs: names.map((name) => stringVector(name, exampleCount, ranges)), exampleCount };
}

function stringVector(name: string, count: number, stringRanges: readonly number[]): InputTensor {
  const base = { name, dtype: DataType.STRING, encoding: Encoding.STRINGS, start: 0, end: 0, fill: false };
  return { ...base, shape: [count], stringRanges };
}

function withContext({ body, ranges }: ExampleInput, [start, end]: readonly [number, number]): ExampleInput {
  const merged = Buffer.allocUnsafe(mergedSize(ranges, end - start));
  const context = body.subarray(start, end);
  const mergedRanges: number[] = [];
  let at = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    mergedRanges.push(at);
    merged.set(context, at);
    at += context.length;
    const example = body.subarray(ranges[i], ranges[i + 1]);
    merged.set(example, at);
    at += example.length;
    mergedRanges.push(at);
  }
  return { body: merged, ranges: mergedRanges };
}

function mergedSize(ranges: readonly number[], contextBytes: number): number {
  let size = (ranges.length / 2) * contextBytes;
  for (let i = 0; i < ranges.length; i += 2) size += (ranges[i + 1] as number) - (ranges[i] as number);
  if (size <= MAX_BODY_BYTES) return size;
  throw resourceExhausted(
    `The ${ranges.length / 2} examples take ${size} bytes with the context before each of them, but no more than ` +
      `${MAX_BODY_BYTES} can be run at once. Send fewer examples, or a smaller context.`,
  );
}
