/** Several models by configuration: the file, its reloads, the request that replaces it, labels, and models that are bad. */
import assert from 'node:assert/strict';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Code } from '../../src/errors.js';
import { decodeMessage, encodeMessage, type Init } from '../../src/formats/protobuf.js';
import { ReloadConfigRequest, ReloadConfigResponse } from '../../src/gen/messages.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { runNode } from '../support/child-program.js';
import { createGrpcClient, type DoorError, type PredictCall, withDoorClients } from '../support/door-clients.js';
import { type ConfiguredModel, configText, modelServerConfig } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { withConfigFile } from '../support/with-config-file.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
/** Flags for a server that takes no port. */
const onlySocketIn = (folder: string) => [
  '--port=0',
  '--rest_api_port=0',
  '--graphpipe_port=0',
  `--grpc_socket_path=${join(folder, 'socket')}`,
];
const RELOAD = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';

const HALF: ConfiguredModel = { name: 'half', basePath: modelPath('half_plus_two') };
const STRINGS: ConfiguredModel = { name: 'strings', basePath: modelPath('strings') };
const CALL: PredictCall = { ...halfPlusTwoCall([4]).call, model: 'half' };

async function getJson(server: TestServer, path: string): Promise<{ status: number; body: never }> {
  const reply = await fetch(`http://127.0.0.1:${server.ports.rest}${path}`);
  return { status: reply.status, body: (await reply.json()) as never };
}

async function until(condition: () => boolean | Promise<boolean>, server: TestServer): Promise<void> {
  const giveUp = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < giveUp, server.logs());
    await sleep(20);
  }
}

async function servedModels(server: TestServer): Promise<string[]> {
  const { body } = await getJson(server, '/v1/config');
  return (body as { model_config_list: { config: { name: string }[] } }).model_config_list.config.map(
    ({ name }) => name,
  );
}

async function reload(server: TestServer, request: Init<ReloadConfigRequest>): Promise<ReloadConfigResponse> {
  const client = createGrpcClient(server.ports.grpc);
  try {
    const reply = await client.call(RELOAD, encodeMessage(ReloadConfigRequest, request));
    return decodeMessage(ReloadConfigResponse, reply);
  } finally {
    client.close();
  }
}

/** A base folder with a version 1 that no loader can read, old enough not to be taken for a copy under way. */
async function makeBroken(folder: string): Promise<ConfiguredModel> {
  await mkdir(join(folder, 'broken', '1'), { recursive: true });
  await writeFile(join(folder, 'broken', '1', 'saved_model.pb'), 'no protobuf');
  return { name: 'broken', basePath: join(folder, 'broken') };
}

