/** Runs logged requests through the code that answers the same ones over gRPC. */
import type { InferenceApi } from '../api/api.js';
import { decodePredictRequest } from '../doors/grpc/decode.js';
import { encodePredictResponse } from '../doors/grpc/encode.js';
import { inferenceMethods } from '../doors/grpc/inference.js';
import { ReusedBuffer } from '../doors/grpc.js';
import { encodeMessage } from '../formats/protobuf.js';
import { InferenceTask } from '../gen/messages.js';
import type { LoggedMethod } from '../request-log/prediction-log.js';
import type { Cancellation, OutputFormat } from '../tensor/predict-request.js';

export interface ReplayOptions {
  readonly api: InferenceApi;
  /** For requests without a ModelSpec, which TensorFlow Serving replays as well. */
  readonly modelName: string;
  /** As over gRPC. */
  readonly outputFormat: OutputFormat;
  readonly cancellation: Cancellation;
}

/** Runs one request; its answer is made and dropped. Rejects as the method does. */
export type Replay = (method: LoggedMethod, request: Uint8Array) => Promise<void>;

export function createReplay({ api, modelName, outputFormat, cancellation }: ReplayOptions): Replay {
  const context = { deadlineMillis: Number.POSITIVE_INFINITY, cancellation };
  const buffer = new ReusedBuffer();
  // Field 1 of each request is its model_spec, as it is of this message.
  const head = encodeMessage(InferenceTask, { model_spec: { name: modelName } });
  const { MultiInference, ...others } = inferenceMethods(api, 'warmup');
  const methods: Record<LoggedMethod, (request: Uint8Array) => Promise<unknown>> = {
    Predict: async (request) =>
      api.predict(decodePredictRequest(withSpec(request), context, outputFormat), (outputs) => {
        encodePredictResponse(outputs, outputFormat, buffer);
      }),
    Classify: (request) => others.Classify(withSpec(request), context),
    Regress: (request) => others.Regress(withSpec(request), context),
    MultiInference: (request) => MultiInference(request, context),
  };
  /** protobuf merges: what the request's own spec says wins. */
  function withSpec(request: Uint8Array): Buffer {
    return Buffer.concat([head, request]);
  }
  return async (method, request) => {
    await methods[method](request);
  };
}
