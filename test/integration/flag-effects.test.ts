/** What flags do to a whole server with real models: rows of flags.md whose effect no unit can show. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Code } from '../../src/errors.js';
import { FLAGS, type Flag } from '../../src/flags/flags.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { runNode } from '../support/child-program.js';
import { createGrpcClient, type DoorError, type PredictCall, withDoorClients } from '../support/door-clients.js';
import { withInProcessServer } from '../support/in-process-server.js';
import { configText } from '../support/model-config.js';
import { modelPath, withModelCopy, withTempDir } from '../support/models.js';
import { PROJECT_ROOT } from '../support/project-root.js';
import { node, type TextModel, writeTextModel } from '../support/text-models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const modelFlags = (name: string, basePath = modelPath(name)) => [
  `--model_name=${name}`,
  `--model_base_path=${basePath}`,
];
const HALF_FLAGS = modelFlags('half_plus_two');
const { call: HALF } = halfPlusTwoCall([4]);
const slow = (millis: number): PredictCall => ({
  model: 'slow',
  inputs: { millis: { dtype: 'float', shape: [1], values: [millis] } },
});

async function statusOf(server: TestServer, path: string): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${server.ports.rest}${path}`);
  await reply.text();
  return reply.status;
}

describe('saved_model_tags', LIMIT, () => {
  /** y = factor · x. */
  const times = (factor: number, ...tags: string[]): TextModel => ({
    tags,
    inputs: [{ name: 'x', dtype: 'DT_FLOAT' }],
    outputs: [{ name: 'y', dtype: 'DT_FLOAT' }],
    nodes: `node { name: "factor" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
      attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: ${factor} } } } }
      ${node('y', 'Mul', 'DT_FLOAT', ['x', 'factor'])}`,
  });

  it('picks the meta graph of exactly these tags, comma-separated, in any order; by default that of `serve`', () =>
    withTempDir(async (folder) => {
      await writeTextModel(folder, times(2, 'serve', 'gpu'), times(3, 'serve'), times(5, 'train'));
      const call: PredictCall = { model: 'm', inputs: { x: { dtype: 'float', shape: [1], values: [10] } } };
      for (const [flags, y] of [
        [[], 30],
        [['--saved_model_tags=gpu,serve'], 20],
        [['--saved_model_tags=train'], 50],
      ] as const) {
        await withServer([...modelFlags('m', folder), ...flags], (server) =>
          withDoorClients(server, async ({ grpc }) => assert.deepEqual((await grpc.predict(call)).y?.values, [y])),
        );
      }
      const { status, stdout } = await runNode([
        MAIN,
        ...modelFlags('m', folder),
        '--saved_model_tags=gpu',
        '--port=1',
      ]);
      assert.equal(status, 255);
      assert.match(stdout, /^Failed to start server\. Error: NOT_FOUND: .*gpu/);
    }));
});

describe('tensorflow_…_parallelism', LIMIT, () => {
  /** Threads of TensorFlow's inter-op pool, and all that have no name of their own; the intra-op pool is among these. */
  async function threads(...flags: string[]): Promise<{ interOp: number; unnamed: number }> {
    return withServer([...HALF_FLAGS, '--graphpipe_port=0', '--num_workers=1', ...flags], (server) =>
      withServerAsked(server, async () => {
        const folder = `/proc/${server.pid}/task`;
        const names = await Promise.all(
          (await readdir(folder)).map((id) => readFile(join(folder, id, 'comm'), 'utf8').catch(() => '')),
        );
        const count = (name: RegExp) => names.filter((text) => name.test(text)).length;
        return { interOp: count(/^tf_Compute/), unnamed: count(/^node/) };
      }),
    );
  }

  async function withServerAsked<T>(server: TestServer, fn: () => Promise<T>): Promise<T> {
    const grpc = createGrpcClient(server.ports.grpc);
    await grpc.predict(HALF).finally(() => grpc.close());
    return fn();
  }

  it('sets the threads of the intra-op and the inter-op pool; one for either of them wins over the one for both', async () => {
    const automatic = await threads();
    const both = await threads('--tensorflow_session_parallelism=9');
    assert.deepEqual([both.interOp, both.unnamed - automatic.unnamed], [9, 8]);
    const intra = await threads('--tensorflow_intra_op_parallelism=4', '--tensorflow_session_parallelism=9');
    assert.deepEqual([intra.interOp, intra.unnamed - automatic.unnamed], [automatic.interOp, 3]);
    const inter = await threads('--tensorflow_inter_op_parallelism=5');
    assert.deepEqual([inter.interOp, inter.unnamed - automatic.unnamed], [5, 0]);
  });

  it('wins over tensorflow_session_config_file, which rules over what they leave open', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'session.config');
      await writeFile(path, 'intra_op_parallelism_threads: 6 inter_op_parallelism_threads: 7');
      const automatic = await threads();
      const file = `--tensorflow_session_config_file=${path}`;
      const fromFile = await threads(file);
      assert.deepEqual([fromFile.interOp, fromFile.unnamed - automatic.unnamed], [7, 5]);
      const flagged = await threads(file, '--tensorflow_inter_op_parallelism=3');
      assert.deepEqual([flagged.interOp, flagged.unnamed - automatic.unnamed], [3, 5]);
    }));
});

