/** The addon, its workers and the SavedModel servable on the real libtensorflow, without a server around them. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../src/errors.js';
import { binding } from '../../src/native/binding.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { byteSizeOf, DataType, dataTypeInfo } from '../../src/tensor/dtype.js';
import { Cancellation, Encoding, OutputFormat, type Outputs } from '../../src/tensor/predict-request.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import { runProgram } from '../support/child-program.js';
import {
  copyOutputs,
  floats,
  loaderOf,
  openLibrary,
  runOne,
  type TestInput,
  testRequest,
  unpackStrings,
  varints,
  withModel,
  withPool,
} from '../support/in-process-model.js';
import { modelPath, withModelCopy } from '../support/models.js';

const INVALID = { code: Code.INVALID_ARGUMENT };
const EXHAUSTED = { code: Code.RESOURCE_EXHAUSTED, message: /memory/ };
const LIMIT = { timeout: 60_000 };

/** The dtypes that the C API can be sent and that GPU-less TensorFlow echoes. */
const FIXED_WIDTH = [
  'bool',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'half',
  'bfloat16',
  'float',
  'double',
  'complex64',
  'complex128',
] as const;

type FixedWidth = (typeof FIXED_WIDTH)[number];

function dataTypeOf(name: FixedWidth): DataType {
  return DataType[name.toUpperCase() as keyof typeof DataType];
}

/** Bytes with every value, so also NaNs with payloads, infinities and denormals; 0 and 1 only for bool. */
function allSortsOfBytes(name: FixedWidth, count: number): Buffer {
  const bytes = Buffer.alloc(count * byteSizeOf(dataTypeOf(name)));
  for (let i = 0; i < bytes.length; i++) bytes[i] = name === 'bool' ? i % 2 : (i * 197 + (i >> 4) * 31 + 0xff) & 0xff;
  return bytes;
}

/** An input `x`. */
function x(dtype: DataType, shape: readonly number[], bytes: Uint8Array, more: Partial<TestInput> = {}): TestInput {
  return { name: 'x', dtype, shape, bytes, ...more };
}

function float(shape: readonly number[], ...values: number[]): TestInput {
  return x(DataType.FLOAT, shape, floats(...values));
}

function slow(millis: number): TestInput {
  return { name: 'millis', dtype: DataType.FLOAT, shape: [1], bytes: floats(millis) };
}

async function untilQueued(pool: WorkerPool, count: number): Promise<void> {
  for (let tries = 0; binding.queueStats(pool.queue).waiting !== count; tries++) {
    assert.ok(tries < 500, `the queue holds ${binding.queueStats(pool.queue).waiting} requests, not ${count}`);
    await sleep(5);
  }
}

describe('the addon', LIMIT, () => {
  it('has the same table of element types as the TypeScript side', () => {
    const native = binding.dataTypes();
    assert.equal(native.length, Object.keys(DataType).length);
    for (const info of native) assert.deepEqual({ ...info }, dataTypeInfo(info.dtype));
  });

  it('opens libtensorflow once, and says its version again when asked again', async () => {
    const version = await openLibrary();
    assert.match(version, /^2\.\d+\.\d+/);
    assert.equal(await openLibrary(), version);
  });
});

