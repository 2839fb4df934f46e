import type { ServingError } from '../errors.js';
import type { ServableId } from './servable-id.js';

/** Life of a version, with the numbers of ModelVersionStatus.State (tensorflow_serving/apis/get_model_status.proto). */
export const ManagerState = { UNKNOWN: 0, START: 10, LOADING: 20, AVAILABLE: 30, UNLOADING: 40, END: 50 } as const;
export type ManagerState = (typeof ManagerState)[keyof typeof ManagerState];

const STATE_NAMES = new Map<number, string>(Object.entries(ManagerState).map(([name, state]) => [state, name]));

/** The enum's name, e.g. `AVAILABLE`, as status answers and messages print it. */
export function formatManagerState(state: ManagerState): string {
  return STATE_NAMES.get(state) ?? 'UNKNOWN';
}

export interface ServableState {
  readonly id: ServableId;
  readonly state: ManagerState;
  /** Why a version reached END without an unload being asked for: its load failed. */
  readonly error?: ServingError;
}
