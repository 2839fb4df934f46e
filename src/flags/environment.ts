/** Environment variables that stand for flags. */
import { join } from 'node:path';
import type { CommandLine, Flags } from './flags.js';

/** What TensorFlow Serving's Docker image has when only one of the two is set. */
const IMAGE_MODEL_NAME = 'model';
const IMAGE_BASE_PATH = '/models';

/**
 * MODEL_NAME and MODEL_BASE_PATH as TensorFlow Serving's Docker image has them: the model's base folder is
 * $MODEL_BASE_PATH/$MODEL_NAME. Flags that were given win. Neither set, or both empty: the flags as they are.
 */
export function applyEnvironment({ flags, given }: CommandLine, env: NodeJS.ProcessEnv): Flags {
  const { MODEL_NAME: name, MODEL_BASE_PATH: basePath } = env;
  if (!name && !basePath) return flags;
  const modelName = name || IMAGE_MODEL_NAME;
  return {
    ...flags,
    modelName: given.has('model_name') ? flags.modelName : modelName,
    modelBasePath: given.has('model_base_path') ? flags.modelBasePath : join(basePath || IMAGE_BASE_PATH, modelName),
  };
}