describe('tensors of fixed width', LIMIT, () => {
  for (const name of FIXED_WIDTH) {
    it(`takes ${name} in and gives it out bit for bit, of any rank`, async () => {
      const dtype = dataTypeOf(name);
      await withModel(`echo_${name}`, async (model) => {
        for (const shape of [[], [1], [7], [2, 3], [1, 1, 4, 1, 2], [0], [3, 0, 2], [5000]]) {
          const bytes = allSortsOfBytes(
            name,
            shape.reduce((product, dim) => product * dim, 1),
          );
          const output = await runOne(model, testRequest([x(dtype, shape, bytes)]));
          assert.deepEqual(output, { alias: 'y', dtype, shape, bytes });
        }
      });
    });
  }

  const SIGNED = [0, 1, -1, 127, -128];
  const UNSIGNED = [0, 1, 2, 127, 255];
  const VARINT_VALUES: Partial<Record<FixedWidth, (number | bigint)[]>> = {
    bool: [0, 1, 1, 0, 1],
    int8: SIGNED,
    int16: [...SIGNED, 32767, -32768],
    int32: [...SIGNED, 2 ** 31 - 1, -(2 ** 31)],
    int64: [...SIGNED, 2n ** 63n - 1n, -(2n ** 63n)],
    uint8: UNSIGNED,
    uint16: [...UNSIGNED, 65535],
    uint32: [...UNSIGNED, 2 ** 32 - 1],
    uint64: [...UNSIGNED, 2n ** 64n - 1n],
    half: [0, 0x3c00, 0xfe01, 0x7c00],
    bfloat16: [0, 0x3f80, 0xffc1, 0x7f80],
  };

  for (const [name, values] of Object.entries(VARINT_VALUES) as [FixedWidth, (number | bigint)[]][]) {
    it(`reads and writes ${name} as the varints of TensorProto's typed field`, async () => {
      const bytes = varints(...values);
      const input = x(dataTypeOf(name), [values.length], bytes, { encoding: Encoding.VARINT });
      await withModel(`echo_${name}`, async (model) => {
        const typed = await runOne(model, testRequest([input], { outputFormat: OutputFormat.TYPED_FIELDS }));
        assert.deepEqual(typed.bytes, bytes);
        const raw = await runOne(model, testRequest([input]));
        assert.deepEqual(raw.bytes, littleEndian(values, byteSizeOf(dataTypeOf(name))));
      });
    });
  }

  it('writes float, double and complex to typed fields as they lie in memory', async () => {
    for (const name of ['float', 'double', 'complex64', 'complex128'] as const) {
      const bytes = allSortsOfBytes(name, 5);
      await withModel(`echo_${name}`, async (model) => {
        const request = testRequest([x(dataTypeOf(name), [5], bytes)], { outputFormat: OutputFormat.TYPED_FIELDS });
        assert.deepEqual((await runOne(model, request)).bytes, bytes);
      });
    }
  });

  it('repeats the last value where fewer are sent than the shape needs, and fills with zeros where none is', async () => {
    const varint = { encoding: Encoding.VARINT, fill: true };
    await withModel('echo_int32', async (model) => {
      const run = async (count: number, bytes: Uint8Array, more: Partial<TestInput>) =>
        new Int32Array(
          arrayBufferOf((await runOne(model, testRequest([x(DataType.INT32, [count], bytes, more)]))).bytes),
        );
      assert.deepEqual([...(await run(5, varints(3, -7), varint))], [3, -7, -7, -7, -7]);
      assert.deepEqual([...(await run(3, varints(), varint))], [0, 0, 0]);
      assert.deepEqual([...(await run(2, varints(4, 5), varint))], [4, 5]);
      assert.deepEqual([...(await run(0, varints(), varint))], []);
      const thousand = await run(1001, littleEndian([1, -2], 4), { fill: true });
      assert.deepEqual([thousand[0], new Set(thousand.subarray(1))], [1, new Set([-2])]);
    });
  });

  it('refuses more values than the shape holds even where fewer may be sent', async () => {
    await withModel('echo_int32', async (model) => {
      const tooMany = x(DataType.INT32, [1], varints(1, 2), { encoding: Encoding.VARINT, fill: true });
      await assert.rejects(runOne(model, testRequest([tooMany])), INVALID);
      const tooManyRaw = x(DataType.INT32, [1], Buffer.alloc(8), { fill: true });
      await assert.rejects(runOne(model, testRequest([tooManyRaw])), INVALID);
    });
  });

  it('refuses varints that are cut off, too long, or too few', async () => {
    await withModel('echo_int64', async (model) => {
      for (const bytes of [Buffer.from([0x80]), Buffer.alloc(11, 0xff), Buffer.alloc(0)]) {
        const input = x(DataType.INT64, [1], bytes, { encoding: Encoding.VARINT });
        await assert.rejects(runOne(model, testRequest([input])), {
          ...INVALID,
          message: /x: shape \[1\] of DT_INT64/,
        });
      }
    });
  });

  it('refuses a form that the dtype cannot be sent in', async () => {
    await withModel('echo_float', async (model) => {
      const input = x(DataType.FLOAT, [1], varints(1), { encoding: Encoding.VARINT });
      await assert.rejects(runOne(model, testRequest([input])), INVALID);
      const strings: TestInput = { name: 'x', dtype: DataType.FLOAT, shape: [1], strings: [Buffer.from('abcd')] };
      await assert.rejects(runOne(model, testRequest([strings])), { ...INVALID, message: /'x'.*DT_FLOAT/ });
    });
  });

  it('gives quantized outputs, and takes quantized inputs', async () => {
    await withModel('quantized', async (model) => {
      const outputs = await model.predict(testRequest([float([3], 1.5, 0, 7)]), copyOutputs);
      const widths = { quint8: 1, qint8: 1, quint16: 2, qint16: 2, qint32: 4 } as Record<string, number>;
      assert.deepEqual(outputs.map(({ alias }) => alias).sort(), Object.keys(widths).sort());
      for (const { alias, dtype, bytes } of outputs) {
        assert.equal(dtype, DataType[alias.toUpperCase() as keyof typeof DataType]);
        assert.deepEqual(bytes, littleEndian([1, 0, 7], widths[alias] as number));
      }
      const echoed = outputs.map(({ alias, ...rest }) => ({ name: alias, ...rest }));
      const again = await model.predict(testRequest(echoed, { signatureName: 'echo' }), copyOutputs);
      assert.deepEqual(again, outputs);
    });
  });
});

