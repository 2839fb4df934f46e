/** Which signatures the addon takes for such whose time depends on shapes only. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { binding } from '../../src/native/binding.js';
import { generalSessionConfig } from '../../src/servables/session-config.js';
import { openLibrary } from '../support/in-process-model.js';
import { modelPath, withTempDir } from '../support/models.js';
import { writeTextModel } from '../support/text-models.js';

/** What remains of the signature that TensorFlow adds for its own ends. */
const INTERNAL = '__saved_model_init_op';

async function steadySignaturesIn(directory: string): Promise<string[]> {
  await openLibrary();
  const config = generalSessionConfig({ intraOp: 0, interOp: 0 });
  const session = await binding.loadSession({ directory, tags: ['serve'], config, interruptible: false });
  await binding.releaseSession(session.id);
  return session.steadySignatures.filter((name) => name !== INTERNAL).sort();
}

function steadySignatures(model: string): Promise<string[]> {
  return steadySignaturesIn(join(modelPath(model), '1'));
}

test('dense arithmetic is steady, in TF2 functions and in TF1 graphs', async () => {
  for (const model of ['half_plus_two', 'digits', 'echo_float', 'variables_v1'])
    assert.deepEqual(await steadySignatures(model), ['serving_default'], model);
});

test('loops, branches, strings and Python are not, in functions and in TF1 graphs', async () => {
  for (const model of ['control_flow_v2', 'control_flow_v1', 'strings', 'slow'])
    assert.deepEqual(await steadySignatures(model), [], model);
});

test('each signature is looked at by itself', async () => {
  const steady = await steadySignatures('multi_io');
  assert.ok(steady.includes('fixed'));
  assert.ok(!steady.includes('serving_default'));
});

test('a tensor that the graph does not have is not steady', async () => {
  await withTempDir(async (folder) => {
    const x = { name: 'x', dtype: 'DT_FLOAT' };
    const model = { inputs: [x], outputs: [{ ...x, name: 'nowhere' }], nodes: '' };
    assert.deepEqual(await steadySignaturesIn(await writeTextModel(folder, model)), []);
  });
});
