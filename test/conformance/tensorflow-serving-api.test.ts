import { test } from 'node:test';
import { withAllModels } from '../support/all-models.js';
import { MODELS_DIR } from '../support/models.js';
import { testWithPython } from './python-checks.js';

test("TensorFlow Serving's own Python client, over gRPC", { timeout: 120_000 }, async (t) => {
  await withAllModels((server) =>
    testWithPython(t, 'tensorflow', 'check_tensorflow_serving_api.py', server, [MODELS_DIR]),
  );
});
