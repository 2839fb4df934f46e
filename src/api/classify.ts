import { invalidArgument } from '../errors.js';
import { metrics, type RequestSource } from '../metrics/metrics.js';
import { DEFAULT_SIGNATURE, type SignatureInfo } from '../servables/signature-info.js';
import type { Answerer, Classification, ExampleRequest, Regression } from '../tensor/inference.js';
import { OutputFormat, type Outputs, type TensorPredictRequest } from '../tensor/predict-request.js';
import type { ApiOptions, Claims, RunnableModel } from './api.js';
import { exampleTensor } from './example-tensor.js';
import { readClassification, readRegression } from './inference-results.js';
import { acquireCounted, prepareCounted } from './predict.js';
import { CLASSES, checkClassifySignature, checkRegressSignature, INPUTS, SCORES } from './signature-checks.js';

/** Api.classify. */
export function classify(
  manager: Claims,
  request: ExampleRequest,
  options: ApiOptions,
  source: RequestSource,
): Promise<Classification & Answerer> {
  return runOnExamples(manager, request, source, (signature) => {
    const wanted = checkClassifySignature(signature, options.checkMethodNames);
    const places = { classes: placeOf(wanted, CLASSES), scores: placeOf(wanted, SCORES) };
    return { wanted, read: (outputs, exampleCount) => readClassification(outputs, places, exampleCount) };
  });
}

/** Api.regress. */
export function regress(
  manager: Claims,
  request: ExampleRequest,
  options: ApiOptions,
  source: RequestSource,
): Promise<Regression & Answerer> {
  return runOnExamples(manager, request, source, (signature) => {
    const wanted = checkRegressSignature(signature, options.checkMethodNames);
    return { wanted, read: (outputs, exampleCount) => readRegression(outputs, 0, exampleCount) };
  });
}

function placeOf(wanted: readonly string[], alias: string): number | undefined {
  const place = wanted.indexOf(alias);
  return place < 0 ? undefined : place;
}

/** Which outputs to fetch, and how to read them. */
interface Reading<R> {
  readonly wanted: readonly string[];
  readonly read: (outputs: Outputs, exampleCount: number) => R;
}

async function runOnExamples<R>(
  manager: Claims,
  request: ExampleRequest,
  source: RequestSource,
  prepare: (signature: SignatureInfo) => Reading<R>,
): Promise<R & Answerer> {
  const handle = acquireCounted(manager, request.modelSpec, source);
  try {
    const { run, read, exampleCount } = prepareCounted(handle.servable, source, () => {
      const { wanted, read } = prepare(signatureOf(handle.servable, request.signatureName));
      const { inputs, body, exampleCount } = exampleTensor(request.input, [INPUTS]);
      return { run: predictRequest(request, { inputs, body, outputFilter: wanted }), read, exampleCount };
    });
    metrics.requests.countExamples(handle.id.name, exampleCount, source);
    const answer = (outputs: Outputs) => ({
      ...read(outputs, exampleCount),
      modelName: outputs.modelName,
      modelVersion: outputs.modelVersion,
      signatureName: outputs.signatureName,
    });
    return await handle.servable.predict(run, answer, source);
  } finally {
    handle.release();
  }
}

function signatureOf(model: RunnableModel, name: string): SignatureInfo {
  const wanted = name || DEFAULT_SIGNATURE;
  const signature = model.signature(wanted);
  if (signature === undefined) throw invalidArgument(`No signature was found with the name: ${wanted}`);
  return signature;
}

function predictRequest(
  { modelSpec, signatureName, deadlineMillis, cancellation, priority }: ExampleRequest,
  run: Pick<TensorPredictRequest, 'inputs' | 'body' | 'outputFilter'>,
): TensorPredictRequest {
  const outputFormat = OutputFormat.RAW;
  return { kind: 'tensors', modelSpec, signatureName, deadlineMillis, cancellation, priority, outputFormat, ...run };
}
