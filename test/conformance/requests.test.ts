import { test } from 'node:test';
import { withAllModels } from '../support/all-models.js';
import { MODELS_DIR } from '../support/models.js';
import { testWithPython } from './python-checks.js';

test('requests, over REST', { timeout: 120_000 }, async (t) => {
  await withAllModels(
    (server) => testWithPython(t, 'clients', 'check_requests.py', server, [MODELS_DIR]),
    [`--rest_api_timeout_in_ms=1000`],
  );
});
