import { describeConfig } from '../config/effective-config.js';
import type { Manager } from '../core/manager.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { Api, ApiOptions } from './api.js';
import { classify, regress } from './classify.js';
import { modelMetadata } from './model-metadata.js';
import { models } from './models.js';
import { multiInference } from './multi-inference.js';
import { predict } from './predict.js';
import { type Reloading, reloadConfig } from './reload-config.js';

/** The Api over a manager; `ready` says whether the server takes requests. */
export function createApi(
  manager: Manager<SavedModel>,
  reloading: Reloading,
  ready: () => boolean,
  options: ApiOptions,
): Api {
  return {
    predict: (request, encode) => predict(manager, request, encode, options),
    classify: (request) => classify(manager, request, options),
    regress: (request) => regress(manager, request, options),
    multiInference: (request) => multiInference(manager, request, options),
    modelMetadata: (spec) => modelMetadata(manager, spec),
    modelStatus: ({ name, version }) => manager.states(name, version),
    reloadConfig: (config, metricNames) => reloadConfig(reloading, config, metricNames),
    effectiveConfig: () => describeConfig(reloading.configurator.state),
    models: () => models(manager),
    ready,
  };
}