describe('string tensors', LIMIT, () => {
  const CASES: [string, number[], Uint8Array[]][] = [
    ['a scalar', [], [Buffer.from('hello')]],
    ['empty strings', [2], [Buffer.alloc(0), Buffer.alloc(0)]],
    ['no strings at all', [0, 4], []],
    [
      'bytes of 0, and bytes that are no UTF-8',
      [3],
      [Buffer.from([0]), Buffer.from('a\0b\0'), Buffer.from([0xff, 0xc0])],
    ],
    ['lengths around those that TF_TString keeps in place', [4], [22, 23, 24, 25].map((n) => Buffer.alloc(n, 'x'))],
    ['100 kB', [1], [Buffer.alloc(100_000, 'long ')]],
    ['10,000 of them', [100, 100], Array.from({ length: 10_000 }, (_, i) => Buffer.from(`element ${i}`))],
    ['rank 5', [1, 2, 1, 3, 1], Array.from({ length: 6 }, (_, i) => Buffer.from(`${i}`))],
  ];
  for (const [what, shape, strings] of CASES) {
    it(`takes and gives ${what}`, async () => {
      await withModel('echo_string', async (model) => {
        const input: TestInput = { name: 'x', dtype: DataType.STRING, shape, strings };
        const raw = await runOne(model, testRequest([input]));
        assert.deepEqual(raw.shape, shape);
        assert.deepEqual(
          unpackStrings(raw.bytes, strings.length),
          strings.map((string) => Buffer.from(string)),
        );
        const typed = await runOne(model, testRequest([input], { outputFormat: OutputFormat.TYPED_FIELDS }));
        assert.deepEqual(typed.bytes, Buffer.concat(strings.map(stringValField)));
      });
    });
  }

  it('repeats the last string, or fills with empty ones', async () => {
    await withModel('echo_string', async (model) => {
      const run = async (...strings: Buffer[]) => {
        const input: TestInput = { name: 'x', dtype: DataType.STRING, shape: [3], strings, fill: true };
        return unpackStrings((await runOne(model, testRequest([input]))).bytes, 3).map(String);
      };
      assert.deepEqual(await run(Buffer.from('a'), Buffer.from('b')), ['a', 'b', 'b']);
      assert.deepEqual(await run(), ['', '', '']);
    });
  });

  it('refuses too few strings without filling, too many, and bytes in their place', async () => {
    await withModel('echo_string', async (model) => {
      const refused = (input: Partial<TestInput>) =>
        assert.rejects(
          runOne(model, testRequest([{ name: 'x', dtype: DataType.STRING, shape: [2], ...input }])),
          INVALID,
        );
      await refused({ strings: [Buffer.from('a')] });
      await refused({ strings: ['a', 'b', 'c'].map((s) => Buffer.from(s)), fill: true });
      await refused({ bytes: Buffer.from('ab') });
    });
  });

  it('does not mix up strings of requests that run side by side', async () => {
    await withModel(
      'echo_string',
      async (model) => {
        await Promise.all(
          Array.from({ length: 200 }, async (_, i) => {
            const strings = Array.from({ length: (i % 7) + 1 }, (__, j) =>
              Buffer.alloc((i * 37 + j * 11) % 300, `${i}.${j} `),
            );
            const input: TestInput = { name: 'x', dtype: DataType.STRING, shape: [strings.length], strings };
            const { bytes } = await runOne(model, testRequest([input]));
            assert.deepEqual(unpackStrings(bytes, strings.length), strings);
          }),
        );
      },
      2,
    );
  });
});

