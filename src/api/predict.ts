import type { Manager } from '../core/manager.js';
import { Code, ServingError } from '../errors.js';
import { readStringMember } from '../json-reader.js';
import { DEFAULT_SIGNATURE, type SavedModel } from '../servables/saved-model.js';
import { CLASSIFY_METHOD, PREDICT_METHOD, REGRESS_METHOD } from '../tensor/inference.js';
import type { EncodeOutputs, PredictRequest } from '../tensor/predict-request.js';
import type { ApiOptions } from './api.js';

/** Api.predict: runs the request on the version it names, which stays loaded until the answer is made. */
export async function predict<T>(
  manager: Manager<SavedModel>,
  request: PredictRequest,
  encode: EncodeOutputs<T>,
  options: ApiOptions,
): Promise<T> {
  const handle = manager.acquire(request.modelSpec);
  try {
    if (options.checkMethodNames) checkMethodName(handle.servable, request);
    return await handle.servable.predict(request, encode);
  } finally {
    handle.release();
  }
}

const PREDICTABLE: readonly string[] = [PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD];

/**
 * --enable_signature_method_name_check: throws INTERNAL, in TensorFlow Serving's words (predict_util.cc), unless the
 * signature's method is one that Predict may run. Of a JSON body the name is only read if the model has other ones.
 */
function checkMethodName(model: SavedModel, request: PredictRequest): void {
  if (model.declared.every(({ isInternal, methodName }) => isInternal || PREDICTABLE.includes(methodName))) return;
  const name = request.kind === 'json' ? readStringMember(request.body, 'signature_name') : request.signatureName;
  const methodName = model.signature(name || DEFAULT_SIGNATURE)?.methodName;
  if (methodName === undefined || PREDICTABLE.includes(methodName)) return;
  throw new ServingError(
    Code.INTERNAL,
    `Expected prediction signature method_name to be one of {${PREDICTABLE.join(', ')}}. Was: ${methodName}`,
  );
}
