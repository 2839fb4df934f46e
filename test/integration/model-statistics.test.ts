/** `GET /v1/models/NAME/stats` and the families of runs and rows, against what was asked of the models. */
import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { batchPolicyOf } from '../../src/batching/batch-policy.js';
import { parseTextProto } from '../../src/formats/text-proto.js';
import { BatchingParameters } from '../../src/gen/messages.js';
import { metrics } from '../../src/metrics/metrics.js';
import { type ModelStatistics, modelStatistics } from '../../src/metrics/model-statistics.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { DataType } from '../../src/tensor/dtype.js';
import { Cancellation } from '../../src/tensor/predict-request.js';
import { copyOutputs, floats, testRequest, withModel, withModels } from '../support/in-process-model.js';
import { configText } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };

interface Duration {
  readonly count: number;
  readonly ns: number;
}

interface Stats {
  readonly name: string;
  readonly version: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Record<string, Duration>;
  readonly batch_stats: (Record<'compute_input' | 'compute_infer' | 'compute_output', Duration> & {
    readonly batch_size: number;
  })[];
  readonly signature_stats: (Stats & { readonly signature_name: string })[];
}

const get = ({ ports }: TestServer, path: string) => fetch(`http://127.0.0.1:${ports.rest}${path}`);

async function statsOf(server: TestServer, path: string): Promise<Stats[]> {
  const reply = await get(server, path);
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get('content-type'), 'application/json');
  return ((await reply.json()) as { model_stats: Stats[] }).model_stats;
}

