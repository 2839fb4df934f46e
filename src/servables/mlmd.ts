/**
 * TensorFlow Serving's metric mlmd_map: which versions carry an id of ML Metadata (assets.extra/mlmd_uuid). There the id is the
 * value of a text gauge, which Prometheus' format prints as 0.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ServableId } from '../core/servable-id.js';
import { metrics } from '../metrics/metrics.js';

const NAME = ':tensorflow:serving:mlmd_map';
const found = new Map<string, { readonly model_name: string; readonly version: string }>();

metrics.register((text) => {
  text.family(NAME, 'gauge');
  for (const labels of found.values()) text.sample(NAME, labels, 0);
});

/** Notes whether the version in `directory` has an id. One of the same number that was loaded before counts no more. */
export function noteMlmd({ name, version }: ServableId, directory: string): void {
  const key = JSON.stringify([name, String(version)]);
  if (existsSync(join(directory, 'assets.extra', 'mlmd_uuid')))
    found.set(key, { model_name: name, version: String(version) });
  else found.delete(key);
}
