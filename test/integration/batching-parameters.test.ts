/** What each of BatchingParameters' fields does, as seen by a model that tells in which batch a request was run. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchPolicyOf } from '../../src/batching/batch-policy.js';
import { Code } from '../../src/errors.js';
import { parseTextProto } from '../../src/formats/text-proto.js';
import { BatchingParameters } from '../../src/gen/messages.js';
import { binding } from '../../src/native/binding.js';
import { batchPolicyOfVersion } from '../../src/servables/batching-of-version.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { DataType } from '../../src/tensor/dtype.js';
import type { PredictRequest } from '../../src/tensor/predict-request.js';
import type { BatchPolicy } from '../../src/workers/lane.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import {
  copyOutputs,
  floats,
  loaderOf,
  type TestOutput,
  testRequest,
  unpackStrings,
  withModels,
  withPool,
} from '../support/in-process-model.js';
import { withModelCopy } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

function policy(text: string): BatchPolicy {
  return batchPolicyOf(parseTextProto(BatchingParameters, text));
}

/** With batch_shape under these parameters, and one worker. */
function withParameters(text: string, fn: (model: SavedModel, pool: WorkerPool) => Promise<void>): Promise<void> {
  return withModels([{ model: 'batch_shape', batchPolicy: policy(text) }], ([model], pool) =>
    fn(model as SavedModel, pool),
  );
}

/** Rows of `value`, `columns` wide. */
function rows(count: number, columns = 1, value = 1): PredictRequest {
  const bytes = floats(...Array(count * columns).fill(value));
  return testRequest([{ name: 'x', dtype: DataType.FLOAT, shape: [count, columns], bytes }]);
}

function words(table: readonly (readonly string[])[]): PredictRequest {
  const strings = table.flat().map((text) => Buffer.from(text));
  const shape = [table.length, table[0]?.length ?? 0];
  return testRequest([{ name: 'text', dtype: DataType.STRING, shape, strings }], { signatureName: 'words' });
}

function ints({ bytes }: TestOutput): number[] {
  return [...new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)];
}

async function run(model: SavedModel, request: PredictRequest): Promise<Record<string, TestOutput>> {
  const outputs = await model.predict(request, copyOutputs);
  return Object.fromEntries(outputs.map((output) => [output.alias, output]));
}

/** The `rows` output of each request, all sent at once. */
async function rowsSeen(model: SavedModel, requests: readonly PredictRequest[]): Promise<number[][]> {
  const outputs = await Promise.all(requests.map((request) => run(model, request)));
  return outputs.map((output) => ints(output.rows as TestOutput));
}

describe('max_batch_size', { timeout: 60_000 }, () => {
  it('counts rows, not requests', async () => {
    await withParameters('max_batch_size { value: 4 }', async (model) => {
      assert.deepEqual(await rowsSeen(model, [rows(2), rows(2), rows(1), rows(3)]), [[4, 4], [4, 4], [4], [4, 4, 4]]);
    });
  });

  it('parts requests that do not fit together', async () => {
    await withParameters('max_batch_size { value: 4 }', async (model) => {
      assert.deepEqual(await rowsSeen(model, [rows(3), rows(3)]), [
        [3, 3, 3],
        [3, 3, 3],
      ]);
    });
  });

  it('counts the rows of JSON requests once they are known', async () => {
    await withParameters('max_batch_size { value: 3 }', async (model) => {
      const json = (): PredictRequest => ({
        kind: 'json',
        modelSpec: { name: 'model' },
        body: Buffer.from('{"inputs":[[1],[2]]}'),
        deadlineMillis: Number.POSITIVE_INFINITY,
      });
      const replies = await Promise.all([json(), json()].map((request) => model.predict(request, copyOutputs)));
      for (const [reply] of replies) assert.deepEqual(JSON.parse(String(reply?.bytes)).outputs.rows, [2, 2]);
    });
  });

  it("refuses a request that alone has more rows, in TensorFlow's words", async () => {
    await withParameters('max_batch_size { value: 4 }', async (model) => {
      await assert.rejects(run(model, rows(5)), {
        code: Code.INVALID_ARGUMENT,
        message: 'Task size 5 is larger than maximum input batch size 4',
      });
    });
  });
});

