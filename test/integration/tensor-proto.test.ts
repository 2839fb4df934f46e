/** TensorProto in and out of a whole server, for each type that a model can have. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code } from '../../src/errors.js';
import { decodeMessage, encodeMessage, type Init } from '../../src/formats/protobuf.js';
import { ModelSpec, type TensorProto } from '../../src/gen/messages.js';
import { DataType } from '../../src/tensor/dtype.js';
import {
  createGrpcClient,
  type GrpcDoorClient,
  PredictRequestMessage,
  PredictResponseMessage,
} from '../support/door-clients.js';
import { floats, loaderOf, runOne, testRequest, withPool } from '../support/in-process-model.js';
import { withInProcessServer } from '../support/in-process-server.js';
import { withTempDir } from '../support/models.js';
import { node, writeTextModel } from '../support/text-models.js';

const LIMIT = { timeout: 120_000 };
const PREDICT = '/tensorflow.serving.PredictionService/Predict';

type ValueField = Exclude<keyof TensorProto, 'dtype' | 'tensor_shape' | 'version_number' | 'tensor_content'>;
type Values = readonly (number | bigint | boolean | string)[];

/** Type, its typed field, two values as they stand there, zero as it stands there, and the bytes of the two values. */
const TYPES: readonly [dtype: keyof typeof DataType, field: ValueField, two: Values, zero: Values, bytes: string][] = [
  ['FLOAT', 'float_val', [1.5, -2], [0], '0000c03f000000c0'],
  ['DOUBLE', 'double_val', [1.5, -2], [0], '000000000000f83f00000000000000c0'],
  ['INT32', 'int_val', [7, -8], [0], '07000000f8ffffff'],
  ['INT16', 'int_val', [7, -8], [0], '0700f8ff'],
  ['INT8', 'int_val', [7, -8], [0], '07f8'],
  ['UINT8', 'int_val', [7, 200], [0], '07c8'],
  ['UINT16', 'int_val', [7, 60000], [0], '070060ea'],
  ['STRING', 'string_val', ['one', 'two'], [''], '03036f6e6574776f'],
  ['COMPLEX64', 'scomplex_val', [1.5, -2, 3, 4], [0, 0], '0000c03f000000c00000404000008040'],
  ['INT64', 'int64_val', [7n, -8n], [0n], '0700000000000000f8ffffffffffffff'],
  ['BOOL', 'bool_val', [false, true], [false], '0001'],
  [
    'COMPLEX128',
    'dcomplex_val',
    [1.5, -2, 3, 4],
    [0, 0],
    '000000000000f83f00000000000000c000000000000008400000000000001040',
  ],
  ['HALF', 'half_val', [0x3e00, 0xc000], [0], '003e00c0'],
  ['BFLOAT16', 'half_val', [0x3fc0, 0xc000], [0], 'c03f00c0'],
  ['UINT32', 'uint32_val', [7, 4_000_000_000], [0], '0700000000286bee'],
  ['UINT64', 'uint64_val', [7n, 2n ** 63n], [0n], '07000000000000000000000000000080'],
];
const MODELS = TYPES.map(([dtype]) => `echo_${dtype.toLowerCase()}`);

function withServer(use: (grpc: GrpcDoorClient) => Promise<void>, flags: readonly string[] = []): Promise<void> {
  return withInProcessServer(
    MODELS,
    async (ports) => {
      const grpc = createGrpcClient(ports.grpc);
      try {
        await use(grpc);
      } finally {
        grpc.close();
      }
    },
    ['--log_level=error', ...flags],
  );
}

/** Sends one tensor to the model that gives it back. */
async function echo(grpc: GrpcDoorClient, dtype: keyof typeof DataType, size: number, tensor: Init<TensorProto>) {
  const x = { ...tensor, dtype: DataType[dtype], tensor_shape: { dim: [{ size: BigInt(size) }] } };
  const request = { model_spec: { name: `echo_${dtype.toLowerCase()}` }, inputs: new Map([['x', x]]) };
  const reply = decodeMessage(
    PredictResponseMessage,
    await grpc.call(PREDICT, encodeMessage(PredictRequestMessage, request)),
  );
  const y = reply.outputs.get('y');
  assert.ok(y);
  assert.deepEqual([y.dtype, y.tensor_shape?.dim.map((dim) => Number(dim.size))], [DataType[dtype], [size]]);
  return { y, spec: reply.model_spec };
}

/** What stands in a TensorProto, typed fields that are empty left out; bytes as text. */
function contents({ dtype, tensor_shape, version_number, ...fields }: TensorProto): Record<string, unknown> {
  const plain = (value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value);
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, values]) => values.length > 0)
      .map(([name, values]) => [
        name,
        values instanceof Uint8Array ? Buffer.from(values).toString('hex') : values.map(plain),
      ]),
  );
}