describe('shapes and sizes that do not fit', LIMIT, () => {
  it('are refused before TensorFlow sees them, and the model answers on', async () => {
    await withModel('echo_float', async (model) => {
      const bad: [string, TestInput][] = [
        ['too few bytes', x(DataType.FLOAT, [2], Buffer.alloc(4))],
        ['too many bytes', x(DataType.FLOAT, [1], Buffer.alloc(8))],
        ['no whole number of elements', x(DataType.FLOAT, [1], Buffer.alloc(5))],
        ['bytes for a shape without elements', x(DataType.FLOAT, [0], Buffer.alloc(4))],
        ['a product beyond 2^63', x(DataType.FLOAT, [2 ** 32, 2 ** 32], Buffer.alloc(4))],
        ['a product that wraps to 1', x(DataType.FLOAT, [2 ** 52, 2 ** 12 + 1, 2 ** 40], Buffer.alloc(4))],
        ['more elements than a message can carry', x(DataType.FLOAT, [2 ** 31 + 1], Buffer.alloc(4), { fill: true })],
        ['a negative dimension', x(DataType.FLOAT, [-1], Buffer.alloc(4))],
        ['a negative dimension beside one of 0', x(DataType.FLOAT, [0, -1], Buffer.alloc(0))],
        ['a dimension that is no whole number', x(DataType.FLOAT, [1.5], Buffer.alloc(4))],
        ['a dimension that is no number', x(DataType.FLOAT, [Number.NaN], Buffer.alloc(4))],
        ['255 dimensions', x(DataType.FLOAT, new Array<number>(255).fill(1), Buffer.alloc(4))],
        ['100,000 dimensions', x(DataType.FLOAT, new Array<number>(100_000).fill(1), Buffer.alloc(4))],
        ['a huge dimension beside one of 0', x(DataType.FLOAT, [0, 2 ** 53, 2 ** 53], Buffer.alloc(0))],
      ];
      for (const [what, input] of bad) await assert.rejects(runOne(model, testRequest([input])), INVALID, what);
      assert.deepEqual((await runOne(model, testRequest([float([1], 4)]))).bytes, floats(4));
    });
  });

  it('has room for 254 dimensions, the most that TensorFlow knows', async () => {
    await withModel('echo_float', async (model) => {
      const shape = new Array<number>(254).fill(1);
      const output = await runOne(model, testRequest([float(shape, 2.5)]));
      assert.deepEqual(output.shape, shape);
    });
  });

  it('gives the error of the run, which names the operation, where only the model can tell', async () => {
    await withModel('digits', async (model) => {
      const input: TestInput = { name: 'images', dtype: DataType.FLOAT, shape: [1, 3], bytes: floats(1, 2, 3) };
      await assert.rejects(model.predict(testRequest([input]), copyOutputs), { ...INVALID, message: /\[1,3\].*\[64/ });
    });
  });
});

describe('names', LIMIT, () => {
  it('are refused with a list of those there are', async () => {
    await withModel('multi_io', async (model) => {
      const scalar = { signatureName: 'scalar' };
      const a: TestInput = { name: 'a', dtype: DataType.FLOAT, shape: [], bytes: floats(1.5) };
      const n: TestInput = { name: 'n', dtype: DataType.INT32, shape: [], bytes: littleEndian([3], 4) };
      const refused = (inputs: TestInput[], message: RegExp, more = {}) =>
        assert.rejects(model.predict(testRequest(inputs, { ...scalar, ...more }), copyOutputs), { message });
      await refused([a], /Input 'n' \(DT_INT32, shape \[\]\) of signature 'scalar' is missing/);
      await refused([a, { ...n, name: 'm' }], /has no input 'm'. Its inputs are: a, n/);
      await refused([a, a], /Input 'a' is sent twice/);
      await refused([a, { ...n, dtype: DataType.FLOAT }], /'n' .*DT_INT32, but the request sends DT_FLOAT/);
      await refused([a, n], /has no output 'z'. Its outputs are: product, text/, { outputFilter: ['z'] });
      await refused([a, n], /"nope" not found.*defaults, fixed, scalar, serving_default/, { signatureName: 'nope' });
      const outputs = await model.predict(
        testRequest([n, a], { ...scalar, outputFilter: ['text', 'product'] }),
        copyOutputs,
      );
      assert.deepEqual(
        outputs.map(({ alias }) => alias),
        ['text', 'product'],
      );
      assert.deepEqual(outputs[1]?.bytes, floats(4.5));
    });
  });

  it('gives only the outputs that are asked for, however many sets of them are asked for', async () => {
    await withModel('quantized', async (model) => {
      const all = ['qint16', 'qint32', 'qint8', 'quint16', 'quint8'];
      for (let set = 1; set < 2 ** all.length; set++) {
        const outputFilter = all.filter((_, bit) => set & (1 << bit)).reverse();
        const outputs = await model.predict(testRequest([float([1], 3)], { outputFilter }), copyOutputs);
        assert.deepEqual(
          outputs.map(({ alias }) => alias),
          outputFilter,
        );
        for (const { bytes } of outputs) assert.equal(bytes[0], 3);
      }
    });
  });
});

describe('tensors that must not cross the border', LIMIT, () => {
  it('are refused by name, while the other signatures of the model serve', async () => {
    await withModel('refused', async (model) => {
      const refused = (inputs: TestInput[], signatureName: string, message: RegExp) =>
        assert.rejects(model.predict(testRequest(inputs, { signatureName }), copyOutputs), { ...INVALID, message });
      await refused([float([1], 1)], 'resource', /handle.*DT_RESOURCE/s);
      await refused([float([1], 1)], 'variant', /list.*DT_VARIANT/s);
      const handle: TestInput = { name: 'handle', dtype: DataType.RESOURCE, shape: [], bytes: Buffer.alloc(0) };
      await refused([handle], 'resource_input', /handle.*DT_RESOURCE/s);
      assert.deepEqual((await runOne(model, testRequest([float([2], 1, -2)]))).bytes, floats(3, -6));
    });
  });

  it('are refused as graph tensors, too', async () => {
    await withModel('refused', async (model) => {
      const request = testRequest([float([1], 1)], { allowGraphTensors: true, outputFilter: ['w:0'] });
      await assert.rejects(model.predict(request, copyOutputs), { ...INVALID, message: /w:0.*DT_RESOURCE/s });
    });
  });
});

describe('loading', LIMIT, () => {
  const load = (path: string, tags?: string[]) =>
    withPool(1, async (pool) => {
      const loader = loaderOf(path, pool, tags);
      await loader.load();
      await loader.unload();
    });

  it('refuses a folder without saved_model.pb', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      await rm(join(basePath, '1', 'saved_model.pb'));
      await assert.rejects(load(join(basePath, '1')), { code: Code.NOT_FOUND, message: /has no saved_model.pb/ });
    });
  });

  it('refuses a SavedModel without its variables', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      await rm(join(basePath, '1', 'variables'), { recursive: true });
      await assert.rejects(load(join(basePath, '1')), {
        code: Code.FAILED_PRECONDITION,
        message: /weights are missing/,
      });
    });
  });

  it('refuses a SavedModel whose variables are cut short', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      const variables = join(basePath, '1', 'variables');
      const data = readdirSync(variables).find((name) => name.includes('.data-')) as string;
      await writeFile(join(variables, data), '');
      await assert.rejects(load(join(basePath, '1')), (error: Error) => error.message.length > 20);
    });
  });

  it('refuses tags that no meta graph has, naming them', async () => {
    const path = join(modelPath('half_plus_two'), '1');
    await assert.rejects(load(path, ['serve', 'gpu']), { code: Code.NOT_FOUND, message: /gpu/ });
    await assert.rejects(load(path, []), { code: Code.NOT_FOUND });
  });

  it('refuses or loads whatever a damaged saved_model.pb holds, and never crashes', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      const result = await runProgram(['withPool', 'loaderOf', 'testRequest', 'floats', 'copyOutputs'], DAMAGE, {
        timeoutMillis: 50_000,
        env: { MODEL: join(basePath, '1'), TF_CPP_MIN_LOG_LEVEL: '3' },
      });
      assert.equal(
        result.status,
        0,
        `${result.signal ?? result.status}: ${result.stdout}${result.stderr.slice(-3000)}`,
      );
      assert.match(result.stdout, /^variants 100, loaded \d+, refused \d+$/m);
    });
  });

  it('shares one session between loaders of the same folder, and keeps it until the last of them unloads', async () => {
    await withPool(1, async (pool) => {
      const path = join(modelPath('half_plus_two'), '1');
      const config = Buffer.alloc(0);
      const options = { directory: path, tags: ['serve'], config, interruptible: false };
      const [one, two] = await Promise.all([binding.loadSession(options), binding.loadSession(options)]);
      const other = await binding.loadSession({ ...options, config: Buffer.from([0x18, 1]) });
      assert.equal(one.id, two.id);
      assert.notEqual(one.id, other.id);
      for (const { id } of [one, two, other]) await binding.releaseSession(id);
      await assert.rejects(async () => binding.releaseSession(one.id), /holds no session/);

      const loaders = [loaderOf(path, pool), loaderOf(path, pool)];
      const [first, second] = await Promise.all(loaders.map((loader) => loader.load()));
      await loaders[0]?.unload();
      await assert.rejects(runOne(first as SavedModel, testRequest([float([1], 2)])), { code: Code.UNAVAILABLE });
      assert.deepEqual((await runOne(second as SavedModel, testRequest([float([1], 2)]))).bytes, floats(3));
      await loaders[1]?.unload();
    });
  });

  it('finds the signatures of one servable for JSON when another of the same folder is gone, whichever came first', async () => {
    await withPool(1, async (pool) => {
      const path = join(modelPath('half_plus_two'), '1');
      const json = { ...testRequest([]), kind: 'json' as const, body: Buffer.from('{"instances":[2.0]}') };
      for (const gone of [0, 1]) {
        const loaders = [loaderOf(path, pool), loaderOf(path, pool)];
        const models = [await loaders[0]?.load(), await loaders[1]?.load()];
        await loaders[gone]?.unload();
        const [reply] = (await models[1 - gone]?.predict(json, copyOutputs)) ?? [];
        assert.deepEqual(JSON.parse(String(reply?.bytes)), { predictions: [3] });
        await loaders[1 - gone]?.unload();
      }
    });
  });

  it('runs TF1 control flow, functional control flow and TF1 variables right', async () => {
    for (const name of ['control_flow_v1', 'control_flow_v2']) {
      await withModel(name, async (model) => {
        for (const [n, expected] of [
          [0, 1],
          [1, -3],
          [2, 7],
          [5, -63],
        ] as const) {
          const input: TestInput = { name: 'n', dtype: DataType.INT32, shape: [], bytes: littleEndian([n], 4) };
          const output = await runOne(model, testRequest([input, float([1], 1)]));
          assert.deepEqual(output.bytes, floats(expected), `${name}, n = ${n}`);
        }
      });
    }
    await withModel('variables_v1', async (model) => {
      assert.deepEqual((await runOne(model, testRequest([float([2], 0, 2)]))).bytes, floats(2, 3));
    });
  });
});