describe('batch_timeout_micros', { timeout: 60_000 }, () => {
  it('lets a request wait for others', async () => {
    await withParameters('max_batch_size { value: 4 } batch_timeout_micros { value: 20000000 }', async (model) => {
      const first = rowsSeen(model, [rows(1)]);
      await sleep(50);
      assert.deepEqual(await rowsSeen(model, [rows(1), rows(2)]), [[4], [4, 4]]);
      assert.deepEqual(await first, [[4]]);
    });
  });

  it('is the longest that it waits', async () => {
    await withParameters('max_batch_size { value: 4 } batch_timeout_micros { value: 30000 }', async (model) => {
      assert.deepEqual(await rowsSeen(model, [rows(1)]), [[1]]);
    });
  });

  it('does not hold back a batch that is full', async () => {
    await withParameters('max_batch_size { value: 2 } batch_timeout_micros { value: 600000000 }', async (model) => {
      assert.deepEqual(await rowsSeen(model, [rows(2), rows(1), rows(1)]), [[2, 2], [2], [2]]);
    });
  });

  it('fills each batch with requests of one signature and shape, and lets none wait for the batch of another', async () => {
    await withParameters('max_batch_size { value: 4 } batch_timeout_micros { value: 600000000 }', async (model) => {
      const word = rowsSeen(model, [words([['a']])]);
      const wide = rowsSeen(model, [rows(1, 2)]);
      assert.deepEqual(await rowsSeen(model, [rows(3), rows(1)]), [[4, 4, 4], [4]]);
      assert.deepEqual(await rowsSeen(model, [rows(3, 2)]), [[4, 4, 4]]);
      assert.deepEqual(await wide, [[4]]);
      assert.deepEqual(await rowsSeen(model, [words([['b'], ['c'], ['d']])]), [[4, 4, 4]]);
      assert.deepEqual(await word, [[4]]);
    });
  });

  it('does not hold back requests that no batch is waited for with', async () => {
    const batchPolicy = policy('max_batch_size { value: 2 } batch_timeout_micros { value: 600000000 }');
    const models = [
      { model: 'multi_io', batchPolicy },
      { model: 'multi_io', version: 2n },
    ];
    await withModels(models, async ([waits, doesNot]) => {
      const inputs = [
        { name: 'a', dtype: DataType.FLOAT, shape: [1, 3], bytes: floats(1, 2, 3) },
        { name: 'b', dtype: DataType.INT32, shape: [1], bytes: Buffer.from([3, 0, 0, 0]) },
        { name: 'flag', dtype: DataType.BOOL, shape: [1], bytes: Uint8Array.of(1) },
      ];
      const first = run(waits as SavedModel, testRequest(inputs));
      const scalars = [
        { name: 'a', dtype: DataType.FLOAT, shape: [], bytes: floats(2) },
        { name: 'n', dtype: DataType.INT32, shape: [], bytes: Buffer.from([3, 0, 0, 0]) },
      ];
      await run(waits as SavedModel, testRequest(scalars, { signatureName: 'scalar' }));
      await run(doesNot as SavedModel, testRequest(inputs));
      await Promise.all([first, run(waits as SavedModel, testRequest(inputs))]);
    });
  });

  it('lets a request go whose deadline passes meanwhile, and does not count its rows any more', async () => {
    await withParameters(
      'max_batch_size { value: 4 } batch_timeout_micros { value: 600000000 }',
      async (model, pool) => {
        const late = { ...rows(3), deadlineMillis: Date.now() + 30 };
        await assert.rejects(run(model, late), { code: Code.DEADLINE_EXCEEDED });
        assert.equal(binding.queueStats(pool.queue).waiting, 0);
        const first = rowsSeen(model, [rows(1)]);
        assert.deepEqual(await rowsSeen(model, [rows(3)]), [[4, 4, 4]]);
        assert.deepEqual(await first, [[4]]);
      },
    );
  });

  it('ends with the queue', async () => {
    await withParameters(
      'max_batch_size { value: 4 } batch_timeout_micros { value: 600000000 }',
      async (model, pool) => {
        const waiting = assert.rejects(run(model, rows(1)), { code: Code.UNAVAILABLE });
        await sleep(20);
        await pool.close();
        await waiting;
      },
    );
  });
});

