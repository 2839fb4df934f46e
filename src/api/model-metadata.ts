import type { Manager } from '../core/manager.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { ModelSpec } from '../tensor/predict-request.js';
import type { ModelMetadata } from './api.js';

/** Api.modelMetadata. */
export function modelMetadata(manager: Manager<SavedModel>, spec: ModelSpec): ModelMetadata {
  const handle = manager.acquire(spec);
  try {
    return { id: handle.id, signatures: handle.servable.declared };
  } finally {
    handle.release();
  }
}
