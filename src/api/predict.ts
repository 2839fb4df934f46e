import type { ServableHandle } from '../core/servable-handle.js';
import { Code, ServingError } from '../errors.js';
import { readStringMember } from '../formats/json-reader.js';
import { countRefused, type RequestSource } from '../metrics/metrics.js';
import { DEFAULT_SIGNATURE } from '../servables/signature-info.js';
import { CLASSIFY_METHOD, PREDICT_METHOD, REGRESS_METHOD } from '../tensor/inference.js';
import type { EncodeOutputs, ModelSpec, PredictRequest } from '../tensor/predict-request.js';
import type { ApiOptions, Claims, RunnableModel } from './api.js';

/** Api.predict: runs the request on the version it names, which stays loaded until the answer is made. */
export async function predict<T>(
  manager: Claims,
  request: PredictRequest,
  encode: EncodeOutputs<T>,
  options: ApiOptions,
  source: RequestSource,
): Promise<T> {
  const handle = acquireCounted(manager, request.modelSpec, source);
  try {
    if (options.checkMethodNames) checkMethodName(handle.servable, request, source);
    return await handle.servable.predict(request, encode, source);
  } finally {
    handle.release();
  }
}

/** Manager.acquire; counts a request that it refuses. The others are for the servable to count. */
export function acquireCounted(manager: Claims, spec: ModelSpec, source: RequestSource): ServableHandle<RunnableModel> {
  try {
    return manager.acquire(spec);
  } catch (error) {
    throw countRefused(source, spec.name, error);
  }
}

/** Runs what is to be done before SavedModel.predict(), and counts the request if that throws. */
export function prepareCounted<T>(model: RunnableModel, source: RequestSource, prepare: () => T): T {
  try {
    return prepare();
  } catch (error) {
    model.countRefused(source, error);
    throw error;
  }
}

const PREDICTABLE: readonly string[] = [PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD];

/**
 * --enable_signature_method_name_check: throws INTERNAL, in TensorFlow Serving's words (predict_util.cc), unless the
 * signature's method is one that Predict may run, and counts the request. Of a JSON body the name is only read if the model
 * has other ones.
 */
function checkMethodName(model: RunnableModel, request: PredictRequest, source: RequestSource): void {
  if (model.declared.every(({ isInternal, methodName }) => isInternal || PREDICTABLE.includes(methodName))) return;
  const name = request.kind === 'json' ? readStringMember(request.body, 'signature_name') : request.signatureName;
  const methodName = model.signature(name || DEFAULT_SIGNATURE)?.methodName;
  if (methodName === undefined || PREDICTABLE.includes(methodName)) return;
  const error = new ServingError(
    Code.INTERNAL,
    `Expected prediction signature method_name to be one of {${PREDICTABLE.join(', ')}}. Was: ${methodName}`,
  );
  model.countRefused(source, error, request.body.byteLength);
  throw error;
}