describe('requests in flight', LIMIT, () => {
  it('fail with RESOURCE_EXHAUSTED beyond the memory budget, and run again when it allows', async () => {
    await withModel('echo_float', async (model) => {
      const { budgetBytes, usedBytes } = binding.memoryStats();
      const big = testRequest([x(DataType.FLOAT, [300_000], Buffer.alloc(1_200_000))]);
      const filled = testRequest([x(DataType.FLOAT, [300_000], Buffer.alloc(4), { fill: true })]);
      const json = { ...big, kind: 'json' as const, body: Buffer.from(`{"instances":[${'0,'.repeat(3e5)}0]}`) };
      binding.setMemoryBudget(usedBytes + 100_000);
      try {
        for (const request of [big, filled, json]) {
          await assert.rejects(model.predict(request, copyOutputs), EXHAUSTED);
        }
        assert.deepEqual((await runOne(model, testRequest([float([1], 4)]))).bytes, floats(4));
      } finally {
        binding.setMemoryBudget(budgetBytes);
      }
      assert.equal((await runOne(model, big)).bytes.length, 1_200_000);
      assert.equal((await runOne(model, filled)).bytes.length, 1_200_000);
      assert.equal(binding.memoryStats().usedBytes, usedBytes);
    });
  });

  it('fail with RESOURCE_EXHAUSTED where a short string is to be repeated to more than all memory', async () => {
    await withModel('echo_string', async (model) => {
      const { usedBytes } = binding.memoryStats();
      const strings = [Buffer.alloc(1_000_000)];
      const input: TestInput = { name: 'x', dtype: DataType.STRING, shape: [1_000_000], strings, fill: true };
      await assert.rejects(runOne(model, testRequest([input])), EXHAUSTED);
      assert.equal(binding.memoryStats().usedBytes, usedBytes);
    });
  });

  it('are dropped when their deadline passes while they wait, without having run', async () => {
    await withModel('slow', async (model, pool) => {
      const running = runOne(model, testRequest([slow(400)]));
      await untilQueued(pool, 0);
      const started = performance.now();
      const late = runOne(model, testRequest([slow(400)], { deadlineMillis: Date.now() + 60 }));
      await assert.rejects(late, { code: Code.DEADLINE_EXCEEDED });
      assert.ok(
        performance.now() - started < 300,
        'the client is told when the deadline passes, not when a worker is free',
      );
      assert.equal(binding.queueStats(pool.queue).waiting, 0);
      assert.deepEqual((await running).bytes, floats(400));
    });
  });

  it('with a deadline in the past are refused, and the model answers on', async () => {
    await withModel('slow', async (model) => {
      const late = runOne(model, testRequest([slow(0)], { deadlineMillis: Date.now() - 1000 }));
      await assert.rejects(late, { code: Code.DEADLINE_EXCEEDED });
      assert.deepEqual((await runOne(model, testRequest([slow(1)]))).bytes, floats(1));
    });
  });

  it('leave the queue when they are cancelled while they wait', async () => {
    await withModel('slow', async (model, pool) => {
      const running = runOne(model, testRequest([slow(300)]));
      await untilQueued(pool, 0);
      const cancellation = new Cancellation();
      const waiting = runOne(model, testRequest([slow(10_000)], { cancellation }));
      assert.equal(binding.queueStats(pool.queue).waiting, 1);
      cancellation.cancel();
      await assert.rejects(waiting, { code: Code.CANCELLED });
      assert.equal(binding.queueStats(pool.queue).waiting, 0);
      assert.deepEqual((await running).bytes, floats(300));
    });
  });

  it('are given up at once when they are cancelled while they run, and the worker takes the next one', async () => {
    await withModel('slow', async (model, pool) => {
      const cancellation = new Cancellation();
      const started = performance.now();
      const running = runOne(model, testRequest([slow(2000)], { cancellation }));
      await untilQueued(pool, 0);
      await sleep(50);
      cancellation.cancel();
      await assert.rejects(running, { code: Code.CANCELLED });
      assert.ok(performance.now() - started < 1900, 'the client is told before the run ends');
      assert.deepEqual((await runOne(model, testRequest([slow(1)]))).bytes, floats(1));
    });
  });

  it('are refused when they come cancelled already', async () => {
    await withModel('slow', async (model) => {
      const cancellation = new Cancellation();
      cancellation.cancel();
      await assert.rejects(runOne(model, testRequest([slow(1)], { cancellation })), { code: Code.CANCELLED });
    });
  });

  it('are not harmed by the cancellation of one that was answered before', async () => {
    await withModel('slow', async (model) => {
      const cancellation = new Cancellation();
      await runOne(model, testRequest([slow(1)], { cancellation }));
      const next = runOne(model, testRequest([slow(50)]));
      cancellation.cancel();
      assert.deepEqual((await next).bytes, floats(50));
    });
  });

  it('are answered when their model is unloaded while they wait and run', async () => {
    await withPool(1, async (pool) => {
      const loader = loaderOf(join(modelPath('slow'), '1'), pool);
      const model = await loader.load();
      const answers = Array.from({ length: 4 }, () => runOne(model, testRequest([slow(30)])));
      await loader.unload();
      for (const { bytes } of await Promise.all(answers)) assert.deepEqual(bytes, floats(30));
      await assert.rejects(runOne(model, testRequest([slow(1)])), { code: Code.UNAVAILABLE });
    });
  });

  it('are refused with UNAVAILABLE when the pool closes while they wait; the one that runs is answered', async () => {
    await openLibrary();
    await withModel('slow', async (model, pool) => {
      const running = runOne(model, testRequest([slow(200)]));
      await untilQueued(pool, 0);
      const waiting = assert.rejects(runOne(model, testRequest([slow(1)])), { code: Code.UNAVAILABLE });
      const closed = pool.close();
      await waiting;
      assert.deepEqual((await running).bytes, floats(200));
      await closed;
      await assert.rejects(runOne(model, testRequest([slow(1)])));
    });
  });

  it('each get their own answer, 2,000 at a time on two workers', async () => {
    await withModel(
      'half_plus_two',
      async (model) => {
        const answers = await Promise.all(
          Array.from({ length: 2000 }, (_, i) => runOne(model, testRequest([float([2], i, -i)]))),
        );
        for (const [i, { bytes }] of answers.entries()) assert.deepEqual(bytes, floats(0.5 * i + 2, -0.5 * i + 2));
      },
      2,
    );
  });
});

