import type { LoggedMethod } from '../request-log/prediction-log.js';
import type { ModelRequestLog, RequestLogs } from '../request-log/request-log.js';
import type { Answerer, ExampleRequest } from '../tensor/inference.js';
import type { ModelSpec, Outputs } from '../tensor/predict-request.js';
import type { Api } from './api.js';
import {
  loggedClassificationResponse,
  loggedExampleRequest,
  loggedPredictRequest,
  loggedPredictResponse,
  loggedRegressionResponse,
} from './logged-messages.js';

/**
 * The same Api, of whose JSON, Classify and Regress requests a share is logged with their answers, as if they had come over
 * gRPC. Requests that fail are not logged. Where no model is logged it costs one look at a number.
 */
export function logRequests(api: Api, logs: RequestLogs): Api {
  const sample = ({ name }: ModelSpec) => (logs.active ? logs.sample(name) : undefined);
  return {
    ...api,
    predict: (request, encode) => {
      const log = request.kind === 'json' ? sample(request.modelSpec) : undefined;
      if (log === undefined || request.kind !== 'json') return api.predict(request, encode);
      const onTensors = (inputs: Outputs, outputs: Outputs) => recordPredict(log, request.modelSpec, inputs, outputs);
      return api.predict({ ...request, onTensors }, encode);
    },
    classify: (request) => {
      const log = sample(request.modelSpec);
      const run = () => api.classify(request);
      return log === undefined ? run() : recorded(log, 'Classify', request, run, loggedClassificationResponse);
    },
    regress: (request) => {
      const log = sample(request.modelSpec);
      const run = () => api.regress(request);
      return log === undefined ? run() : recorded(log, 'Regress', request, run, loggedRegressionResponse);
    },
  };
}

function recordPredict(log: ModelRequestLog, spec: ModelSpec, inputs: Outputs, outputs: Outputs): void {
  if (!log.hasRoom(totalBytes(inputs) + totalBytes(outputs))) return;
  const request = loggedPredictRequest(spec, inputs);
  log.record('Predict', new Uint8Array(request), loggedPredictResponse(outputs));
}

function totalBytes(tensors: Outputs): number {
  let total = 0;
  for (let i = 0; i < tensors.count; i++) total += tensors.byteLength(i);
  return total;
}

async function recorded<R extends Answerer>(
  log: ModelRequestLog,
  method: LoggedMethod,
  request: ExampleRequest,
  run: () => Promise<R>,
  encode: (answer: R) => Uint8Array,
): Promise<R> {
  // Now: the request's memory is lent.
  const message = log.hasRoom(request.input.body.byteLength) ? loggedExampleRequest(request) : undefined;
  const answer = await run();
  if (message !== undefined) log.record(method, new Uint8Array(message), encode(answer));
  return answer;
}
