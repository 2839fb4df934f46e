/** Requests out of request logs (logging_config), for a warm-up file. */
import { decodePredictRequest } from '../doors/grpc/decode.js';
import { decodeExampleRequest, decodeMultiInferenceRequest } from '../doors/grpc/decode-inference.js';
import { notFound, ServingError } from '../errors.js';
import { readTfRecords } from '../formats/tf-record.js';
import { decodePredictionLog } from '../request-log/prediction-log.js';
import { Cancellation, OutputFormat } from '../tensor/predict-request.js';
import type { MethodRequest } from './request-messages.js';

/** A request, and what tells it from others as far as warm-up is concerned. */
export interface LoggedKind extends MethodRequest {
  readonly modelName: string;
  readonly signatureNames: readonly string[];
  /** Method, signature, dtypes and shapes. */
  readonly kind: string;
}

const CONTEXT = { deadlineMillis: Number.POSITIVE_INFINITY, cancellation: new Cancellation() };

/**
 * All requests in the TFRecord files of PredictionLogs. Throws as readTfRecords() and the decoders do, and NOT_FOUND for a file
 * that cannot be read.
 */
export async function* readLoggedRequests(paths: readonly string[]): AsyncGenerator<LoggedKind, void, void> {
  for (const path of paths) {
    for await (const record of recordsOf(path)) {
      const { method, request } = decodePredictionLog(record);
      if (method === undefined) continue;
      const { modelName, signatureNames, shape } = describe({ method, request });
      yield { method, request, modelName, signatureNames, kind: JSON.stringify([method, signatureNames, shape]) };
    }
  }
}

async function* recordsOf(path: string): AsyncGenerator<Buffer, void, void> {
  try {
    yield* readTfRecords(path);
  } catch (error) {
    if (error instanceof ServingError) throw error;
    throw notFound(`--from_log=${path} cannot be read: ${(error as Error).message}.`);
  }
}

function describe({ method, request }: MethodRequest) {
  if (method === 'Predict') {
    const { modelSpec, signatureName, inputs } = decodePredictRequest(request, CONTEXT, OutputFormat.RAW);
    const shape = inputs.map(({ name, dtype, shape: dims }) => [name, dtype, ...dims]).sort();
    return { modelName: modelSpec.name, signatureNames: [signatureName], shape };
  }
  if (method === 'MultiInference') {
    const { tasks, input } = decodeMultiInferenceRequest(request, CONTEXT);
    const signatureNames = tasks.map(({ signatureName }) => signatureName);
    return { modelName: tasks[0]?.modelSpec.name ?? '', signatureNames, shape: input.ranges.length / 2 };
  }
  const { modelSpec, signatureName, input } = decodeExampleRequest(request, CONTEXT, method);
  return { modelName: modelSpec.name, signatureNames: [signatureName], shape: input.ranges.length / 2 };
}
