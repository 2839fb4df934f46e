/** TensorFlow Lite models: --prefer_tflite_model, --num_tflite_pools. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Code } from '../../src/errors.js';
import { findLibtensorflowLite } from '../../src/libtensorflowlite.js';
import { binding } from '../../src/native/binding.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import type { SavedModelLoader } from '../../src/servables/saved-model-loader.js';
import { readTfliteFile } from '../../src/servables/tflite-file.js';
import { loadTfliteSession } from '../../src/servables/tflite-session.js';
import { DataType } from '../../src/tensor/dtype.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import { assertRefused } from '../support/assert-refused.js';
import { captureLog } from '../support/capture-log.js';
import { runNode } from '../support/child-program.js';
import { DoorError, type TensorValue, withDoorClients } from '../support/door-clients.js';
import {
  answerJson,
  copyOutputs,
  floats,
  loaderOf,
  runOne,
  type TestInput,
  testRequest,
  unpackStrings,
  withPool,
} from '../support/in-process-model.js';
import { LiteFile } from '../support/lite-file.js';
import { liteLibrary } from '../support/lite-library.js';
import { modelPath, withTempDir } from '../support/models.js';
import { withServer } from '../support/with-server.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const LIMIT = { timeout: 300_000 };
/** Of enum TensorType in TensorFlow Lite's schema. */
const STRING = 5;
const X = 'serving_default_x:0';
const Y = 'StatefulPartitionedCall:0';

/** As --prefer_tflite_model and --num_tflite_pools have it. */
function liteLoader(path: string, pool: WorkerPool, interpreters = 2, directory = ''): SavedModelLoader {
  const findLibrary = () => findLibtensorflowLite(directory);
  return loaderOf(path, pool, ['serve'], { tflite: { interpreters, findLibrary } });
}

async function withLoaded<T>(loader: SavedModelLoader, fn: (model: SavedModel) => Promise<T>): Promise<T> {
  const model = await loader.load();
  try {
    return await fn(model);
  } finally {
    await loader.unload();
  }
}

function withLite<T>(name: string, fn: (model: SavedModel) => Promise<T>, interpreters = 2, workers = 2): Promise<T> {
  return withPool(workers, (pool) => withLoaded(liteLoader(join(modelPath(name), '1'), pool, interpreters), fn));
}

/** A version folder with this model.tflite, in place of the last one. */
async function writeLite(folder: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, '1');
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'model.tflite'), bytes);
  return path;
}

const readLite = (name: string) => readFile(join(modelPath(name), '1', 'model.tflite'));

/** x/2 + 2 of these numbers, by lite_half_plus_two. */
async function halfPlusTwo(model: SavedModel, shape: readonly number[], values: readonly number[]): Promise<Buffer> {
  const input = { name: X, dtype: DataType.FLOAT, shape, bytes: floats(...values) };
  const output = await runOne(model, testRequest([input]));
  assert.deepEqual(output.shape, shape);
  return output.bytes;
}

const MIXED = {
  a: [
    [1, 2, 3],
    [0, -1, 0.5],
  ],
  b: [1, 0],
  flag: [true, false],
  words: ['gate', 'other'],
};
const MIXED_ANSWER = {
  is_gate: [true, false],
  picked: ['other', 'gate'],
  sum: [
    [2, 3, 4],
    [0, -1, 0.5],
  ],
};

before(liteLibrary);

