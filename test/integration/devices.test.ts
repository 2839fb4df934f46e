/** Models on several devices: CPU devices, of which TensorFlow makes as many as it is told to. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { modelPath, withTempDir } from '../support/models.js';
import { node, writeTextModel } from '../support/text-models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const TWO = '--devices=CPU:0,CPU:1';

async function predict({ ports }: TestServer, model: string, body: string): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${ports.rest}/v1/models/${model}:predict`, { method: 'POST', body });
  return (await reply.text()).replaceAll(/\s/g, '');
}

async function get({ ports }: TestServer, path: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`http://127.0.0.1:${ports.rest}${path}`)).json()) as Record<string, unknown>;
}

/** Requests that the workers of each device have taken so far. */
async function taken({ ports }: TestServer): Promise<Record<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${ports.rest}/metrics`)).text();
  const samples = text.matchAll(/^tensorgate_queue_taken_requests_total\{device="([^"]+)"\} (\d+)$/gm);
  return Object.fromEntries([...samples].map(([, device, count]) => [device, Number(count)]));
}

const HALF = ['--model_name=half', `--model_base_path=${modelPath('half_plus_two')}`];
const SLOW = ['--model_name=slow', `--model_base_path=${modelPath('slow')}`];
/** Needs a worker, which it keeps busy for so long. */
const slow = (server: TestServer, millis: number) => predict(server, 'slow', `{"instances":[${millis}]}`);

/** half_plus_two as a TF1 graph: not hidden in a function are its operations, which TensorFlow says the devices of. */
const TF1 = ['--model_name=half', `--model_base_path=${modelPath('variables_v1')}`];
const PLACED = /y: \(AddV2\): \S+\/device:(CPU:\d+)/g;

/** The devices that the model's addition runs on, by TensorFlow's log. */
async function placements(flags: readonly string[]): Promise<string[]> {
  return withTempDir(async (folder) => {
    const file = join(folder, 'session.config');
    await writeFile(file, 'log_device_placement: true');
    const all = [...TF1, `--tensorflow_session_config_file=${file}`, ...flags];
    return withServer(
      all,
      async (server) => {
        for (let i = 0; i < 4; i++)
          assert.equal(await predict(server, 'half', '{"instances":[4]}'), '{"predictions":[4.0]}');
        const lines = server.logs().matchAll(PLACED);
        return [...new Set([...lines].map(([, device]) => device as string))].sort();
      },
      { env: { TF_CPP_MIN_LOG_LEVEL: '0' } },
    );
  });
}

const X = { name: 'x', dtype: 'DT_FLOAT' };
const Y = { name: 'y', dtype: 'DT_FLOAT' };

describe('Several devices', LIMIT, () => {
  it('run the graph each: TensorFlow puts one replica on the first, the other on the second', async () => {
    assert.deepEqual(await placements([TWO]), ['CPU:0', 'CPU:1']);
  });

  it('can be given to one model alone: all of it then runs on its device', async () => {
    assert.deepEqual(await placements(['--model_devices=half=CPU:1']), ['CPU:1']);
  });

  it('share the requests: while one is busy, the other has the next', () =>
    withServer([...SLOW, TWO, '--num_workers=1', '--enable_batching=false'], async (server) => {
      await slow(server, 1);
      const before = await taken(server);
      await Promise.all(Array.from({ length: 8 }, () => slow(server, 100)));
      const after = await taken(server);
      for (const device of ['CPU:0', 'CPU:1']) assert.equal((after[device] ?? 0) - (before[device] ?? 0), 4, device);
    }));

  it('are shown by GET /v1/config, with the models that they have', () =>
    withServer([...HALF, TWO, '--num_workers=1', '--model_devices=other=CPU:2'], async (server) => {
      const { devices, model_devices } = await get(server, '/v1/config');
      const shown = (devices as { name: string; workers: number }[]).map(({ name, workers }) => [name, workers]);
      assert.deepEqual(shown, [
        ['CPU:0', 1],
        ['CPU:1', 1],
        ['CPU:2', 1],
      ]);
      assert.deepEqual(model_devices, { half: ['CPU:0', 'CPU:1'] });
    }));

  it('load a new version and unload the old one, on all of them, and leave no temporary file behind', () =>
    withTempDir(async (folder) => {
      const base = join(folder, 'm');
      const temporary = join(folder, 'tmp');
      await mkdir(temporary);
      await cp(join(modelPath('half_plus_two'), '1'), join(base, '1'), { recursive: true });
      const flags = ['--model_name=m', `--model_base_path=${base}`, TWO];
      await withServer(
        flags,
        async (server) => {
          await cp(join(modelPath('half_plus_two'), '1'), join(base, '2'), { recursive: true });
          const state = async () => JSON.stringify(await get(server, '/v1/models/m'));
          while (!/"2","state":"AVAILABLE".*"1","state":"END"/.test(await state())) await sleep(50);
          for (let i = 0; i < 4; i++)
            assert.equal(await predict(server, 'm', '{"instances":[4]}'), '{"predictions":[4.0]}');
          const text = await (await fetch(`http://127.0.0.1:${server.ports.rest}/metrics`)).text();
          const series = text
            .trim()
            .split('\n')
            .map((line) => line.slice(0, line.lastIndexOf(' ')));
          assert.deepEqual(
            series.filter((line, index) => series.indexOf(line) !== index),
            [],
          );
        },
        { env: { TMPDIR: temporary } },
      );
      assert.deepEqual(await readdir(temporary), []);
    }));

  it('load a version on all of them or not at all, with an error that names the model’s own folder', () =>
    withTempDir(async (folder) => {
      const base = join(folder, 'm');
      await cp(join(modelPath('half_plus_two'), '1'), join(base, '1'), { recursive: true });
      await writeFile(join(base, '1', 'saved_model.pb'), 'no protobuf');
      const flags = ['--model_name=m', `--model_base_path=${base}`, TWO, '--max_num_load_retries=0'];
      await assert.rejects(
        withServer(flags, async () => {}),
        (error: Error) =>
          error.message.includes(join(base, '1')) &&
          !/tensorgate-[A-Za-z0-9]{6}\//.test(error.message.split(base)[1] ?? ''),
      );
    }));

  it('that a graph names itself do not keep it from answering, also where the model is given another one', () =>
    withTempDir(async (folder) => {
      const nodes = node('double', 'Add', 'DT_FLOAT', ['x', 'x']).replace('{', '{ device: "/device:CPU:1"');
      const model = { inputs: [X], outputs: [Y], nodes: nodes + node('y', 'Add', 'DT_FLOAT', ['double', 'x']) };
      await writeTextModel(folder, model);
      const flags = ['--model_name=m', `--model_base_path=${folder}`];
      const config = join(folder, 'session.config');
      await writeFile(config, 'device_count { key: "CPU" value: 2 }');
      for (const two of ['--model_devices=other=CPU:1', `--tensorflow_session_config_file=${config}`]) {
        await withServer([...flags, two], async (server) =>
          assert.equal(await predict(server, 'm', '{"instances":[1]}'), '{"predictions":[3.0]}'),
        );
      }
    }));

  it('of which one cannot have the model are named by the error', () =>
    withTempDir(async (folder) => {
      await writeTextModel(folder, { inputs: [X], outputs: [Y], nodes: node('y', 'Add', 'DT_FLOAT', ['x', 'x']) });
      const flags = ['--model_name=m', `--model_base_path=${folder}`, TWO, '--max_num_load_retries=0'];
      await assert.rejects(
        withServer(flags, async () => {}),
        /FAILED_PRECONDITION: .*On device CPU:1, so on none of its devices: .*has no saved_model\.pb.*Save it in that form/,
      );
    }));

  it('and models that flags name without need are warned of', () =>
    withServer([...HALF, '--model_devices=hlaf=CPU:0', '--gpu_memory_limit_mb=100'], async (server) => {
      assert.match(
        server.logs(),
        /--model_devices names the model "hlaf", which is not among those to be served: half\./,
      );
      assert.match(server.logs(), /--gpu_memory_limit_mb has no effect/);
      assert.equal(await predict(server, 'half', '{"instances":[4]}'), '{"predictions":[4.0]}');
    }));

  it('that are not there are a start error, with what there is', async () => {
    await assert.rejects(
      withServer([...HALF, '--devices=GPU:7'], async () => {}),
      /Failed to start server\. Error: INVALID_ARGUMENT: There is no device GPU:7, .*TensorFlow sees CPU:0/,
    );
  });
});

