/** Warm-up with real models: files, ones, and what neither may do. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Manager } from '../../src/core/manager.js';
import { formatManagerState } from '../../src/core/servable-state.js';
import { Code, type ServingError } from '../../src/errors.js';
import { PrometheusText } from '../../src/metrics/metrics.js';
import { binding } from '../../src/native/binding.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { SavedModelLoader } from '../../src/servables/saved-model-loader.js';
import { DataType } from '../../src/tensor/dtype.js';
import { Cancellation, OutputFormat } from '../../src/tensor/predict-request.js';
import { syntheticRequest, warmupBatchSizes } from '../../src/warmup/synthetic-requests.js';
import { warmUpWithOnes } from '../../src/warmup/synthetic-warm-up.js';
import { createWarmUp, type WarmUpOptions } from '../../src/warmup/warm-up.js';
import { WarmUpMetrics } from '../../src/warmup/warm-up-metrics.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { captureLog } from '../support/capture-log.js';
import { runNode } from '../support/child-program.js';
import { encodePredict, withDoorClients } from '../support/door-clients.js';
import { field } from '../support/grpc-requests.js';
import { copyOutputs, floats, testRequest, withModel, withPool } from '../support/in-process-model.js';
import { configText } from '../support/model-config.js';
import { modelPath, withModelCopy, withTempDir } from '../support/models.js';
import { writeWarmUpRequests } from '../support/warm-up-files.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

const GOOD = encodePredict({ ...halfPlusTwoCall([1, 2]).call, model: 'whatever', version: 99n });
const UNKNOWN_SIGNATURE = encodePredict({ ...halfPlusTwoCall([1]).call, model: 'm', signature: 'no_such' });
/** {signature_name} alone and an input of one Example without features: Input {example_list {examples ""}}. */
const examples = (signature: string) =>
  Buffer.concat([
    field(1, field(1, Buffer.from('m')), field(3, Buffer.from(signature))),
    field(2, field(1, [0x0a, 0])),
  ]);
const TASKS = Buffer.concat([
  field(1, field(1, field(1, Buffer.from('m'))), field(2, Buffer.from('tensorflow/serving/classify'))),
  field(
    1,
    field(1, field(1, Buffer.from('m')), field(3, Buffer.from('regress'))),
    field(2, Buffer.from('tensorflow/serving/regress')),
  ),
  field(2, field(1, [0x0a, 0])),
]);

function optionsOf(options: Partial<WarmUpOptions> = {}): WarmUpOptions {
  return {
    enabled: true,
    synthetic: true,
    iterations: 0,
    checkMethodNames: false,
    outputFormat: OutputFormat.TYPED_FIELDS,
    metrics: new WarmUpMetrics(),
    ...options,
  };
}

function warmLoader(path: string, pool: WorkerPool, options: Partial<WarmUpOptions> = {}): SavedModelLoader {
  return new SavedModelLoader(
    { id: { name: 'model', version: 1n }, path },
    {
      tags: ['serve'],
      parallelism: { intraOp: 0, interOp: 0 },
      batching: 'true',
      devices: () => [pool],
      warmUp: createWarmUp(optionsOf(options)),
    },
  );
}

/** Loads version 1 of the model in `basePath` with a warm-up; what the log says of that. */
async function loadWarm(basePath: string, options: Partial<WarmUpOptions> = {}): Promise<string> {
  return withPool(1, async (pool) => {
    const captured = captureLog();
    const loader = warmLoader(join(basePath, '1'), pool, options);
    try {
      await loader.load();
      await loader.unload();
    } finally {
      captured.restore();
    }
    return captured.lines().find((line) => /warmed up|Warmed up|warms nothing up/.test(line)) ?? '';
  });
}

async function waitForLog({ logs }: TestServer, pattern: RegExp): Promise<void> {
  while (!pattern.test(logs())) await sleep(20);
}

