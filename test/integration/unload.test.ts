/** What unloading a model gives back. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { captureLog } from '../support/capture-log.js';
import { loaderOf, withPool } from '../support/in-process-model.js';
import { modelPath } from '../support/models.js';

const GAVE_BACK = /^I Unloaded servable \{name: model version: 1\}: gave back -?\d+ MB residentMegabytes=\d+$/;

test('the memory that an unload gives back is measured, and in the log', async () => {
  await withPool(1, async (pool) => {
    const loader = loaderOf(join(modelPath('digits'), '1'), pool);
    await loader.load();
    const log = captureLog();
    try {
      await loader.unload();
    } finally {
      log.restore();
    }
    assert.equal(log.lines().length, 1);
    assert.match(log.lines()[0] ?? '', GAVE_BACK);
  });
});