describe('max_enqueued_batches', { timeout: 60_000 }, () => {
  it("refuses what would make one more, UNAVAILABLE in TensorFlow's words", async () => {
    const batchPolicy = policy('max_batch_size { value: 2 } max_enqueued_batches { value: 2 }');
    await withModels([{ model: 'batch_shape', batchPolicy }, { model: 'slow' }], async ([model, other], pool) => {
      assert.ok(model && other);
      const running = other.predict(slow(200), copyOutputs);
      while (binding.queueStats(pool.queue).taken === 0) await sleep(1);
      const waiting = rowsSeen(model, [rows(1), rows(2), rows(1)]);
      await assert.rejects(run(model, rows(1)), {
        code: Code.UNAVAILABLE,
        message:
          'The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and ' +
          'max_enqueued_batches is 2',
      });
      await Promise.all([running, waiting]);
      await run(model, rows(1));
    });
  });
});

describe('max_enqueued_batches of several signatures', { timeout: 60_000 }, () => {
  const refused = { code: Code.UNAVAILABLE, message: /max_enqueued_batches is 2$/ };

  /** While the only worker is busy with another model. */
  const withBusyWorker = (fn: (model: SavedModel) => Promise<unknown>) => {
    const batchPolicy = policy('max_batch_size { value: 2 } max_enqueued_batches { value: 2 }');
    return withModels([{ model: 'batch_shape', batchPolicy }, { model: 'slow' }], async ([model, other], pool) => {
      const running = other?.predict(slow(200), copyOutputs);
      while (binding.queueStats(pool.queue).taken === 0) await sleep(1);
      await Promise.all([running, fn(model as SavedModel)]);
    });
  };

  it('counts those of each signature for themselves', async () => {
    await withBusyWorker(async (model) => {
      const waiting = [rows(2), rows(2), words([['a'], ['b']]), words([['c']])].map((request) => run(model, request));
      await assert.rejects(run(model, rows(1)), refused);
      waiting.push(run(model, words([['d']])));
      await assert.rejects(run(model, words([['e']])), refused);
      await Promise.all(waiting);
    });
  });

  it('does not count what has too many rows to be run at all', async () => {
    await withBusyWorker(async (model) => {
      const huge = assert.rejects(run(model, rows(1000)), { code: Code.INVALID_ARGUMENT, message: /^Task size 1000/ });
      await Promise.all([huge, run(model, rows(2)), run(model, rows(2))]);
    });
  });
});

describe('num_batch_threads', { timeout: 60_000 }, () => {
  it('bounds the batches that run at a time, over all models of the same thread_pool_name', async () => {
    const batchPolicy = policy('num_batch_threads { value: 1 } thread_pool_name { value: "ours" }');
    const models = [
      { model: 'slow', name: 'one', batchPolicy },
      { model: 'slow', name: 'two', batchPolicy },
      { model: 'half_plus_two' },
    ];
    await withModels(
      models,
      async ([one, two, other], pool) => {
        assert.ok(one && two && other);
        const running = one.predict(slow(200), copyOutputs);
        while (binding.queueStats(pool.queue).taken === 0) await sleep(1);
        const next = two.predict(slow(1), copyOutputs);
        const x = { name: 'x', dtype: DataType.FLOAT, shape: [1], bytes: floats(1) };
        await other.predict(testRequest([x]), copyOutputs);
        assert.equal(binding.queueStats(pool.queue).waiting, 1);
        await Promise.all([running, next]);
      },
      2,
    );
  });
});

describe('allowed_batch_sizes', { timeout: 60_000 }, () => {
  const TEXT = 'max_batch_size { value: 8 } allowed_batch_sizes: 2 allowed_batch_sizes: 8';

  it('fill a batch up to the next of them, and what was filled up is cut off again', async () => {
    await withParameters(TEXT, async (model) => {
      assert.deepEqual(await rowsSeen(model, [rows(1)]), [[2]]);
      assert.deepEqual(await rowsSeen(model, [rows(2), rows(1)]), [[8, 8], [8]]);
      const { y } = await run(model, rows(3, 2, 7));
      assert.deepEqual(y?.shape, [3, 2]);
      assert.deepEqual(y?.bytes, floats(7, 7, 7, 7, 7, 7));
    });
  });

  it('fill up strings, too', async () => {
    await withParameters(TEXT, async (model) => {
      const { same, rows: seen } = await run(model, words([['a'], ['a text that is longer than a small one'], ['c']]));
      assert.deepEqual(ints(seen as TestOutput), [8, 8, 8]);
      assert.deepEqual(unpackStrings(same?.bytes as Buffer, 3).map(String), [
        'a',
        'a text that is longer than a small one',
        'c',
      ]);
    });
  });
});

