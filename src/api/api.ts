/**
 * What the doors may ask of the server: one method per call of TF Serving's API, without any protocol in it. server.ts
 * makes the one object of this type; unit tests of the doors make their own.
 */
import type { ServableHandle, ServableRequest } from '../core/servable-handle.js';
import type { ServableId } from '../core/servable-id.js';
import type { ServableState } from '../core/servable-state.js';
import type { ModelServerConfig } from '../gen/messages.js';
import type { ModelStatistics } from '../metrics/metrics.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { SignatureInfo } from '../servables/signature-info.js';
import type {
  Answerer,
  Classification,
  ExampleRequest,
  InferenceResult,
  MultiInferenceRequest,
  Regression,
} from '../tensor/inference.js';
import type { EncodeOutputs, ModelSpec, PredictRequest } from '../tensor/predict-request.js';

export type { ModelStatistics, Statistics, TotalDuration } from '../metrics/metrics.js';
export type { SignatureInfo, TensorInfo } from '../servables/signature-info.js';

export interface ModelMetadata {
  readonly id: ServableId;
  /** In the order of the names' bytes. */
  readonly signatures: readonly SignatureInfo[];
}

/** By how much a metric grew while a configuration was put in force. */
export interface MetricIncrease {
  readonly name: string;
  readonly increase: bigint;
}

export interface ModelStates {
  readonly name: string;
  /** Newest version first; empty if none was ever seen. */
  readonly states: readonly ServableState[];
}

export interface ApiOptions {
  /** Whether each method insists on the method name of the signature that it runs. */
  readonly checkMethodNames: boolean;
}

/** What the methods that run a model need of it. */
export type RunnableModel = Pick<SavedModel, 'declared' | 'signature' | 'predict' | 'countRefused'>;

/** What hands out versions to run: the Manager, or for a warm-up whoever has the version that is not available yet. */
export interface Claims {
  acquire(request: ServableRequest): ServableHandle<RunnableModel>;
}

/** The methods that run a model. */
export type InferenceApi = Pick<Api, 'predict' | 'classify' | 'regress' | 'multiInference'>;

export interface Api {
  /**
   * Runs the model and resolves with what `encode` made of its outputs. All that is needed of the request's body has been
   * taken when the call returns, so the caller may reuse that memory at once. Rejects with a ServingError:
   * NOT_FOUND for an unknown model or version, FAILED_PRECONDITION for an unknown signature, INVALID_ARGUMENT for inputs
   * that do not fit, DEADLINE_EXCEEDED, CANCELLED, RESOURCE_EXHAUSTED, UNAVAILABLE while the server stops, or the run's own.
   */
  predict<T>(request: PredictRequest, encode: EncodeOutputs<T>): Promise<T>;

  /**
   * Runs a signature on serialized tf.Examples and resolves with each one's classes. The body is the caller's again when
   * the call returns. Rejects as predict() does, and with INVALID_ARGUMENT, in TF Serving's words, for a signature that is
   * not there or none for this method, for no examples, and for outputs that are no classes.
   */
  classify(request: ExampleRequest): Promise<Classification & Answerer>;

  /** The same with one value for each example. */
  regress(request: ExampleRequest): Promise<Regression & Answerer>;

  /**
   * Several Classify and Regress of one model on the same examples, in one run; results in the order of the tasks. The
   * first task says which version. Rejects as those do, with INVALID_ARGUMENT if the tasks' models differ or a signature
   * comes twice, and with UNIMPLEMENTED for another method.
   */
  multiInference(request: MultiInferenceRequest): Promise<InferenceResult[]>;

  /** Signatures of a servable. Throws ServingError as predict() does for the model spec. */
  modelMetadata(spec: ModelSpec): ModelMetadata;

  /**
   * States of all versions ever seen of a model, newest first, or of the one version asked for. A versionLabel is ignored,
   * as TF Serving does. Throws NOT_FOUND for a model or version never seen.
   */
  modelStatus(spec: ModelSpec): readonly ServableState[];

  /**
   * What requests have cost so far, of the version asked for, or of all available ones, newest first. Throws ServingError as
   * predict() does for the model spec.
   */
  modelStatistics(spec: ModelSpec): readonly ModelStatistics[];

  /**
   * Puts another configuration in force, and resolves when its new models are available. Rejects with INVALID_ARGUMENT or
   * FAILED_PRECONDITION if it is refused, UNKNOWN if some of the new models cannot be loaded.
   */
  reloadConfig(
    config: ModelServerConfig | undefined,
    metricNames: readonly string[],
  ): Promise<readonly MetricIncrease[]>;

  /** The configuration in force and what is loaded, for JSON. */
  effectiveConfig(): object;

  /** All models that were ever configured, with the states of all their versions. */
  models(): readonly ModelStates[];

  /**
   * Whether the server takes requests: false while it loads its first models, while it drains, and while a model of it is
   * blocked by a run that does not end.
   */
  ready(): boolean;
  /** Why it is not, each a sentence; empty if it is. */
  obstacles(): readonly string[];
}
