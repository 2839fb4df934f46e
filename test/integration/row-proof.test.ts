/** The proof that rows are independent, of the models of test/models/rows. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeMessage } from '../../src/formats/protobuf.js';
import { binding, type RowProof } from '../../src/native/binding.js';
import { SavedModelBytes } from '../support/graph-messages.js';
import { modelPath } from '../support/models.js';
import { DEPENDENT_MODELS, INDEPENDENT_MODELS, type RowModel } from '../support/row-models.js';

/** What stops the proof of each model whose rows depend on each other: the operation that mixes them, not one before or behind it. */
const CULPRITS: Readonly<Record<string, RegExp>> = {
  softmax_rows: /^Softmax /,
  batch_norm_training: /^FusedBatchNormV3 /,
  in_batch_attention: /^(MatMul|Softmax) /,
  cumsum_rows: /^Cumsum /,
  sort_rows: /^TopKV2 /,
  top_k_rows: /^TopKV2 /,
  unique_rows: /^(UniqueWithCounts|GatherV2) /,
  longest_row: /^(RaggedTensorToTensor|Mean) /,
  value_dependent: /^Any /,
  listwise: /^Softmax /,
  counter: /^AssignAddVariableOp /,
  dropout: /^(AssignVariableOp|StatelessRandomUniform)/,
};

/** Of the signatures that clients can run. */
function proofsOf({ path }: RowModel): RowProof[] {
  const file = readFileSync(join(modelPath(path), '1/saved_model.pb'));
  const [metaGraph] = decodeMessage(SavedModelBytes, file).meta_graphs;
  return binding.proveRows(metaGraph as Uint8Array).filter(({ signature }) => !signature.startsWith('__'));
}

describe('the proof that rows are independent', () => {
  for (const model of INDEPENDENT_MODELS) {
    it(`holds for ${model.name}, with all its signatures`, () => {
      const proofs = proofsOf(model);
      assert.ok(proofs.length > 0);
      for (const { signature, proven, reason } of proofs) assert.ok(proven, `${signature}: ${reason}`);
    });
  }

  for (const model of DEPENDENT_MODELS) {
    it(`does not hold for ${model.name}, and names the operation`, () => {
      const [proof, ...others] = proofsOf(model);
      assert.deepEqual(others, []);
      assert.equal(proof?.proven, false);
      assert.match(proof.reason, CULPRITS[model.name] as RegExp);
    });
  }
});
