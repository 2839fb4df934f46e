/** Parameters of batching that a version brings along (--enable_per_model_batching_parameters). */
import { join } from 'node:path';
import { batchPolicyOf } from '../batching/batch-policy.js';
import { checkBatchingParameters } from '../batching/batching-parameters.js';
import { readTextProtoFileIfAny } from '../formats/text-proto.js';
import { BatchingParameters } from '../gen/messages.js';
import type { BatchPolicy } from '../workers/lane.js';

const FILE_NAME = 'batching_params.pbtxt';

/**
 * What batching_params.pbtxt in the version's folder says; undefined if there is none: the version is then not batched.
 * Name and size of the thread pool are `pool`'s, where that is given, since versions share it. Rejects with a ServingError
 * that names the file, if it cannot be read or makes no sense.
 */
export async function batchPolicyOfVersion(
  versionPath: string,
  pool: BatchingParameters | undefined,
): Promise<BatchPolicy | undefined> {
  const file = join(versionPath, FILE_NAME);
  const parameters = await readTextProtoFileIfAny(BatchingParameters, file);
  if (parameters === undefined) return undefined;
  checkBatchingParameters(parameters, file);
  return batchPolicyOf(parameters, pool);
}