describe('A ConfigProto in a version’s folder', LIMIT, () => {
  const withConfig = (files: Record<string, string>, use: (flags: string[]) => Promise<void>) =>
    withTempDir(async (folder) => {
      const base = join(folder, 'm');
      await cp(join(modelPath('half_plus_two'), '1'), join(base, '1'), { recursive: true });
      for (const [name, text] of Object.entries(files)) await writeFile(join(base, '1', name), text);
      await use(['--model_name=half', `--model_base_path=${base}`, '--max_num_load_retries=0']);
    });
  const refused = (files: Record<string, string>, message: RegExp) =>
    withConfig(files, (flags) =>
      assert.rejects(
        withServer(flags, async () => {}),
        message,
      ),
    );
  const placed = (files: Record<string, string>) =>
    withConfig(files, (flags) =>
      withServer(
        flags,
        async (server) => {
          assert.equal(await predict(server, 'half', '{"instances":[4]}'), '{"predictions":[4.0]}');
          assert.match(server.logs(), /\(StatefulPartitionedCall\): \S+\/device:CPU:0/);
        },
        { env: { TF_CPP_MIN_LOG_LEVEL: '0' } },
      ),
    );

  it('configures the sessions of that version, as session_config.pbtxt or session_config.json', async () => {
    await placed({ 'session_config.pbtxt': 'log_device_placement: true' });
    await placed({ 'session_config.json': '{"logDevicePlacement": true}' });
  });

  it('that cannot be parsed is a load error with its name and the field', async () => {
    await refused(
      { 'session_config.pbtxt': 'no_such_field: 1' },
      /Failed to start server.*session_config\.pbtxt.*no_such_field/,
    );
    await refused(
      { 'session_config.json': '{"gpu_options": {"no_such_field": 1}}' },
      /Failed to start server.*session_config\.json.*gpu_options\.no_such_field does not exist/,
    );
  });

  it('that is there twice is a load error with both names', () =>
    refused(
      { 'session_config.pbtxt': '', 'session_config.json': '{}' },
      /Failed to start server. Error: INVALID_ARGUMENT.*both session_config\.pbtxt and session_config\.json.*Remove one/,
    ));

  it('says nothing of devices, which are the same for all models: that has no effect, and a warning says so', () =>
    withConfig({ 'session_config.json': '{"device_count": {"CPU": 2}, "gpuOptions": {}}' }, (flags) =>
      withServer(flags, async (server) => {
        assert.match(server.logs(), /device_count, gpu_options of \S+session_config\.json have no effect/);
        assert.equal(await predict(server, 'half', '{"instances":[4]}'), '{"predictions":[4.0]}');
      }),
    ));
});

describe('One device', LIMIT, () => {
  it('is what there is without the flag, and no graph is rewritten for it', () =>
    withTempDir((temporary) =>
      withServer(
        HALF,
        async (server) => {
          assert.deepEqual((await get(server, '/v1/config')).model_devices, { half: ['CPU:0'] });
          assert.equal(await predict(server, 'half', '{"instances":[4]}'), '{"predictions":[4.0]}');
          assert.doesNotMatch(server.logs(), /has a replica on each/);
        },
        // A copy could not be written.
        { env: { TMPDIR: join(temporary, 'no-such-folder') } },
      ),
    ));
});