describe('pad_variable_length_inputs', { timeout: 60_000 }, () => {
  it('fills inputs up with zeros to the longest of the batch', async () => {
    await withParameters('pad_variable_length_inputs: true', async (model) => {
      const [short, long] = await Promise.all([run(model, rows(2, 1, 5)), run(model, rows(1, 3, 6))]);
      assert.deepEqual(ints(short?.rows as TestOutput), [3, 3]);
      assert.deepEqual(ints(short?.columns as TestOutput), [3, 3]);
      assert.deepEqual(short?.y?.bytes, floats(5, 0, 0, 5, 0, 0));
      assert.deepEqual(long?.y?.bytes, floats(6, 6, 6));
    });
  });

  it('fills strings up with empty ones', async () => {
    await withParameters('pad_variable_length_inputs: true', async (model) => {
      const [short] = await Promise.all([run(model, words([['a'], ['b']])), run(model, words([['c', 'd']]))]);
      assert.deepEqual(short?.same?.shape, [2, 2]);
      assert.deepEqual(unpackStrings(short?.same?.bytes as Buffer, 4).map(String), ['a', '', 'b', '']);
    });
  });

  it('left out, inputs of unequal inner shape are run separately, and equal ones together', async () => {
    await withParameters('max_batch_size { value: 64 }', async (model) => {
      assert.deepEqual(await rowsSeen(model, [rows(1, 1), rows(1, 2), rows(2, 1), rows(3, 2)]), [
        [3],
        [4],
        [3, 3],
        [4, 4, 4],
      ]);
    });
  });
});