describe('file_system_poll_wait_seconds', LIMIT, () => {
  /** Long enough for the default, one second, to have looked again. */
  const SEVERAL_LOOKS_MILLIS = 2500;

  it('of 0 looks into the base folder once: a version that comes later is not seen', () =>
    withModelCopy('half_plus_two', (basePath) =>
      withServer([...modelFlags('half', basePath), '--file_system_poll_wait_seconds=0'], async (server) => {
        assert.equal(await statusOf(server, '/v1/models/half/versions/1'), 200);
        await cp(join(basePath, '1'), join(basePath, '2'), { recursive: true });
        await sleep(SEVERAL_LOOKS_MILLIS);
        assert.equal(await statusOf(server, '/v1/models/half/versions/2'), 404);
      }),
    ));

  it('that is negative never looks: no version is ever found', () =>
    withServer([...HALF_FLAGS, '--file_system_poll_wait_seconds=-1'], async (server) => {
      await sleep(SEVERAL_LOOKS_MILLIS);
      assert.equal(await statusOf(server, '/v1/models/half_plus_two'), 404);
    }));
});

describe('model_config_file_poll_wait_seconds', LIMIT, () => {
  it('of 0, the default, or less reads the file once', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      const half = { name: 'half', basePath: modelPath('half_plus_two') };
      for (const wait of [[], ['--model_config_file_poll_wait_seconds=-1']]) {
        await writeFile(path, configText(half));
        await withServer([`--model_config_file=${path}`, ...wait], async (server) => {
          await writeFile(path, configText(half, { name: 'strings', basePath: modelPath('strings') }));
          await sleep(1500);
          assert.equal(await statusOf(server, '/v1/models/strings'), 404);
        });
      }
    }));
});

describe('rest_api_timeout_in_ms', LIMIT, () => {
  it('is the time limit of a run started over REST: 504', () =>
    withServer([...modelFlags('slow'), '--rest_api_timeout_in_ms=200'], (server) =>
      withDoorClients(server, async ({ rest, grpc }) => {
        await assert.rejects(rest.predict(slow(3000)), { status: 504, message: /deadline|time/i });
        await grpc.predict(slow(400));
      }),
    ));

  it('of 0 or less is none', async () => {
    for (const none of [0, -1])
      await withServer([...modelFlags('slow'), `--rest_api_timeout_in_ms=${none}`], (server) =>
        withDoorClients(server, async ({ rest }) => void (await rest.predict(slow(300)))),
      );
  });
});

describe('grpc_max_threads', LIMIT, () => {
  const askTogether = (server: TestServer, count: number) => {
    const grpc = createGrpcClient(server.ports.grpc);
    const calls = Array.from({ length: count }, () => grpc.predict(slow(200)).then(() => Code.OK, codeOf));
    return Promise.all(calls).finally(() => grpc.close());
  };
  const codeOf = (error: DoorError) => error.status;

  it('where it is given refuses gRPC requests beyond that many with RESOURCE_EXHAUSTED', () =>
    withServer([...modelFlags('slow'), '--grpc_max_threads=3'], async (server) => {
      const codes = await askTogether(server, 8);
      assert.deepEqual(
        [Code.OK, Code.RESOURCE_EXHAUSTED].map((code) => codes.filter((found) => found === code).length),
        [3, 5],
      );
      assert.deepEqual(await askTogether(server, 1), [Code.OK]);
    }));

  it('where it is not given refuses none, unlike TensorFlow Serving, whose default refuses 8 at once on 2 CPUs', () =>
    withServer(modelFlags('slow'), async (server) => {
      assert.deepEqual(new Set(await askTogether(server, 64)), new Set([Code.OK]));
    }));
});

