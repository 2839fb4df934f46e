import type { Manager } from '../core/manager.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { EncodeOutputs, PredictRequest } from '../tensor/predict-request.js';

/** Api.predict: runs the request on the version it names, which stays loaded until the answer is made. */
export async function predict<T>(
  manager: Manager<SavedModel>,
  request: PredictRequest,
  encode: EncodeOutputs<T>,
): Promise<T> {
  const handle = manager.acquire(request.modelSpec);
  try {
    return await handle.servable.predict(request, encode);
  } finally {
    handle.release();
  }
}
