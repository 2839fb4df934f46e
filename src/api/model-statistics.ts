import type { Manager } from '../core/manager.js';
import { ManagerState } from '../core/servable-state.js';
import { type ModelStatistics, metrics, modelStatistics as statisticsOf } from '../metrics/metrics.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { ModelSpec } from '../tensor/predict-request.js';

/** Api.modelStatistics. */
export function modelStatistics(manager: Manager<SavedModel>, spec: ModelSpec): ModelStatistics[] {
  return versionsOf(manager, spec).map((version) => statisticsOf(metrics.requests.recorders(), spec.name, version));
}

function versionsOf(manager: Manager<SavedModel>, spec: ModelSpec): bigint[] {
  const handle = manager.acquire(spec);
  handle.release();
  if (spec.version !== undefined || spec.versionLabel !== undefined) return [handle.id.version];
  const available = manager.states(spec.name).filter(({ state }) => state === ManagerState.AVAILABLE);
  return available.map(({ id }) => id.version);
}
