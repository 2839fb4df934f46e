/** BatchingParameters as the native queue follows them, with TensorFlow Serving's defaults. */
import { availableParallelism } from 'node:os';
import type { BatchingParameters } from '../gen/messages.js';
import type { BatchPolicy } from '../workers/lane.js';

/** SharedBatchScheduler's own defaults (tensorflow/core/kernels/batching_util). */
export const MAX_BATCH_SIZE = 1000;
const MAX_ENQUEUED_BATCHES = 10;
const THREAD_POOL_NAME = 'batch_threads';

/** Parameters that checkBatchingParameters() has let pass. `pool`: where its name and size are taken from. */
export function batchPolicyOf(parameters: BatchingParameters, pool: BatchingParameters = parameters): BatchPolicy {
  const maxRows = Number(parameters.max_batch_size?.value ?? MAX_BATCH_SIZE);
  const splits = parameters.enable_large_batch_splitting?.value === true;
  return {
    maxRows,
    maxRunRows: splits ? Number(parameters.max_execution_batch_size?.value ?? maxRows) : maxRows,
    timeoutMicros: Number(parameters.batch_timeout_micros?.value ?? 0),
    maxWaitingBatches: Number(parameters.max_enqueued_batches?.value ?? MAX_ENQUEUED_BATCHES),
    allowedRows: parameters.allowed_batch_sizes.map(Number),
    padsInner: parameters.pad_variable_length_inputs,
    splits,
    poolName: threadPoolName(pool),
    poolThreads: Number(pool.num_batch_threads?.value ?? availableParallelism()),
  };
}

export function threadPoolName(parameters: BatchingParameters): string {
  return parameters.thread_pool_name?.value || THREAD_POOL_NAME;
}
