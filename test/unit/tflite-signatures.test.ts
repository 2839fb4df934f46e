import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import flexbuffers from 'flatbuffers/js/flexbuffers.js';
import { signatureInfos } from '../../src/servables/saved-model-file.js';
import { tfliteSignatures, unservedSignatures, withTensorNames } from '../../src/servables/tflite-signatures.js';

const INPUTS = [{ name: 'x:0', dtype: 1, shape: [1, 3] }];
const OUTPUTS = [{ name: 'y', dtype: 7, shape: [] }];

describe('The signatures of a TensorFlow Lite model', () => {
  it('without any in the file are one, serving_default, with its tensors by their names without `:0`', () => {
    for (const signatureDefs of [new Uint8Array(), flexbuffers.encode({})]) {
      const signatures = tfliteSignatures({ inputs: INPUTS, outputs: OUTPUTS, signatures: [], signatureDefs });
      assert.deepEqual([...signatures.keys()], ['serving_default']);
      const { inputs, outputs, method_name } = signatures.get('serving_default') ?? assert.fail();
      assert.equal(method_name, 'tensorflow/serving/predict');
      assert.deepEqual([inputs.get('x')?.name, inputs.get('x')?.dtype], ['x:0', 1]);
      assert.deepEqual(
        inputs.get('x')?.tensor_shape?.dim.map(({ size }) => size),
        [1n, 3n],
      );
      assert.deepEqual(outputs.get('y')?.tensor_shape?.dim, []);
    }
  });

  it('keep `:0` where two tensors would have one name without it', () => {
    const inputs = ['x', 'x:0', 'x:1'].map((name) => ({ name, dtype: 1, shape: [1] }));
    const graph = { inputs, outputs: OUTPUTS, signatures: [], signatureDefs: new Uint8Array() };
    assert.deepEqual([...(tfliteSignatures(graph).get('serving_default')?.inputs.keys() ?? [])], ['x', 'x:0', 'x:1']);
  });

  const table = (name: string, more: object = {}) => ({
    name,
    subgraph: 0,
    inputs: [{ alias: 'row', place: 0 }],
    outputs: [{ alias: 'sum', place: 0 }],
    ...more,
  });
  const withTable = (...signatures: ReturnType<typeof table>[]) => ({
    inputs: INPUTS,
    outputs: OUTPUTS,
    signatures,
    signatureDefs: new Uint8Array(),
  });

  it('are those of the file’s table, with its aliases', () => {
    const signatures = tfliteSignatures(withTable(table('serving_default'), table('again')));
    assert.deepEqual([...signatures.keys()], ['serving_default', 'again']);
    const { inputs, outputs, method_name } = signatures.get('again') ?? assert.fail();
    assert.deepEqual([inputs.get('row')?.name, outputs.get('sum')?.name], ['x:0', 'y']);
    assert.equal(method_name, 'tensorflow/serving/predict');
  });

  it('have a serving_default beside those of a table that has none', () => {
    const signatures = tfliteSignatures(withTable(table('predict')));
    assert.deepEqual([...signatures.keys()], ['predict', 'serving_default']);
    assert.deepEqual([...(signatures.get('serving_default')?.inputs.keys() ?? [])], ['x']);
    assert.deepEqual([...tfliteSignatures(withTable(table(''))).keys()], ['serving_default']);
  });

  it('of other subgraphs or other tensors are not served, nor is another one by their name', () => {
    const elsewhere = table('serving_default', { subgraph: 1, inputs: [{ alias: 'row', place: -1 }] });
    const stranger = table('odd', { outputs: [{ alias: 'hidden', place: -1 }] });
    const graph = withTable(elsewhere, stranger, table('good'));
    assert.deepEqual([...tfliteSignatures(graph).keys()], ['good']);
    assert.deepEqual(unservedSignatures(graph), [
      "Signature 'serving_default' of model.tflite is not served: it is subgraph 1, and TensorFlow Lite 2.9.0 runs the " +
        'first one alone.',
      "Signature 'odd' of model.tflite is not served: its 'hidden' is neither an input nor an output of the model.",
    ]);
  });

  it('take the names of tensors, too, with `:0` and without, but none that is another’s', () => {
    const named = (graph: Parameters<typeof tfliteSignatures>[0]) =>
      signatureInfos(tfliteSignatures(graph))
        .map(withTensorNames)
        .flatMap(({ inputs }) => inputs.map(({ alias, otherNames }) => [alias, otherNames]));
    assert.deepEqual(named(withTable(table('serving_default'))), [['row', ['x', 'x:0']]]);
    assert.deepEqual(named(withTable()), [['x', ['x:0']]]);
    const two = ['a:0', 'b:0'].map((name) => ({ name, dtype: 1, shape: [1] }));
    const crossed = table('serving_default', {
      inputs: [
        { alias: 'a', place: 1 },
        { alias: 'b', place: 0 },
      ],
    });
    assert.deepEqual(named({ ...withTable(crossed), inputs: two }), [
      ['a', ['b:0']],
      ['b', ['a:0']],
    ]);
  });

  it('cannot be read of metadata that is none, which is named', () => {
    for (const signatureDefs of [Buffer.from('no flexbuffer'), flexbuffers.encode({ a: 'no SignatureDef' })]) {
      assert.throws(
        () => tfliteSignatures({ inputs: INPUTS, outputs: OUTPUTS, signatures: [], signatureDefs }),
        /signature_defs_metadata of model\.tflite cannot be read: .* Write it anew, or remove it\.$/,
      );
    }
  });
});
