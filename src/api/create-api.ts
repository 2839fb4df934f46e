import { describeConfig } from '../config/effective-config.js';
import type { Manager } from '../core/manager.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { Api } from './api.js';
import { modelMetadata } from './model-metadata.js';
import { predict } from './predict.js';
import { type Reloading, reloadConfig } from './reload-config.js';

/** The Api over a manager; `ready` says whether the server takes requests. */
export function createApi(manager: Manager<SavedModel>, reloading: Reloading, ready: () => boolean): Api {
  return {
    predict: (request, encode) => predict(manager, request, encode),
    modelMetadata: (spec) => modelMetadata(manager, spec),
    modelStatus: ({ name, version }) => manager.states(name, version),
    reloadConfig: (config, metricNames) => reloadConfig(reloading, config, metricNames),
    effectiveConfig: () => describeConfig(reloading.configurator.state),
    ready,
  };
}