describe('A warm-up file', LIMIT, () => {
  it('is replayed: Predict, Classify, Regress and MultiInference, whatever model and version they name', async () => {
    await withModelCopy('examples', async (basePath) => {
      const path = writeWarmUpRequests(join(basePath, '1'), [
        ['Classify', examples('')],
        ['Regress', examples('regress')],
        ['MultiInference', TASKS],
      ]);
      assert.match(
        await loadWarm(basePath),
        new RegExp(`^I Warmed up servable .* file=${path} records=3 runs=3 millis=\\d+$`),
      );
    });
    await withModelCopy('half_plus_two', async (basePath) => {
      writeWarmUpRequests(join(basePath, '1'), [['Predict', GOOD]]);
      assert.match(await loadWarm(basePath), /records=1 runs=1 /);
    });
  });

  it('may hold requests that name no model, as TensorFlow Serving replays them', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      const nameless = GOOD.subarray(2 + (GOOD[1] as number));
      assert.equal(GOOD[0], 0x0a);
      writeWarmUpRequests(join(basePath, '1'), [['Predict', nameless]]);
      assert.match(await loadWarm(basePath), /records=1 runs=1 /);
    });
  });

  it('is replayed as often as --num_request_iterations_for_warmup says, once at 0 or less', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      writeWarmUpRequests(join(basePath, '1'), [
        ['Predict', GOOD],
        ['Predict', GOOD],
      ]);
      for (const [iterations, runs] of [
        [3, 6],
        [0, 2],
        [-5, 2],
      ] as const) {
        assert.match(await loadWarm(basePath, { iterations }), new RegExp(`records=2 runs=${runs} `));
      }
    });
  });

  it('fails the load over a record that fails, with file, record and remedy, and gives the model back', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      const path = writeWarmUpRequests(join(basePath, '1'), [
        ['Predict', GOOD],
        ['Predict', UNKNOWN_SIGNATURE],
      ]);
      const metrics = new WarmUpMetrics();
      await assert.rejects(loadWarm(basePath, { metrics }), (error: ServingError) => {
        assert.equal(error.code, Code.FAILED_PRECONDITION);
        assert.ok(
          error.message.startsWith(`Warm-up record 2 of ${path} failed: Serving signature name: "no_such" not found`),
        );
        assert.match(error.message, /Record the file again with tensorgate record-warmup, remove it, or start with/);
        return true;
      });
      const text = new PrometheusText();
      metrics.write(text);
      const labels = `model_path="${join(basePath, '1')}",status="FAILED_PRECONDITION"`;
      assert.ok(text.toString().includes(`:tensorflow:serving:model_warmup_latency_count{${labels}} 1\n`));
      assert.ok(text.toString().includes(`:tensorflow:serving:model_warmup_records_read{${labels}} 1\n`));
    });
  });

  it('insists on method names where requests do', async () => {
    await withModelCopy('examples', async (basePath) => {
      writeWarmUpRequests(join(basePath, '1'), [
        ['Regress', examples('regress_vector')],
        ['Classify', examples('other_method')],
      ]);
      assert.match(await loadWarm(basePath), /records=2 /);
      await assert.rejects(
        loadWarm(basePath, { checkMethodNames: true }),
        /record 2 of .* Expected classification signature/,
      );
    });
  });

  it('keeps the version from being available until it is through', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      writeWarmUpRequests(join(basePath, '1'), [['Predict', GOOD]]);
      await withPool(1, async (pool) => {
        const captured = captureLog();
        const during: string[] = [];
        const warmUp = createWarmUp(optionsOf());
        const manager: Manager<SavedModel> = new Manager({
          createLoader: (version) =>
            new SavedModelLoader(version, {
              tags: ['serve'],
              parallelism: { intraOp: 0, interOp: 0 },
              batching: 'true',
              devices: () => [pool],
              warmUp: async (...args) => {
                const state = () => formatManagerState(manager.states('m')[0]?.state ?? 0);
                during.push(state());
                await warmUp?.(...args);
                during.push(state(), String(manager.isAvailable('m', 1n)));
              },
            }),
        });
        try {
          manager.setAspiredVersions('m', [{ id: { name: 'm', version: 1n }, path: join(basePath, '1') }]);
          await manager.settled();
          assert.deepEqual(during, ['LOADING', 'LOADING', 'false']);
          assert.ok(manager.isAvailable('m', 1n));
        } finally {
          await manager.close();
          captured.restore();
        }
      });
    });
  });

  it('is left when nobody wants the version any more', async () => {
    await withModelCopy('slow', async (basePath) => {
      const call = { model: 'm', inputs: { millis: { dtype: 'float', shape: [1], values: [50] } } } as const;
      writeWarmUpRequests(join(basePath, '1'), [['Predict', encodePredict({ ...halfPlusTwoCall([1]).call, ...call })]]);
      await withPool(1, async (pool) => {
        const captured = captureLog();
        const loader = warmLoader(join(basePath, '1'), pool, { iterations: 2 ** 30 });
        const load = loader.load();
        const taken = setTimeout(() => loader.abandon(), 500);
        try {
          await assert.rejects(load, (error: ServingError) => error.code === Code.CANCELLED);
        } finally {
          clearTimeout(taken);
          captured.restore();
        }
      });
    });
  });
});

