import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensorFlags } from '../../bench/rivals/floor.js';
import { flatten, nest } from '../../bench/rivals/node-json/nested.js';
import { createRequest, encodeReply } from '../../bench/rivals/node-json/predict.js';
import { newestVersionFolder } from '../../bench/rivals/rival-model.js';
import { isClose } from '../../bench/trials/is-close.js';
import { rowCounts } from '../../bench/trials/row-counts.js';
import { formatTfserver } from '../../bench/trials/tfserver.js';
import type { SignatureInfo } from '../../src/servables/signature-info.js';
import { DataType } from '../../src/tensor/dtype.js';
import type { Outputs } from '../../src/tensor/predict-request.js';
import { modelPath } from '../support/models.js';

describe('the JSON of node-json', () => {
  const tensor = (alias: string) => ({ alias, tensorName: `${alias}:0`, dtype: DataType.FLOAT, shape: [-1] });
  const signature = (...aliases: string[]): SignatureInfo[] => [
    {
      name: 'serving_default',
      isInternal: false,
      methodName: '',
      inputs: aliases.map(tensor),
      outputs: [],
      signatureDef: new Uint8Array(),
    },
  ];

  it('is flattened and nested again', () => {
    const { shape, values } = flatten(
      [
        [[1], [2]],
        [[3], [4]],
      ],
      Float32Array,
    );
    assert.deepEqual(shape, [2, 2, 1]);
    assert.deepEqual([...values], [1, 2, 3, 4]);
    assert.deepEqual(nest([1, 2, 3, 4], [2, 2, 1]), [
      [[1], [2]],
      [[3], [4]],
    ]);
    assert.deepEqual([...flatten([1, -2], BigInt64Array).values], [1n, -2n]);
  });

  it('is refused where rows differ in length', () => {
    assert.throws(() => flatten([[1, 2], [3]], Float32Array), /Axis 1 has 1 elements here, 2 there/);
  });

  it('may be rows or columns, alone or by name', () => {
    const values = (body: object, ...aliases: string[]) => [
      ...new Float32Array(Uint8Array.from(createRequest(signature(...aliases), body).body).buffer),
    ];
    assert.deepEqual(values({ instances: [1, 2] }, 'x'), [1, 2]);
    assert.deepEqual(values({ inputs: { x: [1, 2] } }, 'x'), [1, 2]);
    const rows = [
      { a: 1, b: 3 },
      { a: 2, b: 4 },
    ];
    assert.deepEqual(values({ instances: rows }, 'a', 'b'), [1, 2, 3, 4]);
    assert.throws(() => values({}, 'x'), /needs "instances" or "inputs"/);
  });

  it('answers rows with rows and columns with columns', () => {
    const outputs = {
      count: 2,
      alias: (index: number) => ['y', 'z'][index] as string,
      dtype: () => DataType.FLOAT,
      rank: () => 1,
      dim: () => 2,
      byteLength: () => 8,
      copyTo: (index: number, target: Uint8Array) =>
        target.set(new Uint8Array(Float32Array.of(index, index + 0.5).buffer)),
    } as unknown as Outputs;
    const columns = { y: [0, 0.5], z: [1, 1.5] };
    assert.deepEqual(JSON.parse(encodeReply(outputs, { inputs: [] })), { outputs: columns });
    const rows = [
      { y: 0, z: 1 },
      { y: 0.5, z: 1.5 },
    ];
    assert.deepEqual(JSON.parse(encodeReply(outputs, { instances: [] })), { predictions: rows });
  });
});

it('names the tensors of a model for the floor', async () => {
  const directory = await newestVersionFolder(modelPath('half_plus_two'));
  const [input, output, ...others] = tensorFlags(directory, { x: [3, 2] });
  assert.match(input ?? '', /^--input=\w+:0=3x2$/);
  assert.match(output ?? '', /^--output=\w+:0$/);
  assert.deepEqual(others, []);
  assert.throws(() => tensorFlags(directory, {}), /needs a shape for the input x/);
});

it('says where there is no version of a model', async () => {
  await assert.rejects(newestVersionFolder(import.meta.dirname), /has no numbered version folder/);
});

describe("tfserver's benchmark", () => {
  it('sends 50 to 300 rows, about 100 in the mean, the same every time', () => {
    const counts = rowCounts(64);
    assert.deepEqual(counts, rowCounts(64));
    assert.ok(counts.every((count) => Number.isInteger(count) && count >= 50 && count <= 300));
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    assert.ok(Math.abs(mean - 100) < 10, `${mean} is not about 100`);
  });

  it('takes answers for equal that differ by rounding only', () => {
    assert.ok(isClose([1, 2000], [1.00001, 2000.1]));
    assert.ok(!isClose([1], [1.001]));
    assert.ok(!isClose([1], [1, 1]));
    assert.ok(!isClose([1], [Number.NaN]));
  });

  it('says what JSON takes against gRPC', () => {
    const line = formatTfserver({ seconds: { grpc: 2, rest: 5, graphpipe: 1 } });
    assert.match(line, /gRPC 2\.00 s, JSON 5\.00 s, GraphPipe 1\.00 s; JSON : gRPC = 2\.5 : 1/);
  });
});
