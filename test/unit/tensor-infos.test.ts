/** Which tensors a signature's inputs and outputs are made of, and what these are called. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeMessage, encodeMessage, type Init } from '../../src/formats/protobuf.js';
import {
  SignatureDef,
  type TensorInfo,
  type TensorInfo_CompositeTensor,
  TypeSpecProto_TypeSpecClass as TypeSpecClass,
} from '../../src/gen/messages.js';
import { isBatchable, sendableFilter } from '../../src/servables/signature-info.js';
import { tensorInfos } from '../../src/servables/tensor-infos.js';
import { DataType } from '../../src/tensor/dtype.js';

type Outputs = Readonly<Record<string, Init<TensorInfo>>>;

/** As they come out of a SavedModel. */
function outputsOf(outputs: Outputs) {
  const def = encodeMessage(SignatureDef, { outputs: new Map(Object.entries(outputs)) });
  return tensorInfos(decodeMessage(SignatureDef, def).outputs);
}

function namesOf(outputs: Outputs): string[] {
  return outputsOf(outputs).map(({ alias, tensorName }) => `${alias}=${tensorName}`);
}

function tensor(name: string, dtype: DataType = DataType.FLOAT, ...sizes: number[]): Init<TensorInfo> {
  return { name, dtype, tensor_shape: { dim: sizes.map((size) => ({ size: BigInt(size) })) } };
}

function sparse(...sizes: number[]): Init<TensorInfo> {
  const coo_sparse = { values_tensor_name: 'v:0', indices_tensor_name: 'i:0', dense_shape_tensor_name: 's:0' };
  return { ...tensor('', DataType.FLOAT, ...sizes), name: undefined, coo_sparse };
}

function composite(
  type_spec_class: number,
  components: readonly Init<TensorInfo>[],
  spec: Init<NonNullable<TensorInfo_CompositeTensor['type_spec']>> = {},
): Init<TensorInfo> {
  return { composite_tensor: { type_spec: { type_spec_class, ...spec }, components } };
}

function ragged(raggedRank: number, ...names: string[]): Init<TensorInfo> {
  const values = [{}, {}, { int64_value: BigInt(raggedRank) }];
  const spec = { type_state: { tuple_value: { values } } };
  const components = names.map((name) => tensor(name));
  return composite(TypeSpecClass.RAGGED_TENSOR_SPEC, components, spec);
}