describe('A server with warm-up files', LIMIT, () => {
  it('keeps the old version if a record of the new one fails, and says so in its status', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      writeWarmUpRequests(join(basePath, '1'), [['Predict', GOOD]]);
      const flags = [`--model_base_path=${basePath}`, '--model_name=m', '--max_num_load_retries=0'];
      await withServer(flags, async (server) => {
        const aside = `${basePath}-2`;
        cpSync(join(basePath, '1'), aside, { recursive: true });
        writeWarmUpRequests(aside, [['Predict', UNKNOWN_SIGNATURE]]);
        cpSync(aside, join(basePath, '2'), { recursive: true });
        await waitForLog(server, /E Loading servable \{name: m version: 2\} failed: Warm-up record 1 of/);
        await withDoorClients(server, async ({ rest }) => {
          const answers = await rest.predict({ ...halfPlusTwoCall([4]).call, model: 'm' });
          assert.deepEqual(answers.y?.values, [4]);
        });
        const reply = await fetch(`http://127.0.0.1:${server.ports.rest}/v1/models/m`);
        const { model_version_status: states } = (await reply.json()) as {
          model_version_status: { version: string; state: string; status: { error_message: string } }[];
        };
        assert.deepEqual(
          states.map(({ version, state }) => [version, state]),
          [
            ['2', 'END'],
            ['1', 'AVAILABLE'],
          ],
        );
        assert.match(
          states[0]?.status.error_message ?? '',
          /Warm-up record 1 of .*2\/assets\.extra\/tf_serving_warmup_requests/,
        );
      });
    });
  });

  it('counts records in TensorFlow Serving’s metrics, and requests neither there nor in the request log', async () => {
    await withModelCopy('examples', async (basePath) => {
      writeWarmUpRequests(join(basePath, '1'), [
        ['Classify', examples('')],
        ['Regress', examples('regress')],
      ]);
      await withTempDir(async (folder) => {
        const logging = `logging_config { log_collector_config { filename_prefix: "${folder}/log" } sampling_config { sampling_rate: 1 } }`;
        const config = join(folder, 'models.config');
        writeFileSync(config, configText({ name: 'm', basePath }).replace(/name: "m"/, `name: "m" ${logging}`));
        const flags = [`--model_config_file=${config}`, '--num_request_iterations_for_warmup=5'];
        await withServer(flags, async ({ ports, logs }) => {
          assert.match(logs(), /Warmed up servable \{name: m version: 1\}\. file=\S+ records=2 runs=10 millis=\d+/);
          const text = await (await fetch(`http://127.0.0.1:${ports.rest}/metrics`)).text();
          const labels = `model_path="${join(basePath, '1')}",status="OK"`;
          assert.match(text, /^# TYPE :tensorflow:serving:model_warmup_latency histogram$/m);
          assert.match(text, /^# TYPE :tensorflow:serving:model_warmup_records_read counter$/m);
          assert.ok(text.includes(`\n:tensorflow:serving:model_warmup_latency_count{${labels}} 1\n`), text);
          assert.ok(text.includes(`\n:tensorflow:serving:model_warmup_records_read{${labels}} 2\n`));
          const requests =
            /^(:tensorflow:serving:request|:tensorflow:serving:runtime|tensorgate_request)\S*\{.*model.*="m"/m;
          assert.doesNotMatch(text, requests);
        });
        assert.deepEqual(readdirSync(folder), ['models.config']);
      });
    });
  });

  it('is warned of where its name only begins like the one that is read', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      mkdirSync(join(basePath, '1', 'assets.extra'));
      writeFileSync(join(basePath, '1', 'assets.extra', 'tf_serving_warmup_requests.tfrecord'), '');
      assert.match(
        await loadWarm(basePath),
        /^W assets\.extra\/tf_serving_warmup_requests\.tfrecord warms nothing up: the file must be named tf_serving_warmup_requests\./,
      );
    });
  });

  it('runs nothing with --enable_model_warmup=false', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      writeWarmUpRequests(join(basePath, '1'), [['Predict', UNKNOWN_SIGNATURE]]);
      const flags = [`--model_base_path=${basePath}`, '--enable_model_warmup=false'];
      await withServer(flags, async ({ logs }) => assert.doesNotMatch(logs(), /warmed up/i));
    });
  });

  it('replays what tensorgate record-warmup has written, as it does what it has logged itself', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      const json = `${basePath}.json`;
      writeFileSync(json, '{"instances": [1, 2]}\n{"inputs": {"x": [3]}}\n');
      const record = (...args: string[]) => runNode([MAIN, 'record-warmup', basePath, ...args]);
      const recorded = await record(`--from_json=${json}`);
      assert.equal(recorded.status, 0, recorded.stderr);
      assert.match(recorded.stdout, /^2 requests are in /);
      await withTempDir(async (folder) => {
        const logging = `logging_config { log_collector_config { filename_prefix: "${folder}/log" } sampling_config { sampling_rate: 1 } }`;
        const config = `${basePath}.config`;
        writeFileSync(config, configText({ name: 'm', basePath }).replace(/name: "m"/, `name: "m" ${logging}`));
        await withServer([`--model_config_file=${config}`], async (server) => {
          assert.match(server.logs(), /Warmed up servable .* records=2 runs=2 /);
          await withDoorClients(server, async ({ grpc }) => {
            for (const values of [[1], [1], [1, 2], [1, 2, 3]])
              await grpc.predict({ ...halfPlusTwoCall(values).call, model: 'm' });
          });
          await server.stop();
        });
        const logs = readdirSync(folder).map((name) => `--from_log=${join(folder, name)}`);
        const refused = await record(...logs);
        assert.equal(refused.status, 1);
        assert.match(refused.stderr, /^tensorgate: ALREADY_EXISTS: .* Give --overwrite to replace it\.\n$/);
        const again = await record(...logs, '--overwrite', '--model_name=m');
        assert.match(again.stdout, /^3 requests are in /, again.stderr);
        assert.match(await loadWarm(basePath), /records=3 runs=3 /);
      });
    });
  });

  it('records requests for signatures with outputs that cannot be sent', async () => {
    await withModelCopy('composites', async (basePath) => {
      const json = `${basePath}.json`;
      writeFileSync(json, '{"signature_name": "handles", "inputs": [1]}\n{"inputs": ["a b"]}\n');
      const { status, stderr } = await runNode([MAIN, 'record-warmup', basePath, `--from_json=${json}`]);
      assert.equal(status, 0, stderr);
      assert.match(await loadWarm(basePath), /Warmed up servable .* records=2 runs=2 /);
    });
  });

  it('stops during a warm-up that would take hours', async () => {
    await withModelCopy('slow', async (basePath) => {
      const call = { inputs: { millis: { dtype: 'float', shape: [1], values: [50] } } } as const;
      writeWarmUpRequests(join(basePath, '1'), [['Predict', encodePredict({ ...halfPlusTwoCall([1]).call, ...call })]]);
      await withTempDir(async (folder) => {
        const config = join(folder, 'models.config');
        const models = [{ name: 'half', basePath: modelPath('half_plus_two') }];
        writeFileSync(config, configText(...models));
        const flags = [
          `--model_config_file=${config}`,
          '--model_config_file_poll_wait_seconds=1',
          '--num_request_iterations_for_warmup=2000000000',
        ];
        await withServer(flags, async (server) => {
          writeFileSync(config, configText(...models, { name: 'slow', basePath }));
          await waitForLog(server, /Loading servable \{name: slow version: 1\}/);
          await sleep(300);
          assert.equal(await server.stop(), 0);
          assert.match(server.logs(), / I stopped\n$/);
          assert.doesNotMatch(server.logs(), / E /);
        });
      });
    });
  });
});

