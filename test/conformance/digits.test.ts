import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MODELS_DIR, withTempDir } from '../support/models.js';
import { PROJECT_ROOT } from '../support/project-root.js';
import { runPython } from '../support/python.js';
import { withServer } from '../support/with-server.js';
import { testWithPython } from './python-checks.js';

const REFERENCE_SCRIPT = join(PROJECT_ROOT, 'test/conformance/digits_reference.py');

// Two environments: TensorFlow says what is right, clients without TensorFlow ask the server.
test('The digits model, beside TensorFlow in Python', { timeout: 120_000 }, async (t) => {
  await withTempDir(async (folder) => {
    const reference = join(folder, 'reference.json');
    writeFileSync(reference, JSON.stringify(await runPython('tensorflow', REFERENCE_SCRIPT, [MODELS_DIR])));
    await withServer([], (server) => testWithPython(t, 'clients', 'check_digits.py', server, [MODELS_DIR, reference]));
  });
});