describe('--prefer_tflite_model', LIMIT, () => {
  it('runs model.tflite in place of saved_model.pb where a version folder has one', async () => {
    await withTempDir((folder) =>
      withPool(1, async (pool) => {
        const path = join(folder, '1');
        await cp(join(modelPath('strings'), '1'), path, { recursive: true });
        await writeLite(folder, await readLite('lite_half_plus_two'));
        await withLoaded(liteLoader(path, pool), async (model) => {
          assert.deepEqual(await halfPlusTwo(model, [2], [1, 3]), floats(2.5, 3.5));
        });
        await withLoaded(loaderOf(path, pool), async (model) => {
          assert.equal(model.signature('serving_default')?.inputs[0]?.alias, 'text', 'without the flag');
        });
      }),
    );
  });

  it('runs saved_model.pb where there is no model.tflite', async () => {
    await withPool(1, (pool) =>
      withLoaded(liteLoader(join(modelPath('half_plus_two'), '1'), pool), async (model) => {
        const input = { name: 'x', dtype: DataType.FLOAT, shape: [1], bytes: floats(1) };
        assert.deepEqual((await runOne(model, testRequest([input]))).bytes, floats(2.5));
      }),
    );
  });

  it('is named by the refusal of a folder that has model.tflite alone, where it is off', async () => {
    await withPool(1, async (pool) => {
      const loader = loaderOf(join(modelPath('lite_half_plus_two'), '1'), pool);
      await assertRefused(loader.load(), Code.NOT_FOUND, /only model\.tflite.* --prefer_tflite_model\.$/);
    });
  });

  it('asks for the library only where there is such a model, and then names the remedy', async () => {
    await withTempDir((folder) =>
      withPool(1, async (pool) => {
        const lite = liteLoader(join(modelPath('lite_half_plus_two'), '1'), pool, 1, folder);
        const message =
          /--libtensorflowlite_dir names .* which holds no libtensorflowlite_c\.\w+; .*npm run fetch:tflite/;
        await assertRefused(lite.load(), Code.FAILED_PRECONDITION, message);
        await withLoaded(liteLoader(join(modelPath('half_plus_two'), '1'), pool, 1, folder), async () => {});
      }),
    );
  });

  it('ends the start with that remedy where the library is nowhere', async () => {
    await withTempDir(async (folder) => {
      const flags = [`--model_base_path=${modelPath('lite_half_plus_two')}`, '--port=1', '--prefer_tflite_model'];
      const { findLibtensorflow } = await import('../../src/libtensorflow.js');
      const env = { XDG_CACHE_HOME: folder, LIBTENSORFLOW_DIR: await findLibtensorflow(''), LIBTENSORFLOWLITE_DIR: '' };
      const { status, stdout } = await runNode([MAIN, ...flags], { env });
      assert.equal(status, 255);
      assert.match(stdout, /library of TensorFlow Lite is not on this machine\. Run `npm run fetch:tflite`/);
    });
  });

  it('serves such models at all doors', async () => {
    const flags = [`--model_base_path=${modelPath('lite_mixed')}`, '--model_name=mixed', '--prefer_tflite_model=true'];
    await withServer(flags, (server) =>
      withDoorClients(server, async (clients) => {
        const inputs: Record<string, TensorValue> = {
          a: { dtype: 'float', shape: [2, 3], values: [1, 2, 3, 0, -1, 0.5] },
          b: { dtype: 'int32', shape: [2], values: [1, 0] },
          flag: { dtype: 'bool', shape: [2], values: [true, false] },
          words: { dtype: 'string', shape: [2], values: ['gate', '\xff and more than fits an element'] },
        };
        for (const client of [clients.grpc, clients.rest]) {
          const { sum, picked, is_gate } = await client.predict({ model: 'mixed', inputs });
          assert.deepEqual(sum, { shape: [2, 3], values: [2, 3, 4, 0, -1, 0.5] }, client.door);
          assert.deepEqual(is_gate, { shape: [2], values: [true, false] }, client.door);
          assert.deepEqual(picked?.shape, [2], client.door);
        }
        const { picked } = await clients.grpc.predict({ model: 'mixed', signature: 'pick', inputs });
        assert.deepEqual(picked?.values, ['\xff and more than fits an element', 'gate']);
        await assert.rejects(
          clients.rest.predict({ model: 'mixed', signature: 'partial', inputs: { a: inputs.a, b: inputs.b } as never }),
          (error) => error instanceof DoorError && error.status === 400 && /is left out/.test(error.message),
        );
      }),
    );
  });

  it('serves GraphPipe by the names of tensors, with `:0` and without', async () => {
    const flags = [`--model_base_path=${modelPath('lite_half_plus_two')}`, '--prefer_tflite_model'];
    await withServer(flags, (server) =>
      withDoorClients(server, async ({ graphpipe }) => {
        const x: TensorValue = { dtype: 'float', shape: [3], values: [1, 2, 5] };
        for (const name of [X, 'serving_default_x', '']) {
          const answers = await graphpipe.predict({ model: 'default', inputs: { [name]: x } });
          assert.deepEqual(Object.values(answers), [{ shape: [3], values: [2.5, 3, 4.5] }], name);
        }
      }),
    );
  });

  it('lets versions with and without model.tflite follow each other, and no request fails', async () => {
    await withTempDir(async (basePath) => {
      const saved = join(modelPath('half_plus_two'), '1');
      const lite = join(modelPath('lite_half_plus_two'), '1');
      await cp(saved, join(basePath, '1'), { recursive: true });
      const flags = [
        `--model_base_path=${basePath}`,
        '--model_name=half',
        '--prefer_tflite_model',
        '--file_system_poll_wait_seconds=1',
      ];
      await withServer(flags, async (server) => {
        const url = `http://127.0.0.1:${server.ports.rest}/v1/models/half`;
        const predict = () => fetch(`${url}:predict`, { method: 'POST', body: '{"instances": [1, 2, 5]}' });
        let answers = 0;
        const untilVersion = async (version: number) => {
          for (;;) {
            const reply = await predict();
            assert.deepEqual(await reply.json(), { predictions: [2.5, 3, 4.5] });
            answers++;
            const status = (await (await fetch(url)).json()) as { model_version_status: { version: string }[] };
            const versions = status.model_version_status as { version: string; state: string }[];
            if (versions.some((each) => each.version === String(version) && each.state === 'AVAILABLE')) return;
          }
        };
        await untilVersion(1);
        await cp(lite, join(basePath, '2'), { recursive: true });
        await untilVersion(2);
        await cp(saved, join(basePath, '3'), { recursive: true });
        await untilVersion(3);
        assert.ok(answers >= 3);
      });
    });
  });
});

