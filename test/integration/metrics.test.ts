/** What is counted on a whole server under TensorFlow Serving's names, line by line. */
import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Code } from '../../src/errors.js';
import { encodeMessage, type Init } from '../../src/formats/protobuf.js';
import {
  ClassificationRequest,
  GetModelStatusRequest,
  type Input,
  MultiInferenceRequest,
  RegressionRequest,
} from '../../src/gen/messages.js';
import { CLASSIFY_METHOD, REGRESS_METHOD } from '../../src/tensor/inference.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { createGrpcClient, type GrpcDoorClient } from '../support/door-clients.js';
import { configText } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const SERVICE = '/tensorflow.serving.PredictionService';
const { call: HALF } = halfPlusTwoCall([4]);

/** So many Examples without a feature. */
const inputOf = (count: number): Init<Input> => ({ example_list: { examples: Array(count).fill(new Uint8Array()) } });

async function withCountingServer(use: (server: TestServer, grpc: GrpcDoorClient) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    const half = join(folder, 'half_plus_two');
    await cp(modelPath('half_plus_two'), half, { recursive: true });
    await mkdir(join(half, '1', 'assets.extra'));
    await writeFile(join(half, '1', 'assets.extra', 'mlmd_uuid'), 'an-id');
    const config = join(folder, 'models.config');
    await writeFile(
      config,
      configText(
        { name: 'half_plus_two', basePath: half },
        { name: 'examples', basePath: modelPath('examples') },
        { name: 'no_id', basePath: modelPath('strings') },
      ),
    );
    const monitoring = join(folder, 'monitoring.config');
    await writeFile(monitoring, 'prometheus_config { enable: true path: "/mine" }');
    const flags = [`--model_config_file=${config}`, `--monitoring_config_file=${monitoring}`];
    await withServer(flags, async (server) => {
      const grpc = createGrpcClient(server.ports.grpc);
      await use(server, grpc).finally(() => grpc.close());
    });
  });
}

/** The samples of one of TensorFlow Serving's families, without its prefix. */
async function samples(server: TestServer, family: string): Promise<string[]> {
  const reply = await fetch(`http://127.0.0.1:${server.ports.rest}/mine`);
  assert.equal(reply.status, 200);
  const prefix = ':tensorflow:serving:';
  return (await reply.text())
    .split('\n')
    .filter((line) => line.startsWith(`${prefix}${family}{`))
    .map((line) => line.slice(prefix.length))
    .sort();
}

async function rest(server: TestServer, path: string, body?: string): Promise<number> {
  const url = `http://127.0.0.1:${server.ports.rest}${path}`;
  const reply = await fetch(url, body === undefined ? {} : { method: 'POST', body });
  await reply.text();
  return reply.status;
}

const spec = { name: 'examples' };

/** One request of each kind, good and bad, over gRPC and REST. */
async function askEverything(server: TestServer, grpc: GrpcDoorClient): Promise<void> {
  await grpc.predict(HALF);
  await assert.rejects(grpc.predict({ ...HALF, outputs: ['none'] }), { status: Code.INVALID_ARGUMENT });
  const classify = encodeMessage(ClassificationRequest, { model_spec: spec, input: inputOf(3) });
  await grpc.call(`${SERVICE}/Classify`, classify);
  const regress = { model_spec: { ...spec, signature_name: 'regress' }, input: inputOf(2) };
  await grpc.call(`${SERVICE}/Regress`, encodeMessage(RegressionRequest, regress));
  const tasks = [
    { model_spec: spec, method_name: CLASSIFY_METHOD },
    { model_spec: { ...spec, signature_name: 'regress' }, method_name: REGRESS_METHOD },
  ];
  await grpc.call(`${SERVICE}/MultiInference`, encodeMessage(MultiInferenceRequest, { tasks, input: inputOf(4) }));
  const status = encodeMessage(GetModelStatusRequest, { model_spec: { name: 'half_plus_two' } });
  await grpc.call('/tensorflow.serving.ModelService/GetModelStatus', status);

  const half = '/v1/models/half_plus_two';
  assert.equal(await rest(server, `${half}:predict`, '{"instances": [1.0]}'), 200);
  assert.equal(await rest(server, `${half}:predict`, '{}'), 400);
  assert.equal(await rest(server, half), 200);
  assert.equal(await rest(server, `${half}/metadata`), 200);
  assert.equal(await rest(server, '/v1/models/none'), 404);
  assert.equal(await rest(server, '/v1/models/examples:classify', '{"examples": [{"x": 1.0}]}'), 200);
}

describe('The metrics of a server', LIMIT, () => {
  it('are on the path of MonitoringConfig, each as apis.md has it', (t) =>
    withCountingServer(async (server, grpc) => {
      await askEverything(server, grpc);
      await t.test(
        'request_count: over REST every request, also status ones; over gRPC Predict, Classify, Regress',
        async () => {
          assert.deepEqual(await samples(server, 'request_count'), [
            'request_count{model_name="examples",status="OK"} 3',
            'request_count{model_name="half_plus_two",status="INVALID_ARGUMENT"} 2',
            'request_count{model_name="half_plus_two",status="OK"} 4',
            'request_count{model_name="none",status="NOT_FOUND"} 1',
          ]);
        },
      );
      await t.test('request_latency: successes only, by API (REST: in small letters) and entrypoint', async () => {
        assert.deepEqual(await samples(server, 'request_latency_count'), [
          'request_latency_count{model_name="examples",API="Classify",entrypoint="GRPC"} 1',
          'request_latency_count{model_name="examples",API="Regress",entrypoint="GRPC"} 1',
          'request_latency_count{model_name="examples",API="classify",entrypoint="REST"} 1',
          'request_latency_count{model_name="half_plus_two",API="Predict",entrypoint="GRPC"} 1',
          'request_latency_count{model_name="half_plus_two",API="predict",entrypoint="REST"} 1',
        ]);
      });
      await t.test('runtime_latency: by API and runtime TF1, gRPC and REST together', async () => {
        const found = await samples(server, 'runtime_latency_count');
        for (const line of [
          'runtime_latency_count{model_name="half_plus_two",API="Predict",runtime="TF1"} 2',
          'runtime_latency_count{model_name="examples",API="Classify",runtime="TF1"} 2',
          'runtime_latency_count{model_name="examples",API="Regress",runtime="TF1"} 1',
        ])
          assert.ok(found.includes(line), found.join('\n'));
      });
      await t.test(
        'request_example_counts and request_example_count_total: MultiInference counts in the latter',
        async () => {
          assert.deepEqual(await samples(server, 'request_example_counts_count'), [
            'request_example_counts_count{model="examples"} 3',
          ]);
          assert.deepEqual(await samples(server, 'request_example_counts_sum'), [
            'request_example_counts_sum{model="examples"} 6',
          ]);
          assert.deepEqual(await samples(server, 'request_example_count_total'), [
            'request_example_count_total{model="examples"} 10',
          ]);
        },
      );
      await t.test('mlmd_map: model_name and version of what has assets.extra/mlmd_uuid; its number is 0', async () => {
        assert.deepEqual(await samples(server, 'mlmd_map'), ['mlmd_map{model_name="half_plus_two",version="1"} 0']);
      });
      await t.test('batching_session:wrapped_run_count has no labels, and braces all the same', async () => {
        const [line, ...more] = await samples(server, 'batching_session:wrapped_run_count');
        assert.match(line ?? '', /^batching_session:wrapped_run_count\{\} [1-9]\d*$/);
        assert.deepEqual(more, []);
      });
    }));
});
