/** The gRPC door: TensorFlow Serving's PredictionService and ModelService, ProfilerService, health checks, reflection. */
import type { Api } from '../../api/api.js';
import { countRefused, requestSource } from '../../metrics/metrics.js';
import type { LoggedMethod } from '../../request-log/prediction-log.js';
import type { RequestLogs } from '../../request-log/request-log.js';
import { OutputFormat, type Outputs, type TensorPredictRequest } from '../../tensor/predict-request.js';
import type { Door } from '../door.js';
import {
  type AnsweringMethod,
  createGrpcListener,
  type GrpcListener,
  type GrpcListenerOptions,
  type GrpcTransport,
  ReusedBuffer,
  type UnaryMethod,
} from '../grpc.js';
import { decodePredictRequest } from './decode.js';
import { encodePredictResponse } from './encode.js';
import { registerHealth } from './health.js';
import { inferenceMethods } from './inference.js';
import { getModelMetadata } from './metadata.js';
import { getModelStatus } from './model-status.js';
import { PROFILER_SERVICE, type Profiler, registerProfiler } from './profiler.js';
import { registerReflection } from './reflection.js';
import { handleReloadConfigRequest } from './reload-config.js';
import { logged } from './request-log.js';
import { toGrpcStatus } from './status.js';

const PREDICTION_SERVICE = 'tensorflow.serving.PredictionService';
const MODEL_SERVICE = 'tensorflow.serving.ModelService';
const HEALTH_SERVICE = 'grpc.health.v1.Health';
const PREDICT = requestSource('grpc', 'Predict');

export interface GrpcDoorOptions extends Omit<GrpcListenerOptions, 'toStatus'> {
  /** How Predict sends tensors: in typed fields (the default, as TensorFlow Serving) or as RAW, in tensor_content. */
  readonly outputFormat?: OutputFormat;
  /** Default: the fastest that this build of Node can have. */
  readonly transport?: GrpcTransport;
  /** Where requests are logged; default nowhere. */
  readonly requestLogs?: RequestLogs;
  /** Undefined: no ProfilerService. */
  readonly profiler?: Profiler | undefined;
}

/** A listener with all of TensorFlow Serving's gRPC methods. */
export function createGrpcDoor(api: Api, options: GrpcDoorOptions): Door {
  const listener = createGrpcListener({ ...options, toStatus: toGrpcStatus }, options.transport);
  registerPredictionService(listener, api, options);
  registerModelService(listener, api);
  registerHealth(listener, api);
  const services = [PREDICTION_SERVICE, MODEL_SERVICE, HEALTH_SERVICE];
  if (options.profiler !== undefined) {
    registerProfiler(listener, options.profiler);
    services.push(PROFILER_SERVICE);
  }
  registerReflection(listener, services);
  return listener;
}

function registerPredictionService(listener: GrpcListener, api: Api, options: GrpcDoorOptions): void {
  const { outputFormat = OutputFormat.TYPED_FIELDS, requestLogs } = options;
  const path = (method: string) => `/${PREDICTION_SERVICE}/${method}`;
  const buffer = new ReusedBuffer();
  const encode = (outputs: Outputs) => encodePredictResponse(outputs, outputFormat, buffer);
  const predict: UnaryMethod = (message, call) => {
    let request: TensorPredictRequest;
    try {
      request = decodePredictRequest(message, call, outputFormat);
    } catch (error) {
      throw countRefused(PREDICT, '', error);
    }
    return api.predict(request, (outputs) => call.reply(encode(outputs)));
  };
  listener.register(path('Predict'), logged(requestLogs, 'Predict', predict));
  listener.register(path('GetModelMetadata'), (message, call) => call.reply(getModelMetadata(api, message)));
  for (const [name, method] of Object.entries(inferenceMethods(api, 'grpc')))
    listener.register(path(name), logged(requestLogs, name as LoggedMethod, answering(method)));
}

function registerModelService(listener: GrpcListener, api: Api): void {
  listener.register(`/${MODEL_SERVICE}/GetModelStatus`, (message, call) => call.reply(getModelStatus(api, message)));
  listener.register(
    `/${MODEL_SERVICE}/HandleReloadConfigRequest`,
    answering((message) => handleReloadConfigRequest(api, message)),
  );
}

function answering(method: AnsweringMethod): UnaryMethod {
  return async (message, call) => call.reply(await method(message, call));
}
