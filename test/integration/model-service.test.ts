/** ModelService on a whole server: states of versions in their order, and what comes of a new configuration. */
import assert from 'node:assert/strict';
import { cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../src/errors.js';
import { decodeMessage, encodeMessage, type Init } from '../../src/formats/protobuf.js';
import {
  GetModelStatusRequest,
  GetModelStatusResponse,
  type ModelServerConfig,
  type ModelSpec,
  ReloadConfigRequest,
  ReloadConfigResponse,
} from '../../src/gen/messages.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { createGrpcClient, encodePredict, type GrpcDoorClient, versionOf } from '../support/door-clients.js';
import { type ConfiguredModel, configText, modelServerConfig } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const SERVICE = '/tensorflow.serving.ModelService';
const { call: HALF } = halfPlusTwoCall([4]);
const AVAILABLE = 30;
const END = 50;

interface Served {
  readonly server: TestServer;
  readonly grpc: GrpcDoorClient;
  readonly folder: string;
  /** A base folder of half_plus_two with these versions, under the name. */
  make(name: string, ...versions: number[]): Promise<ConfiguredModel>;
}

async function makeModel(folder: string, name: string, versions: readonly number[]): Promise<ConfiguredModel> {
  const basePath = join(folder, name);
  for (const version of versions)
    await cp(join(modelPath('half_plus_two'), '1'), join(basePath, String(version)), { recursive: true });
  return { name, basePath };
}

/** A server of the model `half` with these versions below `folder`. */
async function withHalf(
  { versions = [1], flags = [] }: { versions?: number[]; flags?: string[] },
  use: (served: Served) => Promise<void>,
): Promise<void> {
  await withTempDir(async (folder) => {
    const model = await makeModel(folder, 'half', versions);
    const path = join(folder, 'models.config');
    await writeFile(path, configText({ ...model, versions }));
    await withServer([`--model_config_file=${path}`, ...flags], async (server) => {
      const grpc = createGrpcClient(server.ports.grpc);
      const make = (name: string, ...more: number[]) => makeModel(folder, name, more);
      await use({ server, grpc, folder, make }).finally(() => grpc.close());
    });
  });
}

async function statusOf(grpc: GrpcDoorClient, spec: Init<ModelSpec>) {
  const request = encodeMessage(GetModelStatusRequest, { model_spec: spec });
  const reply = decodeMessage(GetModelStatusResponse, await grpc.call(`${SERVICE}/GetModelStatus`, request));
  return reply.model_version_status;
}

async function states(grpc: GrpcDoorClient, name: string): Promise<[bigint, number][]> {
  return (await statusOf(grpc, { name })).map(({ version, state }) => [version, state]);
}

async function reload(grpc: GrpcDoorClient, config: Init<ModelServerConfig>, metricNames: string[] = []) {
  const request = encodeMessage(ReloadConfigRequest, { config, metric_names: metricNames });
  return decodeMessage(ReloadConfigResponse, await grpc.call(`${SERVICE}/HandleReloadConfigRequest`, request));
}

async function until(server: TestServer, text: RegExp): Promise<void> {
  const giveUp = Date.now() + 20_000;
  while (!text.test(server.logs())) {
    assert.ok(Date.now() < giveUp, server.logs());
    await sleep(20);
  }
}

describe('GetModelStatus', LIMIT, () => {
  it('gives all versions ever seen, newest first, ended ones included; a failed load shows as END with its error', () =>
    withHalf({ versions: [1, 3], flags: ['--max_num_load_retries=0'] }, async ({ server, grpc, make, folder }) => {
      assert.deepEqual(await states(grpc, 'half'), [
        [3n, AVAILABLE],
        [1n, AVAILABLE],
      ]);
      const model = await make('half', 2);
      await mkdir(join(folder, 'half', '10'));
      await writeFile(join(folder, 'half', '10', 'saved_model.pb'), 'no protobuf');
      await reload(grpc, modelServerConfig({ ...model, versions: [2, 3, 10] }));
      await until(server, /E Loading servable \{name: half version: 10\} failed/);
      await until(server, /\{name: half version: 1\} is unloaded/);
      await until(server, /\{name: half version: 2\} is available/);
      assert.deepEqual(await states(grpc, 'half'), [
        [10n, END],
        [3n, AVAILABLE],
        [2n, AVAILABLE],
        [1n, END],
      ]);
      const [failed] = await statusOf(grpc, { name: 'half', version: { value: 10n } });
      assert.notEqual(failed?.status?.error_code, Code.OK);
      assert.match(failed?.status?.error_message ?? '', /half\/10/);
      const [ended] = await statusOf(grpc, { name: 'half', version: { value: 1n } });
      assert.deepEqual(ended?.status, { error_code: Code.OK, error_message: '' });
    }));
});

describe('A ModelSpec without a version', LIMIT, () => {
  it('means the newest available one', () =>
    withHalf({ versions: [1, 3, 2] }, async ({ grpc }) => {
      const reply = await grpc.call(
        '/tensorflow.serving.PredictionService/Predict',
        encodePredict({ ...HALF, model: 'half' }),
      );
      assert.equal(versionOf(reply), 3n);
    }));
});

describe('HandleReloadConfigRequest', LIMIT, () => {
  it('answers once all new models are available; models missing from it are unloaded; an empty list unloads all', () =>
    withHalf({}, async ({ server, grpc, make }) => {
      const two = await make('two', 4);
      const { status } = await reload(grpc, modelServerConfig(two));
      assert.deepEqual(status, { error_code: Code.OK, error_message: '' });
      assert.deepEqual(await states(grpc, 'two'), [[4n, AVAILABLE]]);
      await until(server, /\{name: half version: 1\} is unloaded/);
      await assert.rejects(grpc.predict({ ...HALF, model: 'half' }), { status: Code.NOT_FOUND });
      await reload(grpc, modelServerConfig());
      await until(server, /\{name: two version: 4\} is unloaded/);
      assert.deepEqual(await states(grpc, 'two'), [[4n, END]]);
    }));

  it('takes model_config_list only: nothing and a custom_model_config are INVALID_ARGUMENT, and change nothing', () =>
    withHalf({}, async ({ grpc }) => {
      for (const config of [{}, { custom_model_config: { type_url: 'a/b', value: new Uint8Array() } }])
        await assert.rejects(reload(grpc, config), {
          status: Code.INVALID_ARGUMENT,
          message: /^ServerModelConfig type not supported by HandleReloadConfigRequest\. Only ModelConfigList/,
        });
      assert.deepEqual(await states(grpc, 'half'), [[1n, AVAILABLE]]);
    }));

  it('checks names, paths, platforms and labels first: what is refused changes nothing', () =>
    withHalf({}, async ({ grpc, make }) => {
      const { model_config_list: list } = modelServerConfig(await make('half', 1), await make('two', 1));
      const [half, two] = list?.config ?? [];
      assert.ok(half && two);
      const refused = (config: (typeof half)[], code: Code, message: RegExp) =>
        assert.rejects(reload(grpc, { model_config_list: { config } }), { status: code, message });
      await refused([two, two], Code.INVALID_ARGUMENT, /^Illegal to list model two multiple times in config list$/);
      const relative = { ...half, base_path: 'models/half' };
      await refused([two, relative], Code.INVALID_ARGUMENT, /^Expected model half to have an absolute path or URI/);
      const changed = { ...half, model_platform: 'other' };
      await refused([two, changed], Code.INVALID_ARGUMENT, /^Illegal to change a model's platform\. For model half/);
      const none = { ...half, model_platform: '' };
      await refused([two, none], Code.INVALID_ARGUMENT, /^Illegal setting neither/);
      const labelled = { ...half, version_labels: new Map([['next', 2n]]) };
      await refused([two, labelled], Code.FAILED_PRECONDITION, /^Request to assign label to version 2 of model half/);
      await assert.rejects(states(grpc, 'two'), { status: Code.NOT_FOUND });
      assert.deepEqual(await states(grpc, 'half'), [[1n, AVAILABLE]]);
    }));

  it('tells by how much each named metric’s first point grew, 0 for one that is unknown', () =>
    withHalf({}, async ({ grpc, make }) => {
      const names = ['/tensorflow/serving/no_such_metric', '/tensorflow/serving/request_count'];
      const { metric } = await reload(grpc, modelServerConfig(await make('half', 1)), names);
      assert.deepEqual(
        metric,
        names.map((name) => ({ name, int64_value_increase: 0n })),
      );
    }));
});

describe('A version label', LIMIT, () => {
  const labelled = (model: ConfiguredModel, label: string, version: number) =>
    modelServerConfig({ ...model, versions: [1, 2], labels: { [label]: version } });

  it('may name a version that is not loaded yet with --allow_version_labels_for_unavailable_models, unless it points elsewhere', () =>
    withHalf({ flags: ['--allow_version_labels_for_unavailable_models'] }, async ({ server, grpc, make, folder }) => {
      const model = await make('half');
      const call = { ...HALF, model: 'half', label: 'next' };
      await reload(grpc, labelled(model, 'next', 2));
      await assert.rejects(grpc.predict(call), { status: Code.NOT_FOUND, message: /Specific\(half, 2\)/ });
      await cp(join(folder, 'half', '1'), join(folder, 'copy'), { recursive: true });
      await rename(join(folder, 'copy'), join(folder, 'half', '2'));
      await until(server, /\{name: half version: 2\} is available/);
      assert.deepEqual((await grpc.predict(call)).y?.values, [4]);
      await assert.rejects(reload(grpc, labelled(model, 'next', 3)), { status: Code.FAILED_PRECONDITION });
      await reload(grpc, labelled(model, 'next', 1));
      assert.equal(
        versionOf(await grpc.call('/tensorflow.serving.PredictionService/Predict', encodePredict(call))),
        1n,
      );
    }));
});

describe('num_load_threads', LIMIT, () => {
  it('of 1 has the models of a new configuration load one after the other', () =>
    withHalf({ flags: ['--num_load_threads=1'] }, async ({ server, grpc, make }) => {
      const models = [await make('a', 1), await make('b', 1), await make('c', 1)];
      await reload(grpc, modelServerConfig(...models));
      const steps = [...server.logs().matchAll(/Loading servable \{name: ([abc]) |\{name: ([abc]) .*is available/g)];
      const names = steps.map(([, begun, ended]) => begun ?? `${ended}!`);
      // The next one begins in the moment in which one has ended, which is told right after it.
      assert.deepEqual(names, ['a', 'b', 'a!', 'c', 'b!', 'c!']);
    }));
});