describe('enable_large_batch_splitting', { timeout: 60_000 }, () => {
  const TEXT =
    'max_batch_size { value: 100 } max_execution_batch_size { value: 4 } enable_large_batch_splitting { value: true }';

  it('runs a large request in pieces of max_execution_batch_size and joins its outputs', async () => {
    await withParameters(TEXT, async (model) => {
      const x = floats(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
      const outputs = await run(model, testRequest([{ name: 'x', dtype: DataType.FLOAT, shape: [10, 1], bytes: x }]));
      assert.deepEqual(ints(outputs.rows as TestOutput), [4, 4, 4, 4, 4, 4, 4, 4, 2, 2]);
      assert.deepEqual(outputs.y?.bytes, x);
      const texts = Array.from({ length: 6 }, (_, i) => `number ${i}`);
      const { same } = await run(model, words(texts.map((text) => [text])));
      assert.deepEqual(unpackStrings(same?.bytes as Buffer, 6).map(String), texts);
    });
  });

  it('fills runs without regard to where one request ends and the next begins', async () => {
    await withParameters(TEXT, async (model) => {
      assert.deepEqual(await rowsSeen(model, [rows(3), rows(3)]), [
        [4, 4, 4],
        [4, 2, 2],
      ]);
    });
  });

  it('still refuses requests of more than max_batch_size', async () => {
    await withParameters(TEXT, async (model) => {
      await assert.rejects(run(model, rows(101)), {
        message: 'Task size 101 is larger than maximum input batch size 100',
      });
    });
  });
});

describe('parameters of batching', { timeout: 60_000 }, () => {
  it("refuse inputs of unequal numbers of rows, and of none, in TensorFlow's words", async () => {
    const pair = (a: readonly number[], b: readonly number[]) =>
      testRequest(
        [
          { name: 'a', dtype: DataType.FLOAT, shape: a, bytes: floats(...Array(a[0] ?? 1).fill(1)) },
          { name: 'b', dtype: DataType.FLOAT, shape: b, bytes: floats(...Array(b[0] ?? 1).fill(1)) },
        ],
        { signatureName: 'pair' },
      );
    await withParameters('max_batch_size { value: 8 }', async (model) => {
      await assert.rejects(run(model, pair([2], [3])), {
        code: Code.INVALID_ARGUMENT,
        message: 'Batching Run() input tensors must have equal 0th-dimension size',
      });
      await assert.rejects(run(model, pair([], [3])), {
        code: Code.INVALID_ARGUMENT,
        message: 'Batching Run() input tensors must have at least one dimension',
      });
    });
  });

  it('leave signatures alone that are not for batching', async () => {
    await withModels([{ model: 'multi_io', batchPolicy: policy('max_batch_size { value: 1 }') }], async ([model]) => {
      const inputs = [
        { name: 'a', dtype: DataType.FLOAT, shape: [], bytes: floats(2) },
        { name: 'n', dtype: DataType.INT32, shape: [], bytes: Buffer.from([3, 0, 0, 0]) },
      ];
      const { product } = await run(model as SavedModel, testRequest(inputs, { signatureName: 'scalar' }));
      assert.deepEqual(product?.bytes, floats(6));
    });
  });

  it('of a version stand in its folder, and without them it is not batched', async () => {
    await withModelCopy('batch_shape', (basePath) =>
      withPool(1, async (pool) => {
        const seen = async () => {
          const loader = loaderOf(join(basePath, '1'), pool, ['serve'], {
            batchPolicy: (path) => batchPolicyOfVersion(path, undefined),
          });
          const model = await loader.load();
          try {
            await run(model, rows(1));
            return await rowsSeen(model, [rows(1), rows(1), rows(1), rows(1)]);
          } finally {
            await loader.unload();
          }
        };
        assert.deepEqual(await seen(), [[1], [1], [1], [1]]);
        await writeFile(join(basePath, '1/batching_params.pbtxt'), 'max_batch_size { value: 2 }');
        assert.deepEqual(await seen(), [[2], [2], [2], [2]]);
        await writeFile(join(basePath, '1/batching_params.pbtxt'), 'max_batch_size { value: 0 }');
        await assert.rejects(seen, { code: Code.INVALID_ARGUMENT, message: /batching_params\.pbtxt/ });
      }),
    );
  });
});

describe('a server with parameters of batching', { timeout: 60_000 }, () => {
  const seen = async ({ ports }: TestServer) => {
    const url = `http://127.0.0.1:${ports.rest}/v1/models/m:predict`;
    const response = await fetch(url, { method: 'POST', body: '{"inputs":[[1]]}' });
    return ((await response.json()) as { outputs: { rows: number[] } }).outputs.rows;
  };

  it('follows those of --batching_parameters_file, or of the version with --enable_per_model_batching_parameters', async () => {
    await withModelCopy('batch_shape', async (basePath) => {
      const file = join(basePath, 'global.pbtxt');
      await writeFile(file, 'max_batch_size { value: 5 } allowed_batch_sizes: 5 thread_pool_name { value: "mine" }');
      await writeFile(join(basePath, '1/batching_params.pbtxt'), 'max_batch_size { value: 3 } allowed_batch_sizes: 3');
      const flags = [
        `--model_base_path=${basePath}`,
        '--model_name=m',
        '--enable_model_warmup=false', // whose runs would be counted
        '--enable_batching',
        `--batching_parameters_file=${file}`,
      ];
      await withServer(flags, async (server) => {
        assert.deepEqual(await seen(server), [5]);
        const metrics = await (await fetch(`http://127.0.0.1:${server.ports.rest}/metrics`)).text();
        assert.match(metrics, /queuing_latency_count\{thread_pool_name="mine"\} 1\n/);
        assert.match(metrics, /tensorgate_run_rows_bucket\{device="CPU:0",le="4"\} 0\n.*le="8"\} 1\n/);
      });
      await withServer([...flags, '--enable_per_model_batching_parameters'], async (server) => {
        assert.deepEqual(await seen(server), [3]);
      });
    });
  });
});

function slow(millis: number): PredictRequest {
  return testRequest([{ name: 'millis', dtype: DataType.FLOAT, shape: [1], bytes: floats(millis) }]);
}