describe('outputs', LIMIT, () => {
  const SIZES = [4092, 4096, 4100, 600_000, 1_200_000];

  it('come whole whether they lie in the mailbox (up to 4096 bytes) or not, and mixed', async () => {
    await withModel(
      'echo_float',
      async (model) => {
        await Promise.all(
          [...SIZES, ...SIZES, 4].map(async (size, i) => {
            const bytes = Buffer.alloc(size, i + 1);
            const output = await runOne(model, testRequest([x(DataType.FLOAT, [size / 4], bytes)]));
            assert.ok(output.bytes.equals(bytes), `${size} bytes`);
          }),
        );
      },
      2,
    );
  });

  it('cannot be copied to where they do not fit', async () => {
    await withModel('echo_float', async (model) => {
      for (const size of [8, 400, 8000]) {
        const request = testRequest([x(DataType.FLOAT, [size / 4], Buffer.alloc(size))]);
        const copy = (target: Uint8Array, offset: number) => (outputs: Outputs) => outputs.copyTo(0, target, offset);
        await assert.rejects(model.predict(request, copy(new Uint8Array(size - 1), 0)), /fit/);
        await assert.rejects(model.predict(request, copy(new Uint8Array(size), 1)), /fit/);
        await assert.rejects(model.predict(request, copy(new Uint8Array(size), -1)));
        await model.predict(request, copy(new Uint8Array(size + 3), 3));
      }
    });
  });

  it('cannot be read once the encode function has returned', async () => {
    await withModel('echo_float', async (model) => {
      for (const count of [1, 5000]) {
        const outputs = await model.predict(
          testRequest([x(DataType.FLOAT, [count], Buffer.alloc(4 * count))]),
          (o) => o,
        );
        assert.throws(() => outputs.byteLength(0), RangeError);
        assert.throws(() => outputs.copyTo(0, new Uint8Array(4 * count), 0), RangeError);
      }
    });
  });

  it('reject the request when the encode function throws, and only that one', async () => {
    await withModel('echo_float', async (model) => {
      const request = testRequest([float([1], 1)]);
      const failing = model.predict(request, () => {
        throw new RangeError('no room in the reply');
      });
      const good = runOne(model, request);
      await assert.rejects(failing, { code: Code.INTERNAL, message: 'no room in the reply' });
      assert.deepEqual((await good).bytes, floats(1));
      assert.deepEqual((await runOne(model, request)).bytes, floats(1));
    });
  });
});

