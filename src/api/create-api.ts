import { describeConfig } from '../config/effective-config.js';
import type { Manager } from '../core/manager.js';
import { type DoorLabel, requestSource } from '../metrics/metrics.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { Api, ApiOptions, Claims, InferenceApi } from './api.js';
import { classify, regress } from './classify.js';
import { loadedModels } from './loaded-models.js';
import { modelMetadata } from './model-metadata.js';
import { modelStatistics } from './model-statistics.js';
import { models } from './models.js';
import { multiInference } from './multi-inference.js';
import { predict } from './predict.js';
import { type Reloading, reloadConfig } from './reload-config.js';

/** What the Api of every door is made of. */
export interface ApiParts {
  readonly manager: Manager<SavedModel>;
  readonly reloading: Reloading;
  /** Why the server is not ready for requests, each a sentence; empty if it is. */
  readonly obstacles: () => readonly string[];
  readonly options: ApiOptions;
  /** For JSON: the devices, and which of them these models have. Default: nothing is said of them. */
  readonly describeDevices?: (models: readonly string[]) => object;
}

/** The Api as one door has it: what comes through it is counted under its name. */
export function createApi({ manager, reloading, obstacles, options, describeDevices }: ApiParts, door: DoorLabel): Api {
  return {
    ...createInferenceApi(manager, options, door),
    modelMetadata: (spec) => modelMetadata(manager, spec),
    modelStatus: ({ name, version }) => manager.states(name, version),
    modelStatistics: (spec) => modelStatistics(manager, spec),
    reloadConfig: (config, metricNames) => reloadConfig(reloading, config, metricNames),
    effectiveConfig: () => {
      const { state } = reloading.configurator;
      const devices = describeDevices?.(state.models.map(({ name }) => name));
      return { ...describeConfig(state), ...devices, loaded_models: loadedModels(manager) };
    },
    models: () => models(manager),
    ready: () => obstacles().length === 0,
    obstacles,
  };
}

/** The methods that run a model, on what `claims` hands out. */
export function createInferenceApi(claims: Claims, options: ApiOptions, door: DoorLabel): InferenceApi {
  const predictSource = requestSource(door, 'Predict');
  const classifySource = requestSource(door, 'Classify');
  const regressSource = requestSource(door, 'Regress');
  const multiInferenceSource = requestSource(door, 'MultiInference');
  return {
    predict: (request, encode) => predict(claims, request, encode, options, predictSource),
    classify: (request) => classify(claims, request, options, classifySource),
    regress: (request) => regress(claims, request, options, regressSource),
    multiInference: (request) => multiInference(claims, request, options, multiInferenceSource),
  };
}
