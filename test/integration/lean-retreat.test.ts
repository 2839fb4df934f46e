/** What TensorFlow's single-threaded executor refuses only at run time: here what XLA makes of a graph, by the environment. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runProgram } from '../support/child-program.js';
import { DOOR_NAMES, type PredictCall, withDoorClients } from '../support/door-clients.js';
import { configText } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { constant, node, operation, writeTextModel } from '../support/text-models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 180_000 };
/** Has TensorFlow put a Switch around each cluster. */
const env = { TF_XLA_FLAGS: '--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit' };
const COLD = '--synthetic_warmup=false';
const TOGETHER = 16;
/** TensorFlow Serving's counter of all runs, those that failed included. */
const WRAPPED_RUNS = ':tensorflow:serving:batching_session:wrapped_run_count';

const CALL: PredictCall = {
  model: 'half',
  inputs: { x: { dtype: 'float', shape: [2], values: [1, 2] } },
  outputs: ['y'],
};
const ANSWER = [{ shape: [2], values: [2.5, 3] }];

async function withHalves<T>(flags: readonly string[], fn: (server: TestServer) => Promise<T>): Promise<T> {
  return withTempDir(async (folder) => {
    const config = join(folder, 'models.config');
    const basePath = modelPath('half_plus_two');
    await writeFile(config, configText({ name: 'half', basePath }, { name: 'twin', basePath }));
    return withServer([`--model_config_file=${config}`, '--graphpipe_model=half', ...flags], fn, { env });
  });
}

/** Of all series of each family. */
async function sums(server: TestServer, families: readonly string[]): Promise<number[]> {
  const text = await (await fetch(`http://127.0.0.1:${server.ports.rest}/metrics`)).text();
  const values = (family: string) =>
    text.split('\n').flatMap((line) => (line.startsWith(family) ? [Number(line.slice(line.lastIndexOf(' ')))] : []));
  return families.map((family) => values(family).reduce((sum, value) => sum + value, 0));
}

/** A model y = 4x + 6, which appends a line to a file in each run. */
function writePrinting(basePath: string, file: string): Promise<string> {
  const steps = Array.from({ length: 4 }, (_, step) =>
    node(step === 3 ? 'y' : `step${step}`, step % 2 === 0 ? 'AddV2' : 'Mul', 'DT_FLOAT', [
      step === 0 ? 'x' : `step${step - 1}`,
      step % 2 === 0 ? 'one' : 'two',
      ...(step === 3 ? ['^print'] : []),
    ]),
  );
  return writeTextModel(basePath, {
    inputs: [{ name: 'x', dtype: 'DT_FLOAT' }],
    outputs: [{ name: 'y', dtype: 'DT_FLOAT' }],
    nodes: `${constant('one', 'DT_FLOAT', 'float_val: 1')} ${constant('two', 'DT_FLOAT', 'float_val: 2')}
      ${constant('line', 'DT_STRING', 'string_val: "run"')}
      ${operation('print', 'PrintV2', ['line'], { output_stream: `s: "file://${file}"` })}
      ${steps.join('\n')}`,
  });
}

describe('A graph that TensorFlow rewrites into what the single-threaded executor refuses', LIMIT, () => {
  for (const door of DOOR_NAMES)
    it(`is answered by the usual one from the first request on, at the door ${door}`, async () => {
      await withHalves([COLD], (server) =>
        withDoorClients(server, async (clients) => {
          for (let round = 0; round < 2; round++) {
            const calls = Array.from({ length: TOGETHER }, () => clients[door].predict(CALL));
            for (const answer of await Promise.all(calls)) assert.deepEqual(Object.values(answer), ANSWER);
          }
          // A refusal is no run, no error and no second request.
          const families = ['tensorgate_requests_total', 'tensorgate_rows_total'];
          assert.deepEqual(await sums(server, families), [2 * TOGETHER, 4 * TOGETHER]);
          const [good, all] = await sums(server, [':tensorflow:core:graph_runs', WRAPPED_RUNS]);
          assert.equal(all, good);
        }),
      );
    });

  it('is answered for two models of one folder at once, and after the warm-up', async () => {
    for (const flags of [[COLD], []])
      await withHalves(flags, (server) =>
        withDoorClients(server, async ({ grpc }) => {
          const calls = Array.from({ length: TOGETHER }, (_, index) =>
            grpc.predict({ ...CALL, model: index % 2 === 0 ? 'half' : 'twin' }),
          );
          for (const answer of await Promise.all(calls)) assert.deepEqual(Object.values(answer), ANSWER);
        }),
      );
  });

  it('has been run once for each request: nothing of it before the refusal', async () => {
    await withTempDir(async (folder) => {
      const file = join(folder, 'runs.txt');
      const path = await writePrinting(join(folder, 'model'), file);
      const text = `
        await withPool(1, async (pool) => {
          const loader = loaderOf(${JSON.stringify(path)}, pool);
          const model = await loader.load();
          for (let i = 0; i < 3; i++) console.log(await model.predict(jsonRequest('{"instances":[1]}'), answerText));
          await loader.unload();
        });`;
      const { stdout, status, stderr } = await runProgram(NAMES, HELPERS + text, { env });
      assert.equal(status, 0, stderr);
      assert.deepEqual(stdout.trim().split('\n'), ['10', '10', '10']);
      assert.equal(await readFile(file, 'utf8'), 'run\nrun\nrun\n');
    });
  });

  it('is let go of in the midst of that: each request is settled, and the process ends well', async () => {
    const text = `
      await withPool(2, async (pool) => {
        const loader = loaderOf(PATH, pool);
        const model = await loader.load();
        const asked = Array.from({ length: 8 }, () => model.predict(request(), answer));
        await sleep(20);
        const unloaded = loader.unload();
        console.log((await Promise.allSettled(asked)).map(({ value, reason }) => value ?? reason.code).join(' '));
        await unloaded;
      });`;
    const { stdout, status, stderr } = await runProgram(NAMES, HELPERS + text, { env });
    assert.equal(status, 0, stderr);
    assert.match(stdout.trim(), /^3( 3){7}$/);
  });

  it('does not keep the process from ending meanwhile', async () => {
    const text = `
      await withPool(1, async (pool) => {
        const model = await loaderOf(PATH, pool).load();
        model.predict(jsonRequest('{"instances":[2]}'), answerText).catch(() => {});
        await sleep(Number(process.env.WAIT));
        process.exit(0);
      });`;
    for (const wait of ['1', '15', '40', '80']) {
      const { status, signal, stderr } = await runProgram(NAMES, HELPERS + text, { env: { ...env, WAIT: wait } });
      assert.deepEqual([status, signal], [0, null], stderr);
    }
  });
});

const NAMES = ['loaderOf', 'withPool', 'testRequest', 'copyOutputs', 'floats'];
const HELPERS = `
  const PATH = ${JSON.stringify(join(modelPath('half_plus_two'), '1'))};
  const jsonRequest = (text) => ({ kind: 'json', body: Buffer.from(text), deadlineMillis: Infinity });
  const request = () => testRequest([{ name: 'x', dtype: 1, shape: [1], bytes: floats(2) }]);
  const answer = (outputs) => copyOutputs(outputs)[0].bytes.readFloatLE(0);
  const answerText = (outputs) => {
    const bytes = Buffer.alloc(outputs.byteLength(0));
    outputs.copyTo(0, bytes, 0);
    return JSON.parse(bytes.toString()).predictions[0];
  };
`;
