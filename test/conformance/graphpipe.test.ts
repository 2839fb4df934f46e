import { test } from 'node:test';
import { withAllModels } from '../support/all-models.js';
import { testWithPython } from './python-checks.js';

test("Oracle's graphpipe package, over GraphPipe", { timeout: 120_000 }, async (t) => {
  await withAllModels((server) => testWithPython(t, 'clients', 'check_graphpipe.py', server));
});