describe('Warm-up with ones', LIMIT, () => {
  it('runs each signature before the version is available, and says so', async () => {
    assert.match(
      await loadWarm(modelPath('multi_io')),
      /^I Warmed up servable .* with ones\. signatures=4 runs=\d+ millis=\d+$/,
    );
  });

  it('does not run with --synthetic_warmup=false', async () => {
    await withServer([`--model_base_path=${modelPath('multi_io')}`, '--synthetic_warmup=false'], async ({ logs }) => {
      assert.doesNotMatch(logs(), /warmed up/i);
    });
  });

  it('passes over signatures that cannot be run so, and serves the version', async () => {
    assert.match(
      await loadWarm(modelPath('refused')),
      /^I Warmed up .* signatures=2 runs=\d+ millis=\d+ skipped="resource_input, variant"$/,
    );
    assert.match(
      await loadWarm(modelPath('composites')),
      /^I Warmed up .* signatures=6 runs=\d+ millis=\d+ skipped=closed$/,
    );
    assert.match(
      await loadWarm(modelPath('composites_v1')),
      /^I Warmed up .* signatures=1 runs=\d+ millis=\d+ skipped="serving_default, ragged"$/,
    );
    assert.match(
      await loadWarm(modelPath('echo_float')),
      /^I Servable .* is not warmed up\. .*give it requests with tensorgate record-warmup\. signatures=0 runs=0 .*skipped=serving_default$/,
    );
  });

  it('sends ones in the declared shapes: rows for an unknown first dimension, 1 for other unknown ones', async () => {
    await withModel('multi_io', async (model) => {
      const declared = (name: string) =>
        model.declared.find((signature) => signature.name === name) ?? assert.fail(name);
      const made = syntheticRequest(declared('serving_default'), 32);
      assert.ok('inputs' in made);
      assert.deepEqual(
        made.inputs.map(({ name, shape }) => [name, shape]),
        [
          ['a', [32, 3]],
          ['b', [32]],
          ['flag', [32]],
        ],
      );
      const outputs = await model.predict({ ...made, outputFormat: OutputFormat.RAW }, copyOutputs);
      assert.equal(outputs.find(({ alias }) => alias === 'sum')?.shape[0], 32);
      const withDefault = syntheticRequest(declared('defaults'), 1);
      assert.deepEqual('inputs' in withDefault && withDefault.inputs.map(({ name }) => name), ['x']);
      const fixed = syntheticRequest(declared('fixed'), 32);
      assert.deepEqual('inputs' in fixed && fixed.inputs.map(({ shape }) => shape), [[2, 3]]);
      const [only, ...more] = await model.predict(
        { ...(fixed as typeof made), outputFormat: OutputFormat.RAW },
        copyOutputs,
      );
      assert.deepEqual(more, []);
      assert.deepEqual(only?.bytes, floats(3, 3));
    });
  });

  it('takes the largest batch only where requests may share a run', async () => {
    await withModel('multi_io', async (model) => {
      const runnable = model.declared.filter(({ isInternal }) => !isInternal);
      const sizes = runnable.map(({ name }) => [name, warmupBatchSizes(model.largestBatchOf(name))]);
      assert.deepEqual(sizes, [
        ['defaults', [1]],
        ['fixed', [1]],
        ['scalar', [1]],
        ['serving_default', [1, 32]],
      ]);
      model.sharedRuns.stop('serving_default', 'a test');
      assert.equal(model.largestBatchOf('serving_default'), 1);
    });
  });

  it('does not wait for a run beyond its limit', async () => {
    await withModel('slow', async (model, pool) => {
      const { taken } = binding.queueStats(pool.queue);
      const busy = model.predict(
        testRequest([{ name: 'millis', dtype: DataType.FLOAT, shape: [1], bytes: floats(1500) }]),
        copyOutputs,
      );
      // Else the warm-up's, which have less time, would be run first.
      while (binding.queueStats(pool.queue).taken === taken) await sleep(1);
      const options = { cancellation: new Cancellation(), limitMillis: 100 };
      const { signatures, runs, skipped } = await warmUpWithOnes(model, options);
      assert.deepEqual([signatures, runs], [0, 0]);
      assert.match(skipped.get('serving_default') ?? '', /a run took longer than the 0\.1 s that it may/);
      await busy;
      const late = await warmUpWithOnes(model, { ...options, limitMillis: 0 });
      assert.match(late.skipped.get('serving_default') ?? '', /there is no time left of the 0 s/);
    });
  });

  it('rejects when nobody wants the version any more', async () => {
    await withModel('half_plus_two', async (model) => {
      const cancellation = new Cancellation();
      cancellation.cancel();
      await assert.rejects(
        warmUpWithOnes(model, { cancellation }),
        (error: ServingError) => error.code === Code.CANCELLED,
      );
    });
  });
});
