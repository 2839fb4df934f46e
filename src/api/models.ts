import type { Manager } from '../core/manager.js';
import type { ServableState } from '../core/servable-state.js';
import { Code, toServingError } from '../errors.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { ModelStates } from './api.js';

/** Api.models. */
export function models(manager: Manager<SavedModel>): ModelStates[] {
  return manager.names().map((name) => ({ name, states: statesOf(manager, name) }));
}

/** A model that is configured, but of which no version was ever seen, is NOT_FOUND to the manager. */
function statesOf(manager: Manager<SavedModel>, name: string): readonly ServableState[] {
  try {
    return manager.states(name);
  } catch (thrown) {
    if (toServingError(thrown).code === Code.NOT_FOUND) return [];
    throw thrown;
  }
}
