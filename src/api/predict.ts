import type { Manager } from '../core/manager.js';
import type { ServableHandle } from '../core/servable-handle.js';
import { toServingError } from '../errors.js';
import { metrics, type RequestSource } from '../metrics.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { EncodeOutputs, ModelSpec, PredictRequest } from '../tensor/predict-request.js';

/** Api.predict: runs the request on the version it names, which stays loaded until the answer is made. */
export async function predict<T>(
  manager: Manager<SavedModel>,
  request: PredictRequest,
  encode: EncodeOutputs<T>,
  source: RequestSource,
): Promise<T> {
  const handle = acquireCounted(manager, request.modelSpec, source);
  try {
    return await handle.servable.predict(request, encode, source);
  } finally {
    handle.release();
  }
}

/** Manager.acquire; counts a request that it refuses. The servable counts the others. */
export function acquireCounted(
  manager: Manager<SavedModel>,
  spec: ModelSpec,
  source: RequestSource,
): ServableHandle<SavedModel> {
  try {
    return manager.acquire(spec);
  } catch (error) {
    metrics.requests.countRefused(source, spec.name, toServingError(error).code);
    throw error;
  }
}
