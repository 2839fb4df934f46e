import { Code, ServingError } from '../errors.js';
import { type ApiLabel, metrics, requestSource } from '../metrics/metrics.js';
import type { Api } from './api.js';

/**
 * The same Api, of which at most `most` requests are worked on at a time; further ones are refused at once with
 * RESOURCE_EXHAUSTED, as TensorFlow Serving's thread quota does (--grpc_max_threads), and counted as gRPC's.
 */
export function limitInFlight(api: Api, most: number): Api {
  let inFlight = 0;
  const limited = async <T>(method: ApiLabel, run: () => Promise<T>): Promise<T> => {
    if (inFlight >= most) {
      metrics.requests.countTurnedAway(requestSource('grpc', method), Code.RESOURCE_EXHAUSTED);
      throw tooMany(most);
    }
    inFlight += 1;
    try {
      return await run();
    } finally {
      inFlight -= 1;
    }
  };
  return {
    ...api,
    predict: (request, encode) => limited('Predict', () => api.predict(request, encode)),
    classify: (request) => limited('Classify', () => api.classify(request)),
    regress: (request) => limited('Regress', () => api.regress(request)),
    multiInference: (request) => limited('MultiInference', () => api.multiInference(request)),
  };
}

/** How long a client had better wait; the queue's shortest time, too (native/queue.cc): when a place is free nobody knows. */
const RETRY_MILLIS = 100;

function tooMany(most: number): ServingError {
  return new ServingError(
    Code.RESOURCE_EXHAUSTED,
    `${most} gRPC requests are being worked on already, the most that --grpc_max_threads allows. Try again, or start the ` +
      'server with a larger --grpc_max_threads or without it.',
    { retryMillis: RETRY_MILLIS },
  );
}
