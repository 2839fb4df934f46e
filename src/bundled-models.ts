/** The example models that come with the server and are served when no model is named on the command line. */
import { fileURLToPath } from 'node:url';
import type { MonitoredModel } from './core/file-system-source.js';

const FOLDER = new URL('../../test/models/', import.meta.url);

/** The one that GraphPipe's clients get, who cannot name a model. */
export const DEFAULT_BUNDLED_MODEL = 'digits';

const NAMES = [DEFAULT_BUNDLED_MODEL, 'half_plus_two', 'multi_io', 'strings'];

export function bundledModels(): MonitoredModel[] {
  return NAMES.map((name) => ({
    name,
    basePath: fileURLToPath(new URL(name, FOLDER)),
    versionPolicy: { kind: 'latest' },
  }));
}

/** A ready-made REST body: one handwritten digit. */
export const SAMPLE_REQUEST_FILE: string = fileURLToPath(new URL('digits/request.json', FOLDER));