function littleEndian(values: readonly (number | bigint)[], width: number): Buffer {
  const bytes = Buffer.alloc(values.length * width);
  values.forEach((value, i) => {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let at = 0; at < width; at++, rest >>= 8n) bytes[i * width + at] = Number(rest & 255n);
  });
  return bytes;
}

function arrayBufferOf(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function stringValField(string: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x42]), varints(string.byteLength), string]);
}

/** Loads 100 damaged copies of the model in $MODEL one after the other; those that load are run, too. */
const DAMAGE = `
  import { readFileSync, writeFileSync } from 'node:fs';
  const file = process.env.MODEL + '/saved_model.pb';
  const good = readFileSync(file);
  let seed = 12345;
  const random = (below) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
  function damage(i) {
    if (i < 30) return good.subarray(0, Math.floor((good.length * i) / 30));
    const bytes = Buffer.from(good);
    for (let flips = 1 + (i % 4); flips > 0; flips--) bytes[random(bytes.length)] ^= 1 << random(8);
    return bytes;
  }
  const counts = { loaded: 0, refused: 0 };
  await withPool(1, async (pool) => {
    for (let i = 0; i < 100; i++) {
      writeFileSync(file, damage(i));
      const loader = loaderOf(process.env.MODEL, pool);
      try {
        const model = await loader.load();
        counts.loaded++;
        const input = { name: 'x', dtype: 1, shape: [1], bytes: floats(1) };
        await model.predict(testRequest([input]), copyOutputs).catch(() => {});
      } catch (error) {
        if (typeof error.code !== 'number' || error.message === '') throw error;
        counts.refused++;
      }
      await loader.unload();
    }
  });
  console.log('variants 100, loaded ' + counts.loaded + ', refused ' + counts.refused);
`;