describe('A model config file', LIMIT, () => {
  it('has several models served, whatever --model_name and --model_base_path say, and shows in GET /v1/config', () =>
    withConfigFile([HALF, STRINGS], ['--model_name=x', '--model_base_path=/no/such'], async (server, path) => {
      await withDoorClients(server, async ({ grpc, rest, graphpipe }) => {
        for (const client of [grpc, rest, graphpipe]) assert.deepEqual((await client.predict(CALL)).y?.values, [4]);
      });
      assert.equal((await getJson(server, '/v1/models/strings')).status, 200);
      assert.equal((await getJson(server, '/v1/models/x')).status, 404);
      const { body } = await getJson(server, '/v1/config');
      assert.equal((body as { origin: string }).origin, path);
      assert.deepEqual(await servedModels(server), ['half', 'strings']);
    }));

  it('labels versions, for gRPC and REST alike, also at the start', () =>
    withConfigFile([{ ...HALF, labels: { stable: 1 } }], [], (server) =>
      withDoorClients(server, async ({ grpc, rest }) => {
        for (const client of [grpc, rest]) {
          assert.deepEqual((await client.predict({ ...CALL, label: 'stable' })).y?.values, [4]);
          await assert.rejects(client.predict({ ...CALL, label: 'canary' }), (error: DoorError) => {
            assert.equal(error.status, client === grpc ? Code.INVALID_ARGUMENT : 400);
            assert.match(error.message, /^Unrecognized servable version label: canary/);
            return true;
          });
        }
        assert.equal((await getJson(server, '/v1/models/half/labels/stable/metadata')).status, 200);
      }),
    ));

  it('that is empty is accepted, and has nothing served', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      await writeFile(path, '');
      await withServer([`--model_config_file=${path}`], async (server) => {
        assert.deepEqual(await servedModels(server), []);
        assert.equal((await getJson(server, '/v1/models/digits')).status, 404);
      });
    }));

  it('is read again when it changes; a bad one is logged with line and column and changes nothing', () =>
    withConfigFile([HALF], ['--model_config_file_poll_wait_seconds=1'], async (server, path) => {
      await writeFile(path, configText(HALF, STRINGS));
      await until(() => /\{name: strings version: 1\} is available/.test(server.logs()), server);
      await writeFile(path, 'model_config_list {\n  config { nam: "x" }\n}');
      await until(() => server.logs().includes(`${path} is not in force`), server);
      assert.match(
        server.logs(),
        /Error parsing text-format tensorflow\.serving\.ModelServerConfig: 2:15: Message type/,
      );
      assert.deepEqual(await servedModels(server), ['half', 'strings']);
      await writeFile(path, configText(STRINGS));
      await until(() => /\{name: half version: 1\} is unloaded/.test(server.logs()), server);
      assert.equal((await getJson(server, '/v1/models/strings')).status, 200);
    }));

  it('that is bad at the start is refused in TF Serving’s words, with file, line and column', async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      await writeFile(path, 'model_config_list: {\n  config: { name: 1 }\n}');
      const { status, stdout, stderr } = await runNode([MAIN, `--model_config_file=${path}`, ...onlySocketIn(folder)]);
      assert.equal(status, 255);
      assert.ok(
        stdout.includes(
          `INVALID_ARGUMENT: Invalid protobuf file: '${path}'. Error parsing text-format tensorflow.serving.ModelServerConfig: 2:19: Expected string, got: 1`,
        ),
        stdout,
      );
      assert.match(stderr, /Error parsing text-format tensorflow\.serving\.ModelServerConfig: 2:19: Expected string/);
    });
  });
});

describe('One bad model', LIMIT, () => {
  it('does not keep the others from being served, and shows why it is not', () =>
    withTempDir(async (folder) =>
      withConfigFile([await makeBroken(folder), HALF], ['--max_num_load_retries=0'], async (server) => {
        const { body } = await getJson(server, '/v1/models/broken');
        const [status] = (body as { model_version_status: { state: string; status: { error_code: string } }[] })
          .model_version_status;
        assert.equal(status?.state, 'END');
        assert.notEqual(status.status.error_code, 'OK');
        assert.equal((await getJson(server, '/v1/models/half')).status, 200);
      }),
    ));

  it('is tried again when its files have changed', () =>
    withTempDir(async (folder) =>
      withConfigFile([await makeBroken(folder), HALF], ['--max_num_load_retries=0'], async (server) => {
        await cp(join(modelPath('half_plus_two'), '1'), join(folder, 'broken', '1'), { recursive: true, force: true });
        await until(() => /\{name: broken version: 1\} is available/.test(server.logs()), server);
      }),
    ));

  it('is tried again as often and after the wait that the flags say', () =>
    withTempDir(async (folder) =>
      withConfigFile(
        [await makeBroken(folder), HALF],
        ['--max_num_load_retries=2', '--load_retry_interval_micros=100000'],
        async (server) => {
          await until(() => /E Loading servable \{name: broken version: 1\} failed/.test(server.logs()), server);
          assert.equal(server.logs().match(/W Loading servable .* It is tried again in 0\.1 s/g)?.length, 2);
        },
      ),
    ));

  it('ends the server at its start with --strict, as TF Serving does', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      await writeFile(path, configText(await makeBroken(folder), HALF));
      const flags = [`--model_config_file=${path}`, '--strict', '--max_num_load_retries=0', ...onlySocketIn(folder)];
      const { status, stdout } = await runNode([MAIN, ...flags]);
      assert.equal(status, 255);
      assert.match(
        stdout,
        /UNKNOWN: 1 model\(s\) did not become available: \{\{\{name: broken version: 1\} due to error: /,
      );
    }));
});

