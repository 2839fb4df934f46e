/** Every request is counted once, however it ends: Prometheus and `GET /v1/models/NAME/stats` agree with what was asked. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Code } from '../../src/errors.js';
import { encodeMessage, type Init } from '../../src/formats/protobuf.js';
import { ClassificationRequest, type Input, MultiInferenceRequest, RegressionRequest } from '../../src/gen/messages.js';
import { CLASSIFY_METHOD } from '../../src/tensor/inference.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { createGrpcClient, withDoorClients } from '../support/door-clients.js';
import { field } from '../support/grpc-requests.js';
import { configText } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const SERVICE = '/tensorflow.serving.PredictionService';

type Samples = ReadonlyMap<string, number>;

/** By name and labels as they stand there; no line may come twice, and no family. */
async function scrape({ ports }: TestServer): Promise<Samples> {
  const text = await (await fetch(`http://127.0.0.1:${ports.rest}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '');
  const samples = new Map<string, number>();
  const families = new Set<string>();
  for (const line of lines) {
    const space = line.lastIndexOf(' ');
    const name = line.slice(0, space);
    const known: { has(name: string): boolean } = line.startsWith('#') ? families : samples;
    assert.ok(!known.has(name), `twice: ${name}`);
    if (line.startsWith('#')) families.add(name);
    else samples.set(name, Number(line.slice(space + 1)));
  }
  return samples;
}

/** Of all samples of the family whose labels have these. */
function sumOf(samples: Samples, family: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return [...samples]
    .filter(([name]) => name.startsWith(`${family}{`) && wanted.every((label) => name.includes(label)))
    .reduce((sum, [, value]) => sum + value, 0);
}

async function post(
  { ports }: TestServer,
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${ports.rest}/v1/models/${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : Buffer.from(body),
    headers,
  });
  await reply.arrayBuffer();
  return reply.status;
}

async function withModels(
  names: readonly string[],
  flags: readonly string[],
  fn: (server: TestServer) => Promise<void>,
) {
  await withTempDir(async (folder) => {
    const config = join(folder, 'models.config');
    await writeFile(config, configText(...names.map((name) => ({ name, basePath: modelPath(name) }))));
    await withServer([`--model_config_file=${config}`, ...flags], fn);
  });
}

const ONE_EXAMPLE: Init<Input> = { example_list: { examples: [{}] } };
const spec = (name: string, signature_name = '') => ({ name, signature_name });

/** What fails before a run, over REST: path behind /v1/models/, body, status. */
const REST_FAILURES: readonly (readonly [string, string, number])[] = [
  ['examples:classify', '', 400],
  ['examples:classify', '{"examples": [', 400],
  ['examples:classify', '{"signature_name": "none", "examples": [{"x": 1}]}', 400],
  ['examples:classify', '{"signature_name": "regress", "examples": [{"x": 1}]}', 400],
  ['examples:classify', '{"examples": []}', 400],
  ['examples:regress', '{"examples": [{"x": 1}]}', 400],
  ['examples:predict', '', 400],
  ['examples:predict', '{"instances": [', 400],
  ['examples:predict', '{"signature_name": "none", "instances": [1]}', 400],
];

describe('A request that fails before it is run', LIMIT, () => {
  it('is in request_count over REST, by model and status, and among our errors', () =>
    withModels(['examples'], [], async (server) => {
      for (const [path, body, status] of REST_FAILURES)
        assert.equal(await post(server, path, body), status, `${path} ${body}`);
      const samples = await scrape(server);
      const failed = REST_FAILURES.length;
      const count = (status: string) =>
        sumOf(samples, ':tensorflow:serving:request_count', { model_name: 'examples', status });
      assert.deepEqual([count('INVALID_ARGUMENT'), count('FAILED_PRECONDITION'), count('OK')], [failed - 1, 1, 0]);
      assert.equal(sumOf(samples, 'tensorgate_request_errors_total', { door: 'rest' }), failed);
      for (const [api, count] of [
        ['Classify', 5],
        ['Regress', 1],
        ['Predict', 3],
      ] as const)
        assert.equal(sumOf(samples, 'tensorgate_request_errors_total', { door: 'rest', api }), count, api);
    }));

  it('is in request_count over REST also where its body came packed', () =>
    withModels(['examples'], [], async (server) => {
      const packed = { 'content-encoding': 'gzip' };
      assert.equal(await post(server, 'examples:predict', gzipSync(''), packed), 400);
      assert.equal(await post(server, 'examples:classify', gzipSync('{'), packed), 400);
      assert.equal(await post(server, 'examples:predict', 'no gzip', packed), 400);
      assert.equal(await post(server, 'examples:predict', '{}', { 'content-encoding': 'br' }), 400);
      const samples = await scrape(server);
      assert.equal(sumOf(samples, ':tensorflow:serving:request_count', { model_name: 'examples' }), 4);
    }));

  it('is in request_count over gRPC, MultiInference apart, and among our errors with it', () =>
    withModels(['examples'], [], async (server) => {
      const grpc = createGrpcClient(server.ports.grpc);
      const refused = (method: string, bytes: Uint8Array) =>
        assert.rejects(grpc.call(`${SERVICE}/${method}`, bytes), { status: Code.INVALID_ARGUMENT }, method);
      try {
        const classify = (signature: string) =>
          encodeMessage(ClassificationRequest, { model_spec: spec('examples', signature), input: ONE_EXAMPLE });
        await refused('Classify', classify('none'));
        await refused('Classify', classify('regress'));
        await refused('Classify', encodeMessage(ClassificationRequest, { model_spec: spec('examples') }));
        await refused(
          'Regress',
          encodeMessage(RegressionRequest, { model_spec: spec('examples'), input: ONE_EXAMPLE }),
        );
        const task = { model_spec: spec('examples', 'none'), method_name: CLASSIFY_METHOD };
        await refused('MultiInference', encodeMessage(MultiInferenceRequest, { tasks: [task], input: ONE_EXAMPLE }));
        await refused('Classify', encodeMessage(ClassificationRequest, { input: ONE_EXAMPLE }));
        for (const method of ['Predict', 'Regress', 'MultiInference']) await refused(method, Buffer.from([0xff]));
        const samples = await scrape(server);
        const count = (model_name: string) => sumOf(samples, ':tensorflow:serving:request_count', { model_name });
        assert.deepEqual([count('examples'), count('')], [4, 3]);
        assert.equal(sumOf(samples, 'tensorgate_request_errors_total', { door: 'grpc' }), 9);
        assert.equal(sumOf(samples, 'tensorgate_request_errors_total', { api: 'MultiInference' }), 2);
      } finally {
        grpc.close();
      }
    }));

  it('is counted where --enable_signature_method_name_check refuses its signature', () =>
    withModels(['examples'], ['--enable_signature_method_name_check'], async (server) => {
      assert.equal(
        await post(server, 'examples:predict', '{"signature_name": "other_method", "instances": [""]}'),
        500,
      );
      const samples = await scrape(server);
      const counted = { model_name: 'examples', status: 'INTERNAL' };
      assert.equal(sumOf(samples, ':tensorflow:serving:request_count', counted), 1);
    }));

  it('is among our errors over GraphPipe', () =>
    withModels(['half_plus_two'], [], (server) =>
      withDoorClients(server, async ({ graphpipe }) => {
        await assert.rejects(graphpipe.send(Buffer.from('no flatbuffer')), { status: 400 });
        const samples = await scrape(server);
        assert.equal(sumOf(samples, 'tensorgate_request_errors_total', { door: 'graphpipe' }), 1);
        assert.equal(sumOf(samples, ':tensorflow:serving:request_count', {}), 0);
      }),
    ));

  it('is among our errors where --grpc_max_threads refuses it, as TensorFlow Serving’s methods never see it', () =>
    withModels(['slow'], ['--grpc_max_threads=1'], async (server) => {
      const grpc = createGrpcClient(server.ports.grpc);
      const slow = (millis: number) => ({
        model: 'slow',
        inputs: { millis: { dtype: 'float' as const, shape: [1], values: [millis] } },
      });
      try {
        const first = grpc.predict(slow(300));
        await assert.rejects(grpc.predict(slow(1)), { status: Code.RESOURCE_EXHAUSTED });
        await first;
        const samples = await scrape(server);
        const refused = { door: 'grpc', api: 'Predict', code: 'RESOURCE_EXHAUSTED' };
        assert.equal(sumOf(samples, 'tensorgate_request_errors_total', refused), 1);
        assert.equal(sumOf(samples, ':tensorflow:serving:request_count', { model_name: 'slow' }), 1);
      } finally {
        grpc.close();
      }
    }));
});

interface Duration {
  readonly count: number;
  readonly ns: number;
}

interface Stats {
  readonly name: string;
  readonly version: string;
  readonly signature_name?: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<string, Duration>>;
  readonly batch_stats: readonly ({ readonly batch_size: number } & Readonly<
    Record<'compute_input' | 'compute_infer' | 'compute_output', Duration>
  >)[];
  readonly signature_stats: readonly Stats[];
}

async function statsOf({ ports }: TestServer, model: string): Promise<Stats> {
  const reply = await fetch(`http://127.0.0.1:${ports.rest}/v1/models/${model}/stats`);
  return ((await reply.json()) as { model_stats: [Stats] }).model_stats[0];
}

describe('Requests that end badly after they were queued', LIMIT, () => {
  it('count as failed, once each, in the statistics and in Prometheus; runs are those that ended well', () =>
    withModels(
      ['slow'],
      [
        '--max_queued_requests_per_model=3',
        '--num_workers=1',
        '--synthetic_warmup=false',
        '--rest_api_timeout_in_ms=100',
      ],
      async (server) => {
        const grpc = createGrpcClient(server.ports.grpc);
        const call = (millis: readonly number[]) => ({
          model: 'slow',
          inputs: { millis: { dtype: 'float' as const, shape: [millis.length], values: millis } },
        });
        const ends: Promise<unknown>[] = [];
        try {
          const start = performance.now();
          await grpc.predict(call([1, 1]));
          // One that keeps the worker busy while the others come, whose order is that of one connection.
          ends.push(grpc.predict(call([400])));
          await sleep(100);
          ends.push(post(server, 'slow:predict', '{"instances": [1]}').then((status) => assert.equal(status, 504)));
          await sleep(20);
          const given = grpc.start(call([1, 1, 1]));
          ends.push(assert.rejects(given.reply, { status: Code.CANCELLED }));
          ends.push(grpc.predict(call([1])));
          ends.push(assert.rejects(grpc.predict(call([1])), { status: Code.RESOURCE_EXHAUSTED }));
          ends.push(
            assert.rejects(grpc.predict({ ...call([1]), outputs: ['none'] }), { status: Code.INVALID_ARGUMENT }),
          );
          await sleep(50);
          given.cancel();
          await Promise.all(ends);
          await sleep(100);
          const [stats, samples] = [await statsOf(server, 'slow'), await scrape(server)];
          const { success, fail, queue } = stats.inference_stats;
          assert.deepEqual([success?.count, fail?.count, queue?.count], [3, 4, 3]);
          assert.deepEqual([stats.inference_count, stats.execution_count], [4, 3]);
          assert.deepEqual(
            stats.batch_stats.map(({ batch_size, compute_infer }) => [batch_size, compute_infer.count]),
            [
              [1, 2],
              [2, 1],
            ],
          );
          // In nanoseconds: one run is long, another request waited for most of it, and a third gave up after 100 ms.
          const elapsed = (performance.now() - start) * 1e6;
          const { compute_infer } = stats.inference_stats;
          for (const [what, { ns = 0 } = {}, least, most] of [
            ['compute_infer', compute_infer, 100e6, elapsed],
            ['queue', queue, 20e6, elapsed],
            ['success', success, 120e6, 2 * elapsed],
            ['fail', fail, 50e6, elapsed],
          ] as const)
            assert.ok(ns > least && ns < most, `${what} ${ns}`);
          // No run was shared: what requests had of them is what they took, and Prometheus says the same in seconds and µs.
          const parts = ['compute_input', 'compute_infer', 'compute_output'] as const;
          for (const part of parts) {
            const ofBatches = stats.batch_stats.reduce((sum, batch) => sum + batch[part].ns, 0);
            assert.ok(Math.abs(ofBatches - (stats.inference_stats[part]?.ns ?? Number.NaN)) <= 3, part);
            assert.deepEqual(
              stats.batch_stats.map((batch) => batch[part].count),
              [2, 1],
            );
          }
          const { signature_name, ...ofSignature } = stats.signature_stats[0] as Stats;
          const { name, version, signature_stats, ...ofModel } = stats;
          assert.deepEqual(
            [name, version, signature_name, signature_stats.length],
            ['slow', '1', 'serving_default', 1],
          );
          assert.deepEqual(ofSignature, ofModel);
          for (const [family, labels, nanos, ns] of [
            ['tensorgate_request_duration_seconds_sum', { model: 'slow' }, 1e9, success?.ns],
            ['tensorgate_queue_duration_seconds_sum', { model: 'slow' }, 1e9, queue?.ns],
            ['tensorgate_run_duration_seconds_sum', { model: 'slow' }, 1e9, compute_infer?.ns],
            ['tensorgate_decode_seconds_total', { model: 'slow' }, 1e9, stats.inference_stats.compute_input?.ns],
            ['tensorgate_format_seconds_total', { model: 'slow' }, 1e9, stats.inference_stats.compute_output?.ns],
            [':tensorflow:serving:request_latency_sum', { model_name: 'slow' }, 1e3, success?.ns],
            [':tensorflow:serving:runtime_latency_sum', { model_name: 'slow' }, 1e3, compute_infer?.ns],
            [':tensorflow:core:graph_run_time_usecs', {}, 1e3, compute_infer?.ns],
          ] as const) {
            const told = sumOf(samples, family, labels) * nanos;
            assert.ok(Math.abs(told - (ns ?? Number.NaN)) <= 1000, `${family} ${told} ${ns}`);
          }
          const codes = ['OK', 'DEADLINE_EXCEEDED', 'CANCELLED', 'RESOURCE_EXHAUSTED', 'INVALID_ARGUMENT'];
          assert.deepEqual(
            codes.map((status) => sumOf(samples, ':tensorflow:serving:request_count', { model_name: 'slow', status })),
            [3, 1, 1, 1, 1],
          );
          assert.equal(sumOf(samples, 'tensorgate_requests_total', { model: 'slow' }), 7);
          assert.equal(sumOf(samples, 'tensorgate_requests_in_flight', { model: 'slow' }), 0);
          assert.equal(sumOf(samples, ':tensorflow:core:graph_runs', {}), 3);
          assert.equal(sumOf(samples, 'tensorgate_runs_total', { model: 'slow' }), 3);
          assert.equal(sumOf(samples, 'tensorgate_rows_total', { model: 'slow' }), 4);
        } finally {
          grpc.close();
        }
      },
    ));
});

describe('Requests of which one fails the run that it shares', LIMIT, () => {
  it('count each for itself, and runs that ended well alone, each once', () =>
    withModels(['examples'], ['--synthetic_warmup=false'], async (server) => {
      const grpc = createGrpcClient(server.ports.grpc);
      /** ModelSpec {name, signature_name} and Input {example_list {examples}}. */
      const regress = (example: number[]) =>
        Buffer.concat([
          field(1, field(1, Buffer.from('examples')), field(3, Buffer.from('regress'))),
          field(2, field(1, field(1, example))),
        ]);
      try {
        await grpc.call(`${SERVICE}/Regress`, regress([]));
        const calls = Array.from({ length: 80 }, (_, i) =>
          grpc.call(`${SERVICE}/Regress`, regress(i % 20 === 7 ? [0xff] : [])),
        );
        const good = (await Promise.allSettled(calls)).filter(({ status }) => status === 'fulfilled').length;
        assert.equal(good, 76);
        const [stats, samples] = [await statsOf(server, 'examples'), await scrape(server)];
        assert.deepEqual([stats.inference_stats.success?.count, stats.inference_stats.fail?.count], [77, 4]);
        assert.equal(stats.inference_count, 77);
        const batches = stats.batch_stats.map(
          ({ batch_size, compute_infer }) => [batch_size, compute_infer.count] as const,
        );
        assert.equal(
          batches.reduce((sum, [rows, runs]) => sum + rows * runs, 0),
          77,
        );
        assert.equal(
          batches.reduce((sum, [, runs]) => sum + runs, 0),
          stats.execution_count,
        );
        assert.equal(sumOf(samples, ':tensorflow:core:graph_runs', {}), stats.execution_count);
        const all = sumOf(samples, ':tensorflow:serving:batching_session:wrapped_run_count', {});
        assert.ok(all >= stats.execution_count + 4, `${all} runs`);
        const count = (status: string) => sumOf(samples, ':tensorflow:serving:request_count', { status });
        assert.deepEqual([count('OK'), count('INVALID_ARGUMENT')], [77, 4]);
      } finally {
        grpc.close();
      }
    }));
});

describe('A scrape', LIMIT, () => {
  it('has no sample twice, whichever way requests of a model with one signature fail', () =>
    withModels(['half_plus_two'], [], (server) =>
      withDoorClients(server, async ({ grpc, rest, graphpipe }) => {
        const { call } = halfPlusTwoCall([1]);
        for (const client of [grpc, rest, graphpipe]) {
          await client.predict(call);
          await assert.rejects(
            client.predict({ ...call, inputs: { none: { dtype: 'float', shape: [1], values: [1] } } }),
          );
        }
        const samples = await scrape(server);
        for (const door of ['grpc', 'rest', 'graphpipe']) {
          assert.equal(sumOf(samples, 'tensorgate_requests_total', { door, signature: 'serving_default' }), 2, door);
        }
      }),
    ));
});
