import type { Manager } from '../core/manager.js';
import { type DoorLabel, requestSource } from '../metrics.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { Api } from './api.js';
import { modelMetadata } from './model-metadata.js';
import { predict } from './predict.js';

/** The Api over a manager, for one door; `ready` says whether the server takes requests. */
export function createApi(manager: Manager<SavedModel>, ready: () => boolean, door: DoorLabel): Api {
  const source = requestSource(door, 'Predict');
  return {
    predict: (request, encode) => predict(manager, request, encode, source),
    modelMetadata: (spec) => modelMetadata(manager, spec),
    modelStatus: ({ name, version }) => manager.states(name, version),
    ready,
  };
}
