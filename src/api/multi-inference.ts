import { Code, invalidArgument, ServingError } from '../errors.js';
import { metrics, type RequestSource } from '../metrics/metrics.js';
import { DEFAULT_SIGNATURE, type SignatureInfo } from '../servables/signature-info.js';
import {
  CLASSIFY_METHOD,
  type InferenceResult,
  type InferenceTask,
  type MultiInferenceRequest,
  REGRESS_METHOD,
} from '../tensor/inference.js';
import { type ModelSpec, OutputFormat, type Outputs, type TensorPredictRequest } from '../tensor/predict-request.js';
import type { ApiOptions, Claims, RunnableModel } from './api.js';
import { exampleTensor } from './example-tensor.js';
import { readClassification, readRegression } from './inference-results.js';
import { acquireCounted, prepareCounted } from './predict.js';
import { CLASSES, checkClassifySignature, checkRegressSignature, OUTPUTS, SCORES } from './signature-checks.js';

/**
 * Api.multiInference: one run that feeds the examples to the input of each task and fetches what all tasks want. It names
 * graph tensors, so that the tasks' signatures need have nothing in common; such runs are not batched with others.
 */
export async function multiInference(
  manager: Claims,
  request: MultiInferenceRequest,
  options: ApiOptions,
  source: RequestSource,
): Promise<InferenceResult[]> {
  const modelSpec = request.tasks[0]?.modelSpec;
  if (modelSpec === undefined || modelSpec.name === '') {
    metrics.requests.countRefused(source, '', Code.INVALID_ARGUMENT);
    throw invalidArgument('ModelSpec has no name specified.');
  }
  const handle = acquireCounted(manager, modelSpec, source);
  try {
    const { tasks, run, exampleCount } = prepareCounted(handle.servable, source, () => {
      const tasks = prepareTasks(request.tasks, handle.servable, options);
      return { tasks, ...prepareRun(request, modelSpec, tasks) };
    });
    metrics.requests.countExamples(handle.id.name, exampleCount, source);
    const answer = (outputs: Outputs) => tasks.map((task) => readResult(outputs, task, exampleCount));
    return await handle.servable.predict(run, answer, source);
  } finally {
    handle.release();
  }
}

function prepareRun(
  { input: examples, deadlineMillis, cancellation, priority }: MultiInferenceRequest,
  modelSpec: ModelSpec,
  tasks: readonly PreparedTask[],
): { readonly run: TensorPredictRequest; readonly exampleCount: number } {
  const { inputs, body, exampleCount } = exampleTensor(examples, [...new Set(tasks.map(({ input }) => input))].sort());
  const run: TensorPredictRequest = {
    kind: 'tensors',
    modelSpec,
    signatureName: '',
    allowGraphTensors: true,
    inputs,
    body,
    outputFilter: [...new Set(tasks.flatMap(({ tensors }) => [...tensors.values()]))].sort(),
    outputFormat: OutputFormat.RAW,
    deadlineMillis,
    cancellation,
    priority,
  };
  return { run, exampleCount };
}

interface PreparedTask {
  readonly signatureName: string;
  readonly isClassify: boolean;
  /** The graph tensor of the signature's one input. */
  readonly input: string;
  /** The graph tensor of each output to fetch, by alias. */
  readonly tensors: ReadonlyMap<string, string>;
}

/** Checks the tasks one after the other, with the texts of TensorFlow Serving's multi_inference.cc. */
function prepareTasks(tasks: readonly InferenceTask[], model: RunnableModel, options: ApiOptions): PreparedTask[] {
  const prepared: PreparedTask[] = [];
  for (const task of tasks) {
    checkName(task, tasks[0] as InferenceTask);
    const signatureName = task.signatureName || DEFAULT_SIGNATURE;
    if (prepared.some((other) => other.signatureName === signatureName)) {
      throw invalidArgument(`Duplicate evaluation of signature: ${signatureName}`);
    }
    const signature = model.signature(signatureName);
    if (signature === undefined) {
      throw invalidArgument(`Requested signature not found in model graph: ${signatureName}`);
    }
    prepared.push(prepareTask(task, signature, options));
  }
  return prepared;
}

function checkName({ modelSpec }: InferenceTask, first: InferenceTask): void {
  if (modelSpec.name === '') throw invalidArgument('Found ModelSpec with an empty model name.');
  if (modelSpec.name === first.modelSpec.name) return;
  throw invalidArgument('All ModelSpecs in a MultiInferenceRequest must access the same model name.');
}

function prepareTask({ methodName }: InferenceTask, signature: SignatureInfo, options: ApiOptions): PreparedTask {
  const wanted = wantedOutputs(methodName, signature, options);
  const names = new Map(signature.outputs.map(({ alias, tensorName }) => [alias, graphTensor(tensorName)]));
  return {
    signatureName: signature.name,
    isClassify: methodName === CLASSIFY_METHOD,
    input: graphTensor(signature.inputs[0]?.tensorName ?? ''),
    tensors: new Map(wanted.map((alias) => [alias, names.get(alias) as string])),
  };
}

function wantedOutputs(methodName: string, signature: SignatureInfo, { checkMethodNames }: ApiOptions): string[] {
  if (methodName === CLASSIFY_METHOD) return checkClassifySignature(signature, checkMethodNames);
  if (methodName === REGRESS_METHOD) return checkRegressSignature(signature, checkMethodNames);
  throw new ServingError(Code.UNIMPLEMENTED, `Unsupported signature method_name: ${methodName}`);
}

/** With its index, so that it cannot be taken for an alias. */
function graphTensor(name: string): string {
  return name.includes(':') ? name : `${name}:0`;
}

function readResult(outputs: Outputs, task: PreparedTask, exampleCount: number): InferenceResult {
  const { modelName, modelVersion } = outputs;
  const place = (alias: string) => placeOf(outputs, task.tensors.get(alias));
  const answerer = { modelName, modelVersion, signatureName: task.signatureName };
  if (!task.isClassify) {
    return { ...answerer, regression: readRegression(outputs, place(OUTPUTS) as number, exampleCount) };
  }
  const places = { classes: place(CLASSES), scores: place(SCORES) };
  return { ...answerer, classification: readClassification(outputs, places, exampleCount) };
}

function placeOf(outputs: Outputs, tensor: string | undefined): number | undefined {
  for (let i = 0; i < outputs.count; i++) if (outputs.alias(i) === tensor) return i;
  return undefined;
}