describe('grpc_channel_arguments', LIMIT, () => {
  it('grpc.max_connection_idle_ms has idle connections sent away; unknown keys do no harm', () =>
    withServer(
      [
        ...HALF_FLAGS,
        '--grpc_channel_arguments=grpc.max_connection_idle_ms=200,grpc.http2.max_frame_size=20000,what=ever',
      ],
      async (server) => {
        const session = http2.connect(`http://127.0.0.1:${server.ports.grpc}`);
        const [code] = await once(session, 'goaway', { signal: AbortSignal.timeout(10_000) });
        assert.equal(code, http2.constants.NGHTTP2_NO_ERROR);
        session.destroy();
        const grpc = createGrpcClient(server.ports.grpc);
        assert.deepEqual((await grpc.predict(HALF)).y?.values, [4]);
        grpc.close();
      },
    ));
});

describe('enable_batching', LIMIT, () => {
  /** Runs, and requests that were taken into them, for many that wait behind a slow one. */
  async function runsOf(...flags: string[]): Promise<{ runs: number; requests: number }> {
    return withServer(
      [...modelFlags('slow'), '--num_workers=1', '--enable_model_warmup=false', ...flags],
      async (server) => {
        const grpc = createGrpcClient(server.ports.grpc);
        const first = grpc.predict(slow(300));
        await sleep(100);
        await Promise.all([first, ...Array.from({ length: 20 }, () => grpc.predict(slow(1)))]).finally(() =>
          grpc.close(),
        );
        const text = await (await fetch(`http://127.0.0.1:${server.ports.rest}/metrics`)).text();
        const value = (name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\d+)$`, 'm').exec(text)?.[1]);
        return {
          runs: value(':tensorflow:serving:batching_session:wrapped_run_count'),
          requests: value('tensorgate_queue_taken_requests_total'),
        };
      },
    );
  }

  it('merges requests that wait into one run; off, each has a run of its own', async () => {
    const on = await runsOf('--enable_batching');
    assert.ok(on.requests === 21 && on.runs < 10, JSON.stringify(on));
    const off = await runsOf('--enable_batching=false');
    assert.equal(off.requests, 21);
    assert.equal(off.runs, 21);
  });
});

describe('rest_api_enable_cors_support', LIMIT, () => {
  it('adds three headers to every REST answer, errors too', () =>
    withServer([...HALF_FLAGS, '--rest_api_enable_cors_support'], async (server) => {
      for (const path of ['/v1/models/half_plus_two', '/v1/models/none', '/v1/nothing']) {
        const { headers } = await fetch(`http://127.0.0.1:${server.ports.rest}${path}`);
        assert.deepEqual(
          ['origin', 'methods', 'headers'].map((name) => headers.get(`access-control-allow-${name}`)),
          ['*', 'POST, GET', 'Content-Type, x-priority, x-request-timeout-ms'],
        );
      }
    }));
});

describe('grpc_socket_path', LIMIT, () => {
  it('may be relative to the working directory', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'socket');
      await withServer([...HALF_FLAGS, '--port=0', `--grpc_socket_path=${relative(PROJECT_ROOT, path)}`], async () => {
        const session = http2.connect('http://h', { createConnection: () => connect(path) });
        await once(session, 'remoteSettings');
        session.destroy();
      });
    }));
});

describe('rest_api_port', LIMIT, () => {
  it('is open on all interfaces, by IPv4 and IPv6', () =>
    withInProcessServer(
      ['half_plus_two'],
      async ({ rest }) => {
        for (const host of ['127.0.0.1', '[::1]'])
          assert.equal((await fetch(`http://${host}:${rest}/v1/models/half_plus_two`)).status, 200, host);
      },
      ['--log_level=error'],
    ));
});

describe('The start', LIMIT, () => {
  it('waits for all models of the first configuration before it opens any port', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      const names = ['digits', 'strings', 'multi_io'];
      await writeFile(path, configText(...names.map((name) => ({ name, basePath: modelPath(name) }))));
      await withServer([`--model_config_file=${path}`], async (server) => {
        const opened = server.logs().search(/(gRPC|REST|GraphPipe) is open /);
        assert.ok(opened > 0, server.logs());
        for (const name of names) {
          const available = server.logs().indexOf(`Servable {name: ${name} version: 1} is available`);
          assert.ok(available >= 0 && available < opened, server.logs());
        }
      });
    }));

  it('says once in the log of each flag that is given and cannot have an effect here that it has none, and why', async () => {
    const rows: readonly Flag[] = FLAGS;
    const idle = rows.filter(({ noEffect }) => noEffect !== undefined);
    assert.ok(idle.length > 5);
    const { stderr } = await runNode([
      MAIN,
      '--port=0',
      ...idle.map(({ name, default: value }) => `--${name}=${value}`),
    ]);
    for (const { name, noEffect = '' } of idle)
      assert.equal(stderr.split(`--${name} has no effect: ${noEffect}`).length, 2, `${name}\n${stderr}`);
  });
});