describe('A TensorFlow Lite model', LIMIT, () => {
  it('has its inputs resized to what is sent', async () => {
    await withLite('lite_half_plus_two', async (model) => {
      for (const count of [1, 7, 1000, 2, 7]) {
        const values = Array.from({ length: count }, (_, i) => i);
        assert.deepEqual(await halfPlusTwo(model, [count], values), floats(...values.map((value) => value / 2 + 2)));
      }
    });
  });

  it('tells of its file what is read of it without the library', async () => {
    for (const name of ['lite_half_plus_two', 'lite_mixed', 'lite_columns', 'lite_signatures']) {
      const path = join(modelPath(name), '1');
      const options = { interpreters: 1, findLibrary: () => findLibtensorflowLite('') };
      const loaded = await loadTfliteSession({ directory: path, stamp: '' }, options);
      try {
        const { signatureDefs, ...rest } = readTfliteFile(path);
        assert.deepEqual({ ...loaded.tflite, signatureDefs: undefined }, { ...rest, signatureDefs: undefined }, name);
        assert.ok(loaded.tflite && Buffer.compare(loaded.tflite.signatureDefs, signatureDefs) === 0, name);
      } finally {
        await binding.releaseSession(loaded.id);
      }
    }
  });

  it('without signature_defs_metadata has the signatures of its own table', async () => {
    await withLite('lite_half_plus_two', async (model) => {
      assert.equal(model.declared.length, 1);
      const { name, methodName, inputs, outputs } = model.declared[0] ?? assert.fail();
      assert.deepEqual([name, methodName], ['serving_default', 'tensorflow/serving/predict']);
      const declared = { dtype: DataType.FLOAT, shape: [1] };
      const named = (alias: string, tensorName: string) => {
        return { alias, tensorName, otherNames: [tensorName.slice(0, -2), tensorName], ...declared };
      };
      assert.deepEqual(inputs, [named('x', X)]);
      assert.deepEqual(outputs, [named('y', Y)]);
    });
    const log = captureLog();
    try {
      await withLite('lite_signatures', async (model) =>
        assert.deepEqual(
          model.declared.map(({ name }) => name),
          ['serving_default'],
        ),
      );
    } finally {
      log.restore();
    }
    assert.match(log.lines().join('\n'), /W Signature 'shifted' of model\.tflite is not served: it is subgraph 1/);
  });

  it('is asked by aliases or by the names of its tensors, and answers in kind', async () => {
    await withLite('lite_signatures', async (model) => {
      const [doubled, total] = [[[2, 4, 6]], [6]];
      const aliases = { outputs: { doubled, total } };
      const tensors = { outputs: { PartitionedCall: doubled, 'PartitionedCall:1': total } };
      const row = [[1, 2, 3]];
      for (const [inputs, answer] of [
        [{ row }, aliases],
        [row, aliases],
        [{ serving_default_row: row }, tensors],
        [{ 'serving_default_row:0': row, other: [] }, tensors],
      ] as const) {
        assert.deepEqual(await answerJson(model, { inputs }), answer);
        assert.deepEqual(await answerJson(model, { instances: [{ row: row[0] }] }), {
          predictions: [{ doubled: doubled[0], total: 6 }],
        });
      }
      const namesOf = async (input: string, ...outputFilter: string[]) => {
        const tensor = { name: input, dtype: DataType.FLOAT, shape: [1, 3], bytes: floats(1, 2, 3) };
        const outputs = await model.predict({ ...testRequest([tensor]), outputFilter }, copyOutputs);
        return outputs.map(({ alias }) => alias);
      };
      assert.deepEqual(await namesOf('row'), ['doubled', 'total']);
      assert.deepEqual(await namesOf(''), ['doubled', 'total']);
      assert.deepEqual(await namesOf('serving_default_row'), ['PartitionedCall', 'PartitionedCall:1']);
      assert.deepEqual(await namesOf('row', 'PartitionedCall:0'), ['PartitionedCall:0']);
      assert.deepEqual(await namesOf('serving_default_row:0', 'total', 'doubled'), ['total', 'doubled']);
    });
  });

  it('takes fewer dimensions where the elements are as many, and gives the outputs that it declares', async () => {
    await withLite('lite_signatures', async (model) => {
      const answer = { outputs: { doubled: [[2, 4, 6]], total: [6] } };
      assert.deepEqual(await answerJson(model, { inputs: { row: [1, 2, 3] } }), answer);
      for (const row of [[1, 2], [1, 2, 3, 4, 5, 6], 1, [[[1, 2, 3]]]]) {
        await assertRefused(
          answerJson(model, { inputs: { row } }),
          Code.INVALID_ARGUMENT,
          /has rank 2, but was sent with/,
        );
        assert.deepEqual(await answerJson(model, { inputs: { row: [[1, 2, 3]] } }), answer);
      }
    });
    await withLite('lite_half_plus_two', async (model) => {
      assert.deepEqual(await answerJson(model, { inputs: 3 }), { outputs: [3.5] });
    });
  });

  it('whose table names another tensor is served without that signature', async () => {
    await withTempDir((folder) =>
      withPool(1, async (pool) => {
        const file = new LiteFile(await readLite('lite_signatures'));
        for (const tensor of [1, 0xffffffff]) {
          file.setSignatureOutput(0, tensor);
          const loader = liteLoader(await writeLite(folder, file.bytes), pool);
          await withLoaded(loader, async (model) => assert.equal(model.declared.length, 0));
        }
      }),
    );
  });

  it('with signature_defs_metadata has those signatures, whose tensor names may carry `:0` or not', async () => {
    await withLite('lite_mixed', async (model) => {
      assert.deepEqual(
        model.declared.map(({ name }) => name),
        ['partial', 'pick', 'serving_default'],
      );
      assert.equal(model.signature('serving_default')?.inputs[0]?.tensorName, 'serving_default_a:0');
      assert.equal(model.signature('pick')?.inputs[0]?.tensorName, 'serving_default_a');
      assert.deepEqual(await answerJson(model, { inputs: MIXED }), { outputs: MIXED_ANSWER });
      const picked = await answerJson(model, { signature_name: 'pick', inputs: MIXED });
      assert.deepEqual(picked, { outputs: MIXED_ANSWER.picked });
    });
  });

  it('refuses a signature that leaves out an input, which would have the values of another request', async () => {
    await withLite('lite_mixed', async (model) => {
      const { a, b } = MIXED;
      const message = /The input 'serving_default_\w+:0' of the TensorFlow Lite model is left out/;
      await assertRefused(
        answerJson(model, { signature_name: 'partial', inputs: { a, b } }),
        Code.INVALID_ARGUMENT,
        message,
      );
    });
  });

  it('refuses shapes that its kernels do not check, and those that they refuse, and goes on', async () => {
    await withLite(
      'lite_mixed',
      async (model) => {
        const good = () => answerJson(model, { inputs: MIXED });
        for (const [change, message] of [
          [{ words: [['gate'], ['x']] }, /'serving_default_words:0' .* has rank 1, but was sent with shape \[2,1\]/],
          [{ a: [[[1]]] }, /'serving_default_a:0' .* has rank 2, but was sent with shape \[1,1,1\]/],
          [{ b: [] }, /'serving_default_b:0' .* has dimensions of 1 to 2147483647, but was sent with shape \[0\]/],
          [{ b: [1, 0, 0] }, /cannot take inputs of these shapes: .* are not broadcastable/],
          [{ b: [2, 0] }, /failed to run: .*GATHER/],
        ] as const) {
          await assertRefused(answerJson(model, { inputs: { ...MIXED, ...change } }), Code.INVALID_ARGUMENT, message);
          assert.deepEqual(await good(), { outputs: MIXED_ANSWER });
        }
      },
      1,
    );
  });

  it('takes and gives each element type that it has', async () => {
    const sizes = {
      FLOAT: 4,
      DOUBLE: 8,
      HALF: 2,
      INT8: 1,
      INT16: 2,
      INT32: 4,
      INT64: 8,
      UINT8: 1,
      UINT32: 4,
      UINT64: 8,
      COMPLEX64: 8,
      COMPLEX128: 16,
    };
    const strings = [Buffer.from(''), Buffer.from('\x00\xff', 'latin1'), Buffer.alloc(10_000, 'long')];
    const inputs: TestInput[] = Object.entries(sizes).map(([name, size], i) => ({
      name: `serving_default_${name.toLowerCase()}:0`,
      dtype: DataType[name as keyof typeof sizes],
      shape: [3],
      bytes: Buffer.from(Array.from({ length: 3 * size }, (_, at) => (at * 37 + i) & 63)),
    }));
    inputs.push({ name: 'serving_default_bool:0', dtype: DataType.BOOL, shape: [3], bytes: Buffer.from([1, 0, 1]) });
    inputs.push({ name: 'serving_default_string:0', dtype: DataType.STRING, shape: [3], strings });
    await withLite('lite_columns', async (model) => {
      const outputs = await model.predict(testRequest(inputs), copyOutputs);
      assert.equal(outputs.length, inputs.length);
      for (const { dtype, bytes } of inputs) {
        const output = outputs.find((each) => each.dtype === dtype) ?? assert.fail(`no output of type ${dtype}`);
        assert.deepEqual(output.shape, [3, 1]);
        if (dtype === DataType.STRING) assert.deepEqual(unpackStrings(output.bytes, 3), strings);
        else assert.deepEqual(output.bytes, bytes);
      }
    });
  });

  for (const [interpreters, workers] of [
    [1, 4],
    [4, 2],
  ] as const) {
    it(`answers each of many requests at once its own, with ${interpreters} interpreters and ${workers} workers`, async () => {
      await withLite(
        'lite_half_plus_two',
        (model) =>
          Promise.all(
            Array.from({ length: 400 }, async (_, i) => {
              const values = Array.from({ length: 1 + (i % 9) }, () => i);
              const expected = floats(...values.map((value) => value / 2 + 2));
              assert.deepEqual(await halfPlusTwo(model, [values.length], values), expected);
            }),
          ),
        interpreters,
        workers,
      );
    });
  }

  it('that is cut off, or none at all, is a load error', async () => {
    await withTempDir((folder) =>
      withPool(1, async (pool) => {
        const whole = await readLite('lite_mixed');
        const cut = Array.from({ length: 30 }, (_, i) => whole.subarray(0, Math.floor((whole.length * i) / 30)));
        const otherSchema = Buffer.concat([whole.subarray(0, 4), Buffer.from('TFL9'), whole.subarray(8)]);
        for (const bytes of [...cut, otherSchema, Buffer.alloc(5000, 7), Buffer.from('TFL3TFL3TFL3TFL3')]) {
          const loader = liteLoader(await writeLite(folder, bytes), pool);
          await assertRefused(
            loader.load(),
            Code.INVALID_ARGUMENT,
            /model\.tflite is damaged, or is no TensorFlow Lite/,
          );
        }
      }),
    );
  });

  it('that is a folder, or that cannot be read, is a load error at each try', async () => {
    await withTempDir((folder) =>
      withPool(1, async (pool) => {
        const path = join(folder, '1');
        await mkdir(join(path, 'model.tflite'), { recursive: true });
        for (let i = 0; i < 2; i++) {
          const loading = liteLoader(path, pool).load();
          await assertRefused(loading, Code.FAILED_PRECONDITION, /model\.tflite cannot be read: Is a directory\.$/);
        }
      }),
    );
  });

  it('whose inputs or outputs are no tensors, or stand in the file, is a load error', async () => {
    await withTempDir((folder) =>
      withPool(1, async (pool) => {
        const assertNotLoaded = async ({ bytes }: LiteFile, message: RegExp) => {
          const loader = liteLoader(await writeLite(folder, bytes), pool);
          await assertRefused(loader.load(), Code.INVALID_ARGUMENT, message);
        };
        for (const list of ['inputs', 'outputs'] as const) {
          const file = new LiteFile(await readLite('lite_mixed'));
          file.setPlace(list, 1, -1);
          await assertNotLoaded(file, /cannot run .*model\.tflite: /);
        }
        const file = new LiteFile(await readLite('lite_mixed'));
        file.giveValues(STRING);
        await assertNotLoaded(file, /model\.tflite has an input whose values stand in the file/);
      }),
    );
  });

  it('with an operation that the library does not have is refused with its name', async () => {
    await withPool(1, async (pool) => {
      const loader = liteLoader(join(modelPath('lite_custom_op'), '1'), pool);
      await assertRefused(loader.load(), Code.INVALID_ARGUMENT, /cannot run .*model\.tflite: .*StringUpper/);
    });
  });
});
