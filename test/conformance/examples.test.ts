import { test } from 'node:test';
import { withAllModels } from '../support/all-models.js';
import { testWithPython } from './python-checks.js';

test("tf.Examples by TensorFlow Serving's own Python client", { timeout: 120_000 }, async (t) => {
  await withAllModels((server) => testWithPython(t, 'tensorflow', 'check_examples.py', server));
});