describe('HandleReloadConfigRequest', LIMIT, () => {
  it('answers once the new models are available, with the increase of the metrics asked for; others are unloaded', () =>
    withConfigFile([HALF], [], async (server) => {
      const metric_names = ['/tensorflow/serving/no_such_metric'];
      const reply = await reload(server, { config: modelServerConfig(STRINGS), metric_names });
      assert.deepEqual(reply.status, { error_code: Code.OK, error_message: '' });
      assert.deepEqual(reply.metric, [{ name: metric_names[0], int64_value_increase: 0n }]);
      const { body } = await getJson(server, '/v1/models/strings');
      assert.match(JSON.stringify(body), /"AVAILABLE"/);
      await until(() => /\{name: half version: 1\} is unloaded/.test(server.logs()), server);
      await assert.rejects(reload(server, {}), { status: Code.INVALID_ARGUMENT });
    }));

  it('fails with UNKNOWN if a new model cannot be loaded, and with the reason', () =>
    withTempDir(async (folder) => {
      const broken = await makeBroken(folder);
      await withConfigFile([HALF], ['--max_num_load_retries=0'], async (server) => {
        await assert.rejects(reload(server, { config: modelServerConfig(HALF, broken) }), (error: DoorError) => {
          assert.equal(error.status, Code.UNKNOWN);
          assert.match(
            error.message,
            /^1 model\(s\) did not become available: \{\{\{name: broken version: 1\} due to error: /,
          );
          return true;
        });
        assert.equal((await getJson(server, '/v1/models/half')).status, 200);
      });
    }));

  it('refuses a label for a version that is not available, and changes nothing', () =>
    withConfigFile([HALF], [], async (server) => {
      const config = modelServerConfig({ ...HALF, labels: { canary: 2 } }, STRINGS);
      await assert.rejects(reload(server, { config }), {
        status: Code.FAILED_PRECONDITION,
        message:
          /^Request to assign label to version 2 of model half, which is not currently available for inference\b/,
      });
      assert.deepEqual(await servedModels(server), ['half']);
    }));
});

describe('A model’s folder', LIMIT, () => {
  it('may be given by MODEL_NAME and MODEL_BASE_PATH', () =>
    withTempDir(async (folder) => {
      await cp(modelPath('half_plus_two'), join(folder, 'half'), { recursive: true });
      const env = { MODEL_NAME: 'half', MODEL_BASE_PATH: folder };
      const use = async (server: TestServer) => {
        assert.equal((await getJson(server, '/v1/models/half')).status, 200);
      };
      await withServer([], use, { env });
    }));

  it('may vanish: what is served stays; without any version left in it the model is unloaded', () =>
    withTempDir(async (folder) => {
      const basePath = join(folder, 'half');
      await cp(modelPath('half_plus_two'), basePath, { recursive: true });
      await withConfigFile([{ name: 'half', basePath }], [], async (server) => {
        await rename(basePath, join(folder, 'elsewhere'));
        await until(() => /cannot be read \(ENOENT\)/.test(server.logs()), server);
        await sleep(1200);
        assert.match(JSON.stringify((await getJson(server, '/v1/models/half')).body), /"AVAILABLE"/);
        await rename(join(folder, 'elsewhere'), basePath);
        await rm(join(basePath, '1'), { recursive: true });
        await until(() => /\{name: half version: 1\} is unloaded/.test(server.logs()), server);
      });
    }));

  it('has the old version unloaded first with --aspired_version_policy=resource_preserving', () =>
    withTempDir(async (folder) => {
      const basePath = join(folder, 'half');
      await cp(modelPath('half_plus_two'), basePath, { recursive: true });
      const flags = ['--aspired_version_policy=resource_preserving'];
      await withConfigFile([{ name: 'half', basePath }], flags, async (server) => {
        await cp(join(basePath, '1'), join(basePath, '2'), { recursive: true });
        await until(() => /version: 2\} is available/.test(server.logs()), server);
        assert.match(server.logs(), /version: 1\} is unloaded[\s\S]*Loading servable \{name: half version: 2\}/);
      });
    }));
});