async function predict({ ports }: TestServer, model: string, instances: readonly unknown[]): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${ports.rest}/v1/models/${model}:predict`, {
    method: 'POST',
    body: JSON.stringify({ instances }),
  });
  await reply.arrayBuffer();
  return reply.status;
}

const counts = (stats: Stats) =>
  Object.fromEntries(Object.entries(stats.inference_stats).map(([name, { count }]) => [name, count]));

describe('GET /v1/models/NAME/stats', LIMIT, () => {
  it('counts requests, rows and runs, and the runs by their rows', () =>
    withServer([`--model_name=m`, `--model_base_path=${modelPath('half_plus_two')}`], async (server) => {
      const before = Date.now();
      for (const rows of [1, 3, 3]) assert.equal(await predict(server, 'm', Array(rows).fill(1)), 200);
      assert.equal(await predict(server, 'm', ['x']), 400);
      const [stats, ...others] = await statsOf(server, '/v1/models/m/stats');
      assert.ok(stats !== undefined);
      assert.deepEqual(others, []);
      assert.deepEqual([stats.name, stats.version], ['m', '1']);
      assert.deepEqual([stats.inference_count, stats.execution_count], [7, 3]);
      assert.ok(stats.last_inference >= before - 5 && stats.last_inference <= Date.now() + 5);
      const answered = { success: 3, queue: 3, compute_input: 3, compute_infer: 3, compute_output: 3 };
      assert.deepEqual(counts(stats), { ...answered, fail: 1, cache_hit: 0, cache_miss: 0 });
      assert.deepEqual(
        stats.batch_stats.map((batch) => [batch.batch_size, batch.compute_infer.count]),
        [
          [1, 1],
          [3, 2],
        ],
      );
      const { success, queue, compute_input, compute_infer, compute_output, fail } = stats.inference_stats;
      const parts = [queue, compute_input, compute_infer, compute_output].map((part) => part?.ns ?? Number.NaN);
      assert.ok(parts.every((ns) => ns >= 0) && (compute_input?.ns ?? 0) > 0 && (compute_output?.ns ?? 0) > 0);
      // The addon's clock and JavaScript's are read at different places: a tenth of a millisecond each way.
      assert.ok(parts.reduce((sum, ns) => sum + ns, 0) <= (success?.ns ?? 0) + 3e5);
      assert.ok((fail?.ns ?? 0) > 0);
    }));

  it('tells each available version, newest first, or the one asked for, and each of its signatures', () =>
    withTempDir(async (folder) => {
      await cp(join(modelPath('multi_io'), '1'), join(folder, '1'), { recursive: true });
      await cp(join(modelPath('multi_io'), '1'), join(folder, '2'), { recursive: true });
      const config = join(folder, 'models.config');
      const entry = `name: "m" base_path: "${folder}" model_platform: "tensorflow" model_version_policy { all {} }`;
      await writeFile(config, `model_config_list { config { ${entry} } }`);
      await withServer([`--model_config_file=${config}`], async (server) => {
        const body = '{"signature_name": "defaults", "inputs": {"x": [1, 2]}}';
        for (const version of [1, 1, 2]) {
          const url = `http://127.0.0.1:${server.ports.rest}/v1/models/m/versions/${version}:predict`;
          assert.equal((await fetch(url, { method: 'POST', body })).status, 200);
        }
        const all = await statsOf(server, '/v1/models/m/stats');
        assert.deepEqual(
          all.map(({ version, inference_stats }) => [version, inference_stats.success?.count]),
          [
            ['2', 1],
            ['1', 2],
          ],
        );
        const [first] = await statsOf(server, '/v1/models/m/versions/1/stats');
        assert.deepEqual(first, all[1]);
        const used = first?.signature_stats.filter(({ execution_count }) => execution_count > 0) ?? [];
        assert.deepEqual(
          used.map(({ signature_name, execution_count }) => [signature_name, execution_count]),
          [['defaults', 2]],
        );
      });
    }));

  it('finds a version by its label, and a name that is escaped', () =>
    withTempDir(async (folder) => {
      for (const version of ['1', '2'])
        await cp(join(modelPath('half_plus_two'), '1'), join(folder, 'base', version), { recursive: true });
      const config = join(folder, 'models.config');
      const model = { name: 'a b/é', basePath: join(folder, 'base'), versions: [1, 2], labels: { stäble: 1 } };
      await writeFile(config, configText(model));
      await withServer([`--model_config_file=${config}`], async (server) => {
        const path = `/v1/models/${encodeURIComponent('a b/é')}`;
        for (const [which, versions] of [
          ['', ['2', '1']],
          ['/versions/2', ['2']],
          ['/versions/0001', ['1']],
          [`/labels/${encodeURIComponent('stäble')}`, ['1']],
        ] as const) {
          const all = await statsOf(server, `${path}${which}/stats`);
          assert.deepEqual(
            all.map(({ name, version }) => [name, version]),
            versions.map((version) => ['a b/é', version]),
          );
        }
        const refused = async (target: string, method: string) => {
          const url = `http://127.0.0.1:${server.ports.rest}/v1/models/${target}/stats`;
          const reply = await fetch(url, { method });
          return [reply.status, await reply.text()] as const;
        };
        for (const [target, method, status, text] of [
          [`${path.slice(11)}/labels/none`, 'GET', 400, /"error": "Unrecognized servable version label: none/],
          ['%zz', 'GET', 400, /"error": "Malformed request: GET \/v1\/models\/%zz\/stats"/],
          ['m/nothing', 'GET', 400, /"error": "Malformed request: GET/],
          ['m', 'POST', 400, /"error": "Malformed request: POST \/v1\/models\/m\/stats"/],
          ['m', 'DELETE', 400, /"error": "Malformed request: DELETE/],
          ['m/versions/9223372036854775808', 'GET', 400, /^$/],
          [
            'm/versions/9223372036854775807',
            'GET',
            404,
            /Servable not found for request: Specific\(m, 9223372036854775807\)/,
          ],
        ] as const) {
          const [found, body] = await refused(target, method);
          assert.equal(found, status, `${method} ${target}: ${body}`);
          assert.match(body, text);
        }
      });
    }));

  it('is all zeros before the first request', () =>
    withServer([`--model_name=m`, `--model_base_path=${modelPath('half_plus_two')}`], async (server) => {
      const [stats] = await statsOf(server, '/v1/models/m/stats');
      assert.deepEqual([stats?.last_inference, stats?.inference_count, stats?.execution_count], [0, 0, 0]);
      assert.deepEqual([stats?.batch_stats, stats?.signature_stats], [[], []]);
    }));

  it('of a model or version that is not there is 404, in the words of a prediction', () =>
    withServer([`--model_name=m`, `--model_base_path=${modelPath('half_plus_two')}`], async (server) => {
      for (const [path, asked] of [
        ['/v1/models/nope/stats', 'Latest(nope)'],
        ['/v1/models/m/versions/9/stats', 'Specific(m, 9)'],
      ] as const) {
        const reply = await get(server, path);
        assert.equal(reply.status, 404);
        const { error } = (await reply.json()) as { error: string };
        assert.ok(error.startsWith(`Servable not found for request: ${asked}`), error);
      }
    }));

  it('agrees with Prometheus’ runs, rows and sizes of batches', () =>
    withServer([`--model_name=m`, `--model_base_path=${modelPath('half_plus_two')}`], async (server) => {
      for (let wave = 0; wave < 5; wave++)
        await Promise.all(Array.from({ length: 40 }, (_, i) => predict(server, 'm', Array(1 + (i % 3)).fill(i))));
      const [stats] = await statsOf(server, '/v1/models/m/stats');
      const scrape = await (await get(server, '/metrics')).text();
      const value = (name: string) => {
        const labels = '{model="m",version="1",signature="serving_default"}';
        const line = scrape.split('\n').find((each) => each.startsWith(`${name}${labels} `));
        return Number(line?.split(' ').at(-1) ?? Number.NaN);
      };
      assert.equal(value('tensorgate_rows_total'), stats?.inference_count);
      assert.equal(value('tensorgate_runs_total'), stats?.execution_count);
      assert.equal(value('tensorgate_batch_rows_count'), stats?.execution_count);
      assert.equal(value('tensorgate_batch_rows_sum'), stats?.inference_count);
      assert.ok(value('tensorgate_decode_seconds_total') > 0 && value('tensorgate_format_seconds_total') > 0);
    }));
});

const request = (rows: number, cancellation?: Cancellation) =>
  testRequest([{ name: 'x', dtype: DataType.FLOAT, shape: [rows], bytes: floats(...Array(rows).fill(1)) }], {
    ...(cancellation && { cancellation }),
  });

const statistics = ({ id }: SavedModel): ModelStatistics =>
  modelStatistics(metrics.requests.recorders(), id.name, id.version);

describe('The statistics of requests that share runs', LIMIT, () => {
  it('count each run once, and by all of its rows', () =>
    withModel('half_plus_two', async (model) => {
      const requests = Array.from({ length: 300 }, (_, i) => request(1 + (i % 4)));
      await Promise.all(requests.map((each) => model.predict(each, copyOutputs)));
      const { rows, runs, success, batches } = statistics(model);
      assert.deepEqual([rows, success.count], [750, 300]);
      assert.ok(runs < 150, `${runs} runs`);
      assert.equal(
        batches.reduce((sum, batch) => sum + batch.runs * batch.rows, 0),
        750,
      );
    }));

  it('count the pieces of a large request, and the rows that fill a run up in its size alone', async () => {
    const text =
      'max_batch_size { value: 12 } max_execution_batch_size { value: 4 } enable_large_batch_splitting { value: true }';
    const batchPolicy = batchPolicyOf(parseTextProto(BatchingParameters, `${text} allowed_batch_sizes: [2, 4]`));
    await withModels([{ model: 'half_plus_two', batchPolicy }], async ([model]) => {
      assert.ok(model !== undefined);
      await model.predict(request(11), copyOutputs);
      await model.predict(request(1), copyOutputs);
      const { rows, runs, success, batches } = statistics(model);
      assert.deepEqual([rows, runs, success.count], [12, 4, 2]);
      assert.deepEqual(
        batches.map((batch) => [batch.rows, batch.runs]),
        [
          [2, 1],
          [4, 3],
        ],
      );
    });
  });

  it('begin anew when the version is loaded again', async () => {
    for (let load = 0; load < 2; load++) {
      await withModel('half_plus_two', async (model) => {
        await model.predict(request(3), copyOutputs);
        const { rows, runs, success, lastMillis } = statistics(model);
        assert.deepEqual([rows, runs, success.count], [3, 1, 1]);
        assert.ok(Math.abs(lastMillis - Date.now()) < 1000);
      });
    }
  });

  it('count a run whose first request was given up meanwhile', () =>
    withModel('half_plus_two', async (model) => {
      const cancellations = Array.from({ length: 60 }, () => new Cancellation());
      const answers = cancellations.map((cancellation) => model.predict(request(1, cancellation), copyOutputs));
      setImmediate(() => {
        for (const [index, cancellation] of cancellations.entries()) if (index % 2 === 0) cancellation.cancel();
      });
      const good = (await Promise.allSettled(answers)).filter(({ status }) => status === 'fulfilled').length;
      await model.predict(request(1), copyOutputs);
      const { rows, fail, batches } = statistics(model);
      assert.equal(rows, good + 1);
      assert.equal(fail.count, 60 - good);
      assert.ok(batches.reduce((sum, batch) => sum + batch.runs * batch.rows, 0) >= good + 1);
    }));
});
