import type { Manager } from '../core/manager.js';
import { ManagerState } from '../core/servable-state.js';
import { formatRunSharing } from '../servables/run-sharing.js';
import type { SavedModel } from '../servables/saved-model.js';
import { models } from './models.js';

/**
 * The versions that are available as an object for JSON: of each signature, how its requests share runs, and what keeps it from
 * being warmed up with made-up requests.
 */
export function loadedModels(manager: Manager<SavedModel>): object[] {
  return models(manager).flatMap(({ name, states }) => {
    const available = states.filter(({ state }) => state === ManagerState.AVAILABLE);
    const versions = available.map(({ id }) => describeVersion(manager, name, id.version));
    return versions.length === 0 ? [] : [{ name, versions }];
  });
}

function describeVersion(manager: Manager<SavedModel>, name: string, version: bigint): object {
  const handle = manager.acquire({ name, version });
  const { servable } = handle;
  try {
    const signatures = servable.declared.filter(({ isInternal }) => !isInternal);
    return {
      version: String(version),
      signatures: Object.fromEntries(signatures.map((info) => [info.name, describeSignature(servable, info.name)])),
    };
  } finally {
    handle.release();
  }
}

function describeSignature(servable: SavedModel, name: string): object {
  const effect = servable.lastingEffect(name);
  return {
    batching: formatRunSharing(servable.sharing(name)),
    ...(effect === undefined ? {} : { changes_state: `${effect.op} (node ${effect.node})` }),
  };
}
