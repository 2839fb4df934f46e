/** The gRPC door: TensorFlow Serving's PredictionService and ModelService, health checks, reflection. */
import type { Api } from '../../api/api.js';
import { Code, ServingError } from '../../errors.js';
import type { RequestLogs } from '../../request-log.js';
import { OutputFormat, type Outputs } from '../../tensor/predict-request.js';
import type { Door } from '../door.js';
import { createGrpcListener, type GrpcListener, type GrpcListenerOptions, type UnaryMethod } from '../grpc.js';
import { decodePredictRequest } from './decode.js';
import { encodePredictResponse } from './encode.js';
import { registerHealth } from './health.js';
import { getModelMetadata } from './metadata.js';
import { getModelStatus } from './model-status.js';
import { registerReflection } from './reflection.js';
import { logged } from './request-log.js';
import { toGrpcStatus } from './status.js';

const PREDICTION_SERVICE = 'tensorflow.serving.PredictionService';
const MODEL_SERVICE = 'tensorflow.serving.ModelService';
const HEALTH_SERVICE = 'grpc.health.v1.Health';

export interface GrpcDoorOptions extends Omit<GrpcListenerOptions, 'toStatus'> {
  /** How Predict sends tensors: in typed fields (the default, as TensorFlow Serving) or as RAW, in tensor_content. */
  readonly outputFormat?: OutputFormat;
  /** Where requests are logged; default nowhere. */
  readonly requestLogs?: RequestLogs;
}

/** A listener with all of TensorFlow Serving's gRPC methods. */
export function createGrpcDoor(api: Api, options: GrpcDoorOptions): Door {
  const listener = createGrpcListener({ ...options, toStatus: toGrpcStatus });
  registerPredictionService(listener, api, options);
  registerModelService(listener, api);
  registerHealth(listener, api);
  registerReflection(listener, [PREDICTION_SERVICE, MODEL_SERVICE, HEALTH_SERVICE]);
  return listener;
}

function registerPredictionService(listener: GrpcListener, api: Api, options: GrpcDoorOptions): void {
  const { outputFormat = OutputFormat.TYPED_FIELDS, requestLogs } = options;
  const path = (method: string) => `/${PREDICTION_SERVICE}/${method}`;
  const encode = (outputs: Outputs) => encodePredictResponse(outputs, outputFormat);
  const predict: UnaryMethod = (message, context) =>
    api.predict(decodePredictRequest(message, context, outputFormat), encode);
  listener.register(path('Predict'), logged(requestLogs, 'Predict', predict));
  listener.register(path('GetModelMetadata'), async (message) => getModelMetadata(api, message));
  listener.register(path('Classify'), unimplemented('Classify is not supported yet. Use Predict.'));
  listener.register(path('Regress'), unimplemented('Regress is not supported yet. Use Predict.'));
  listener.register(path('MultiInference'), unimplemented('MultiInference is not supported yet. Use Predict.'));
}

function registerModelService(listener: GrpcListener, api: Api): void {
  listener.register(`/${MODEL_SERVICE}/GetModelStatus`, async (message) => getModelStatus(api, message));
  const reload = 'HandleReloadConfigRequest is not supported yet. Restart the server with the new configuration.';
  listener.register(`/${MODEL_SERVICE}/HandleReloadConfigRequest`, unimplemented(reload));
}

function unimplemented(text: string): UnaryMethod {
  return async () => {
    throw new ServingError(Code.UNIMPLEMENTED, text);
  };
}