describe('the tensors of a signature', () => {
  it('are those that it declares, in the order of their names', () => {
    assert.deepEqual(outputsOf({ y: tensor('b:0', DataType.FLOAT, -1), a: tensor('a:0', DataType.INT64) }), [
      { alias: 'a', tensorName: 'a:0', dtype: DataType.INT64, shape: [] },
      { alias: 'y', tensorName: 'b:0', dtype: DataType.FLOAT, shape: [-1] },
    ]);
  });

  it('are values, indices and shape of a sparse one, in its place', () => {
    const of = { composite: { alias: 'm', kind: 'sparse tensor' } };
    const [a, ...rest] = outputsOf({ z: tensor('z:0'), m: sparse(-1, 3), a: tensor('a:0') });
    assert.equal(a?.alias, 'a');
    assert.deepEqual(rest.slice(0, 3), [
      { alias: 'm/values', tensorName: 'v:0', dtype: DataType.FLOAT, shape: [-1], ...of },
      { alias: 'm/indices', tensorName: 'i:0', dtype: DataType.INT64, shape: [-1, 2], ...of },
      { alias: 'm/shape', tensorName: 's:0', dtype: DataType.INT64, shape: [2], ...of },
    ]);
    assert.equal(rest[3]?.alias, 'z');
  });

  it('have unknown sizes where the rank of a sparse one is unknown', () => {
    const tensor_shape = { unknown_rank: true };
    const shapes = outputsOf({ m: { ...sparse(), tensor_shape } }).map(({ shape }) => shape);
    assert.deepEqual(shapes, [[-1], [-1, -1], [-1]]);
  });

  it('are flat values and row splits of a ragged one', () => {
    assert.deepEqual(namesOf({ r: ragged(1, 'f:0', 's:0') }), ['r/flat_values=f:0', 'r/row_splits_0=s:0']);
    const twice = namesOf({ r: ragged(2, 'f:0', 's:0', 's:1') });
    assert.deepEqual(twice, ['r/flat_values=f:0', 'r/row_splits_0=s:0', 'r/row_splits_1=s:1']);
    assert.deepEqual(namesOf({ r: ragged(0, 'f:0') }), ['r/flat_values=f:0']);
  });

  it('are numbered where names would be guesses', () => {
    assert.deepEqual(namesOf({ r: ragged(1, 'f:0', 'f:1', 's:0') }), ['r/0=f:0', 'r/1=f:1', 'r/2=s:0']);
    assert.deepEqual(namesOf({ r: ragged(2 ** 40, 'f:0', 's:0') }), ['r/0=f:0', 'r/1=s:0']);
    const own = composite(TypeSpecClass.EXTENSION_TYPE_SPEC, [tensor('a:0'), tensor('b:0')], {
      type_spec_class_name: 'Mask',
    });
    assert.deepEqual(namesOf({ e: own }), ['e/0=a:0', 'e/1=b:0']);
    assert.equal(outputsOf({ e: own })[0]?.composite?.kind, 'composite tensor (Mask)');
  });

  it('are values, indices and shape of indexed slices, whose shape may be missing', () => {
    const slices = (...names: string[]) =>
      composite(
        TypeSpecClass.INDEXED_SLICES_SPEC,
        names.map((name) => tensor(name)),
      );
    assert.deepEqual(namesOf({ s: slices('v:0', 'i:0') }), ['s/values=v:0', 's/indices=i:0']);
    assert.deepEqual(namesOf({ s: slices('v:0', 'i:0', 's:0') })[2], 's/shape=s:0');
  });

  it('are those of composites in composites, too', () => {
    const pair = composite(TypeSpecClass.UNKNOWN, [tensor('a:0'), ragged(1, 'f:0', 's:0')]);
    assert.deepEqual(namesOf({ p: pair }), ['p/0=a:0', 'p/1/flat_values=f:0', 'p/1/row_splits_0=s:0']);
    assert.deepEqual(outputsOf({ p: pair })[2]?.composite, { alias: 'p', kind: 'composite tensor' });
  });

  it('keep the names that are declared', () => {
    assert.deepEqual(namesOf({ m: sparse(3), 'm/values': tensor('mine:0') }), [
      'm/values_=v:0',
      'm/indices=i:0',
      'm/shape=s:0',
      'm/values=mine:0',
    ]);
  });

  it('are none of a composite without components: it stands for itself, and the graph has no such tensor', () => {
    assert.deepEqual(namesOf({ e: composite(TypeSpecClass.UNKNOWN, []) }), ['e=']);
  });
});

describe('A signature', () => {
  const declared = (outputs: Outputs) => ({
    name: 's',
    isInternal: false,
    methodName: '',
    inputs: tensorInfos(decodeMessage(SignatureDef, encodeMessage(SignatureDef, {})).inputs),
    outputs: outputsOf(outputs),
    signatureDef: new Uint8Array(),
  });
  const withInput = (outputs: Outputs) => ({
    ...declared(outputs),
    inputs: outputsOf({ x: tensor('x:0', DataType.FLOAT, -1) }),
  });
  const rows = (name: string, dtype?: DataType) => tensor(name, dtype, -1);

  it('is not batched where components have a first dimension that looks like rows', () => {
    assert.equal(isBatchable(withInput({ y: rows('y:0') })), true);
    const values = composite(TypeSpecClass.UNKNOWN, [rows('a:0')]);
    assert.equal(isBatchable(withInput({ y: rows('y:0'), c: values })), false);
    assert.equal(isBatchable({ ...withInput({ y: rows('y:0') }), inputs: outputsOf({ c: values }) }), false);
  });

  it('is not batched with handles or variants', () => {
    for (const dtype of [DataType.RESOURCE, DataType.VARIANT])
      assert.equal(isBatchable(withInput({ y: rows('y:0'), h: rows('h:0', dtype) })), false);
  });

  it('is asked for what can be sent', () => {
    const handle = tensor('h:0', DataType.RESOURCE);
    assert.deepEqual(sendableFilter(declared({ y: rows('y:0'), m: sparse(3) })), []);
    assert.deepEqual(sendableFilter(declared({ y: rows('y:0'), h: handle })), ['y']);
  });
});
