import type { Manager } from '../core/manager.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { Api, ApiOptions } from './api.js';
import { classify, regress } from './classify.js';
import { modelMetadata } from './model-metadata.js';
import { models } from './models.js';
import { multiInference } from './multi-inference.js';
import { predict } from './predict.js';

/** The Api over a manager; `ready` says whether the server takes requests. */
export function createApi(manager: Manager<SavedModel>, ready: () => boolean, options: ApiOptions): Api {
  return {
    predict: (request, encode) => predict(manager, request, encode, options),
    classify: (request) => classify(manager, request, options),
    regress: (request) => regress(manager, request, options),
    multiInference: (request) => multiInference(manager, request, options),
    modelMetadata: (spec) => modelMetadata(manager, spec),
    modelStatus: ({ name, version }) => manager.states(name, version),
    models: () => models(manager),
    ready,
  };
}
