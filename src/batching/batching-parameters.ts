/** BatchingParameters (session_bundle_config.proto): what a file of them must fulfil. */
import { invalidArgument } from '../errors.js';
import type { BatchingParameters } from '../gen/messages.js';
import { MAX_BATCH_SIZE } from './batch-policy.js';

/** Fields that count something, with the least that makes sense. */
const LEAST = {
  max_batch_size: 1n,
  batch_timeout_micros: 0n,
  max_enqueued_batches: 1n,
  num_batch_threads: 1n,
  max_execution_batch_size: 1n,
} as const;

/**
 * Throws INVALID_ARGUMENT, naming `file`, for settings that TensorFlow Serving refuses: numbers out of range, pieces larger
 * than the whole, allowed_batch_sizes that do not rise or do not end with the largest batch.
 */
export function checkBatchingParameters(parameters: BatchingParameters, file: string): void {
  checkNumbers(parameters, file);
  const sizes = parameters.allowed_batch_sizes;
  if (sizes.some((size, index) => size <= (sizes[index - 1] ?? 0n))) {
    throw invalidArgument(
      `allowed_batch_sizes in ${file} must rise and be greater than 0, but they are ${sizes.join(', ')}.`,
    );
  }
  if (sizes.length > 0) checkLargestSize(parameters, file);
}

/** As TensorFlow Serving, which counts with the default where the field is absent: no run is larger than what is allowed. */
function checkLargestSize(parameters: BatchingParameters, file: string): void {
  const { max_batch_size, max_execution_batch_size, allowed_batch_sizes: sizes } = parameters;
  const splitting = parameters.enable_large_batch_splitting?.value === true;
  const field = splitting ? 'max_execution_batch_size' : 'max_batch_size';
  const given = splitting ? max_execution_batch_size : max_batch_size;
  const largest = given?.value ?? max_batch_size?.value ?? BigInt(MAX_BATCH_SIZE);
  if (sizes.at(-1) === largest) return;
  const origin = given === undefined ? ', which is its default' : '';
  throw invalidArgument(
    `The last of allowed_batch_sizes in ${file} is ${sizes.at(-1)}, but it must be ${field}, ${largest}${origin}.`,
  );
}

function checkNumbers(parameters: BatchingParameters, file: string): void {
  for (const [field, least] of Object.entries(LEAST) as [keyof typeof LEAST, bigint][]) {
    const value = parameters[field]?.value;
    if (value !== undefined && (value < least || value > Number.MAX_SAFE_INTEGER))
      throw invalidArgument(`${field} in ${file} is ${value}, but it must be at least ${least}.`);
  }
  const { max_batch_size: whole, max_execution_batch_size: piece } = parameters;
  if (whole !== undefined && piece !== undefined && piece.value > whole.value) {
    throw invalidArgument(
      `max_execution_batch_size in ${file} is ${piece.value}, but it must not be greater than max_batch_size, ${whole.value}.`,
    );
  }
}