const wire = (values: Values) =>
  values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value)) as never;

describe('TensorProto in: the typed field of its type', LIMIT, () => {
  it('holds the values; fewer than the shape needs: the last one is repeated; none at all: zeros', (t) =>
    withServer(async (grpc) => {
      for (const [dtype, field, two, zero] of TYPES) {
        await t.test(`${dtype} in ${field}`, async () => {
          const typed = async (size: number, values: Values) =>
            contents((await echo(grpc, dtype, size, { [field]: wire(values) })).y)[field];
          const last = two.slice(two.length / 2);
          assert.deepEqual(await typed(2, two), two);
          assert.deepEqual(await typed(4, two), [...two, ...last, ...last]);
          assert.deepEqual(await typed(3, last), [...last, ...last, ...last]);
          assert.deepEqual(await typed(2, []), [...zero, ...zero]);
          await assert.rejects(typed(1, two), { status: Code.INVALID_ARGUMENT });
        });
      }
    }));

  it('is the one of its type: values in another field are not looked at', () =>
    withServer(async (grpc) => {
      const { y } = await echo(grpc, 'FLOAT', 2, { double_val: [5, 6], int_val: [7, 8] });
      assert.deepEqual(y.float_val, [0, 0]);
    }));
});

describe('TensorProto in: tensor_content', LIMIT, () => {
  it('holds the values as they lie in memory; of the wrong length it is INVALID_ARGUMENT: tensor parsing error: <alias>', (t) =>
    withServer(async (grpc) => {
      for (const [dtype, field, two, , hex] of TYPES) {
        await t.test(dtype, async () => {
          const bytes = Buffer.from(hex, 'hex');
          const { y } = await echo(grpc, dtype, 2, { tensor_content: bytes });
          assert.deepEqual(contents(y), { [field]: two });
          for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])]) {
            await assert.rejects(echo(grpc, dtype, 2, { tensor_content: wrong }), {
              status: Code.INVALID_ARGUMENT,
              message: /^tensor parsing error: x/,
            });
          }
        });
      }
    }));
});

describe('TensorProto out', LIMIT, () => {
  it('is typed fields, signature_name filled with serving_default and the version that ran', () =>
    withServer(async (grpc) => {
      for (const [dtype, field, two] of TYPES) {
        const { y, spec } = await echo(grpc, dtype, 2, { [field]: wire(two) });
        assert.deepEqual(contents(y), { [field]: two }, dtype);
        const expected = {
          name: `echo_${dtype.toLowerCase()}`,
          signature_name: 'serving_default',
          version: { value: 1n },
        };
        assert.deepEqual(encodeMessage(ModelSpec, spec as ModelSpec), encodeMessage(ModelSpec, expected));
      }
    }));

  it('is tensor_content in place of them with --enable_serialization_as_tensor_content', () =>
    withServer(
      async (grpc) => {
        for (const [dtype, field, two, , hex] of TYPES) {
          const { y } = await echo(grpc, dtype, 2, { [field]: wire(two) });
          assert.deepEqual(contents(y), { tensor_content: hex }, dtype);
        }
      },
      ['--enable_serialization_as_tensor_content'],
    ));
});

describe('gRPC messages', LIMIT, () => {
  it('may be long, both ways, without any flag: 24 MB', () =>
    withServer(async (grpc) => {
      const count = 6_000_000;
      const { y } = await echo(grpc, 'INT32', count, {
        tensor_content: new Uint8Array(new Int32Array(count).fill(5).buffer),
      });
      assert.deepEqual([y.int_val.length, y.int_val.at(-1)], [count, 5]);
    }));
});

describe('A feed', LIMIT, () => {
  it('may be any tensor of the graph, not only a placeholder', () =>
    withTempDir(async (folder) => {
      const version = await writeTextModel(folder, {
        inputs: [{ name: 'x', dtype: 'DT_FLOAT' }],
        outputs: [{ name: 'y', dtype: 'DT_FLOAT' }],
        nodes: `${node('twice', 'AddV2', 'DT_FLOAT', ['x', 'x'])} ${node('y', 'Neg', 'DT_FLOAT', ['twice'])}`,
        inputTensor: 'twice:0',
      });
      await withPool(1, async (pool) => {
        const loader = loaderOf(version, pool);
        const model = await loader.load();
        const input = { name: 'x', dtype: DataType.FLOAT, shape: [2], bytes: floats(3, 4) };
        assert.deepEqual((await runOne(model, testRequest([input]))).bytes, floats(-3, -4));
        await loader.unload();
      });
    }));
});
