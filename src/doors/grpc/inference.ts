/** PredictionService's Classify, Regress and MultiInference. */
import type { InferenceApi } from '../../api/api.js';
import { countRefused, type DoorLabel, type RequestSource, requestSource } from '../../metrics/metrics.js';
import type { AnsweringMethod, CallContext } from '../grpc.js';
import { decodeExampleRequest, decodeMultiInferenceRequest } from './decode-inference.js';
import {
  encodeClassificationResponse,
  encodeMultiInferenceResponse,
  encodeRegressionResponse,
} from './encode-inference.js';

/** The methods by their names. Requests that cannot be decoded are counted as `door`'s. */
export function inferenceMethods(
  api: InferenceApi,
  door: DoorLabel,
): Readonly<Record<'Classify' | 'Regress' | 'MultiInference', AnsweringMethod>> {
  const classifySource = requestSource(door, 'Classify');
  const regressSource = requestSource(door, 'Regress');
  const multiInferenceSource = requestSource(door, 'MultiInference');
  const readExamples = (message: Uint8Array, context: CallContext, name: string, source: RequestSource) =>
    countingRefusals(source, () => decodeExampleRequest(message, context, name));
  const readTasks = (message: Uint8Array, context: CallContext) =>
    countingRefusals(multiInferenceSource, () => decodeMultiInferenceRequest(message, context));
  return {
    Classify: async (message, context) =>
      encodeClassificationResponse(
        await api.classify(readExamples(message, context, 'ClassificationRequest', classifySource)),
      ),
    Regress: async (message, context) =>
      encodeRegressionResponse(await api.regress(readExamples(message, context, 'RegressionRequest', regressSource))),
    MultiInference: async (message, context) =>
      encodeMultiInferenceResponse(await api.multiInference(readTasks(message, context))),
  };
}

function countingRefusals<T>(source: RequestSource, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw countRefused(source, '', error);
  }
}
