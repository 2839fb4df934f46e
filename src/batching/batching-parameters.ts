/** BatchingParameters (session_bundle_config.proto): what a file of them must fulfil. */
import { invalidArgument } from '../errors.js';
import type { BatchingParameters } from '../gen/messages.js';

/**
 * Throws INVALID_ARGUMENT, naming `file`, for settings that TensorFlow Serving refuses: allowed_batch_sizes that do not rise
 * or do not end with the largest batch.
 */
export function checkBatchingParameters(parameters: BatchingParameters, file: string): void {
  const sizes = parameters.allowed_batch_sizes;
  if (sizes.some((size, index) => size <= (sizes[index - 1] ?? 0n))) {
    throw invalidArgument(
      `allowed_batch_sizes in ${file} must rise and be greater than 0, but they are ${sizes.join(', ')}.`,
    );
  }
  const splitting = parameters.enable_large_batch_splitting?.value === true;
  const field = splitting ? 'max_execution_batch_size' : 'max_batch_size';
  const largest = parameters[field]?.value;
  if (sizes.length > 0 && largest !== undefined && sizes.at(-1) !== largest) {
    throw invalidArgument(
      `The last of allowed_batch_sizes in ${file} is ${sizes.at(-1)}, but it must be ${field}, ${largest}.`,
    );
  }
}
