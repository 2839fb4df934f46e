import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSavedModel } from '../../src/servables/saved-model-file.js';
import { SteadyCosts } from '../../src/servables/steady-cost.js';
import { WireReader } from '../../src/wire-reader.js';
import { modelPath } from '../support/models.js';

/** SavedModel.meta_graphs is field 2. */
function firstMetaGraph(directory: string): Uint8Array {
  const bytes = readFileSync(join(directory, 'saved_model.pb'));
  const reader = new WireReader(bytes, 'SavedModel');
  for (;;) {
    const tag = reader.tag(bytes.length, 'SavedModel');
    if (tag >>> 3 !== 2) reader.skip(tag, bytes.length, 'SavedModel');
    else {
      const end = reader.lengthDelimited(bytes.length, 'meta_graphs');
      return bytes.subarray(reader.pos, end);
    }
  }
}

function isSteady(model: string, signature = 'serving_default'): boolean {
  const directory = join(modelPath(model), '1');
  const info = readSavedModel(directory)[0]?.signatures.find(({ name }) => name === signature);
  assert.ok(info !== undefined);
  return new SteadyCosts(firstMetaGraph(directory)).isSteady(info);
}

test('dense arithmetic is steady, in TF2 functions and in TF1 graphs', () => {
  for (const model of ['half_plus_two', 'digits', 'echo_float', 'variables_v1'])
    assert.equal(isSteady(model), true, model);
});

test('loops, branches, strings and Python are not, in functions and in TF1 graphs', () => {
  for (const model of ['control_flow_v2', 'control_flow_v1', 'strings', 'slow'])
    assert.equal(isSteady(model), false, model);
});

test('each signature is looked at by itself', () => {
  assert.equal(isSteady('multi_io', 'fixed'), true);
  assert.equal(isSteady('multi_io', 'serving_default'), false);
});

test('a tensor that the graph does not have is not steady', () => {
  const costs = new SteadyCosts(firstMetaGraph(join(modelPath('half_plus_two'), '1')));
  assert.equal(costs.isSteady({ inputs: [], outputs: [{ tensorName: 'nowhere:0' }] }), false);
});
