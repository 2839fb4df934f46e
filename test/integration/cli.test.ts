/** The command as people type it: what it prints, what it refuses in which words, and with which exit code. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { differenceOf, halfPlusTwoCall } from '../support/bundled-calls.js';
import { type ChildOptions, type ChildResult, runNode } from '../support/child-program.js';
import { type DoorClient, DoorError, withDoorClients } from '../support/door-clients.js';
import { freePort } from '../support/free-port.js';
import { modelPath, withModelCopy, withTempDir } from '../support/models.js';
import { withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
/** For servers that never get as far as opening a port. */
const NO_DOORS = ['--port=1', '--rest_api_port=0', '--graphpipe_port=0'];

function run(args: readonly string[], options?: ChildOptions): Promise<ChildResult> {
  return runNode([MAIN, ...args], options);
}

/** The server must end with 255, and with one line on stdout that says why, in tensorflow_model_server's form. */
async function assertRefused(args: readonly string[], message: RegExp, options?: ChildOptions): Promise<void> {
  const { status, stdout, stderr } = await run(args, options);
  assert.equal(status, 255, stderr);
  assert.match(stdout, /^Failed to start server\. Error: [A-Z_]+: .*[.)R]\n$/);
  assert.match(stdout, message);
  assert.doesNotMatch(stderr, /\n {4}at /, 'no stack for people');
}

/** `inspect` must end with 1, print nothing on stdout, and one line on stderr that says why. */
async function assertInspectRefuses(args: readonly string[], message: RegExp): Promise<void> {
  const { status, stdout, stderr } = await run(['inspect', ...args]);
  assert.equal(status, 1, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, message);
  assert.match(stderr, /^tensorgate: [A-Z_]+: .*[.)R]\n$/);
}

async function listening(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('tensorgate', LIMIT, () => {
  it('prints all flags in groups with --help', async () => {
    const { status, stdout, stderr } = await run(['--help']);
    assert.equal((await run(['-h'])).stdout, stdout);
    assert.equal(status, 0);
    assert.equal(stderr, '');
    for (const text of [
      'Usage:',
      'inspect DIR',
      'Model:',
      'Doors:',
      'Execution:',
      'Operation:',
      '--model_base_path=DIR',
    ]) {
      assert.ok(stdout.includes(text), text);
    }
    assert.ok(stdout.split('\n').every((line) => line.length <= 100));
  });

  it('prints its own version and TensorFlow’s with --version', async () => {
    const { status, stdout } = await run(['--version']);
    assert.equal(status, 0);
    assert.match(stdout, /^TensorFlow ModelServer: \d+\.\d+\.\d+\nTensorFlow Library: 2\.\d+\.\d+\n$/);
  });

  it('reports a flag that nobody knows on stdout with the usage, suggests the nearest one, and starts all the same', async () => {
    await withServer(['--modle_name=m', 'serve'], async (server) => {
      assert.match(server.logs(), /^unknown argument: --modle_name=m \(Did you mean --model_name\?\)$/m);
      assert.match(server.logs(), /^unknown argument: serve \(/m);
      assert.match(server.logs(), /^Usage:$/m);
      assert.equal((await fetch(`http://127.0.0.1:${server.ports.rest}/v1/models/digits`)).status, 200);
    });
  });

  it('refuses to serve the bundled models in the place of those of a misspelt --model_base_path or --model_config_file', async () => {
    const cases = [
      ['--model-base-path=/models/m', 'model_base_path'],
      ['--model_config=/models.config', 'model_config_file'],
    ];
    for (const [flag, meant] of cases) {
      const { status, stdout } = await run([flag as string, ...NO_DOORS]);
      assert.equal(status, 255);
      assert.match(
        stdout,
        new RegExp(
          '^Failed to start server\\. Error: INVALID_ARGUMENT: Both --model_base_path and --model_config_file are empty; ' +
            `unknown argument: ${flag} \\(Did you mean --${meant}\\?\\)$`,
          'm',
        ),
      );
    }
  });

  it('prints the usage on stdout and ends with 255 over a value of the wrong kind', async () => {
    const cases: [string, RegExp][] = [
      ['--port=x', /--port cannot be "x".*0 to 65535.*--port=8500/],
      ['--port=65536', /--port cannot be "65536"/],
      ['--enable_batching=maybe', /--enable_batching cannot be "maybe"/],
      ['--per_process_gpu_memory_fraction=half', /--per_process_gpu_memory_fraction cannot be "half"/],
      ['--log_level=loud', /--log_level cannot be "loud"/],
      ['--port', /--port needs a value/],
    ];
    for (const [flag, message] of cases) {
      const { status, stdout, stderr } = await run([flag]);
      assert.equal(status, 255, flag);
      assert.match(stdout, /^Usage:$/m);
      assert.match(stderr, message);
    }
  });

  it('prints start errors on stdout as "Failed to start server. Error: <CODE>: <text>", ends with 255 and logs on stderr', async () => {
    const { status, stdout, stderr } = await run(['--port=0', '--skip_initialize_tpu']);
    assert.equal(status, 255);
    assert.match(
      stdout,
      /^Failed to start server\. Error: INVALID_ARGUMENT: At least one of --port and --grpc_socket_path .*\n$/,
    );
    assert.match(stderr, /^\S+ W --skip_initialize_tpu has no effect: This server knows no TPUs\.\n$/);
  });

  it('says once in the log that a flag which cannot have an effect here has none', async () => {
    await withServer(['--rest_api_num_threads=8', '--flush_filesystem_caches=false'], async (server) => {
      assert.equal(server.logs().match(/--rest_api_num_threads has no effect/g)?.length, 1);
      assert.equal(server.logs().match(/--flush_filesystem_caches has no effect/g)?.length, 1);
    });
  });

  it('rest_api_port equal to port: an error is logged, REST stays off, gRPC runs', async () => {
    const port = await freePort();
    await withServer([`--port=${port}`, `--rest_api_port=${port}`], async (server) => {
      assert.match(server.logs(), / E --rest_api_port cannot be the same as --port: REST stays off/);
      assert.match(server.logs(), / gRPC is open .*port=/);
      assert.doesNotMatch(server.logs(), / REST is open /);
    });
  });

  it('grpc_socket_path: also listens for gRPC on this Unix socket; an existing socket file is taken over; port=0 turns TCP off', async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, 'grpc.sock');
      const left = createServer().listen(path);
      await once(left, 'listening');
      await withServer(['--port=0', `--grpc_socket_path=${path}`], async (server) => {
        assert.match(server.logs(), / gRPC is open socket=\S+grpc\.sock$/m);
        const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure());
        const reply = await new Promise<Buffer>((resolve, reject) => {
          client.makeUnaryRequest(
            '/grpc.health.v1.Health/Check',
            (bytes: Buffer) => bytes,
            (bytes: Buffer) => bytes,
            Buffer.alloc(0),
            (error, bytes) => (error ? reject(error) : resolve(bytes as Buffer)),
          );
        });
        client.close();
        assert.equal(reply.toString('hex'), '0801');
      });
      left.close();
    });
  });

  it('grpc_socket_path: a file that is no socket is a start error, and is left alone', async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, 'notes.txt');
      await writeFile(path, 'mine');
      await assertRefused(
        ['--port=0', '--rest_api_port=0', '--graphpipe_port=0', `--grpc_socket_path=${path}`],
        /notes\.txt.*no socket/,
      );
      assert.equal(await readFile(path, 'utf8'), 'mine');
    });
  });

  it('grpc_channel_arguments: what is not key=value is a start error', () =>
    assertRefused(
      ['--grpc_channel_arguments=grpc.max_connection_age_ms', ...NO_DOORS],
      /grpc\.max_connection_age_ms.*key=value/,
    ));

  it('refuses a base path that does not exist', async () => {
    await assertRefused(['--model_base_path=/no/such/folder'], /--model_base_path \/no\/such\/folder does not exist/);
  });

  it('takes a base path written as file://, and says of one in a bucket that it must be copied', async () => {
    await withServer(
      [`--model_base_path=file://${modelPath('half_plus_two')}`, '--model_name=half'],
      async (server) => {
        assert.equal((await fetch(`http://127.0.0.1:${server.ports.rest}/v1/models/half`)).status, 200);
      },
    );
    await assertRefused(
      ['--model_base_path=gs://b/m'],
      /model default is gs:\/\/b\/m, .* local file system only\. Copy/,
    );
  });

  it('refuses a folder that holds no libtensorflow', async () => {
    await withTempDir(async (folder) => {
      const env = { LIBTENSORFLOW_DIR: folder };
      await assertRefused(NO_DOORS, /LIBTENSORFLOW_DIR.*libtensorflow_framework\.so\.2/, { env });
      await assertRefused(['--version'], /LIBTENSORFLOW_DIR/, { env });
      await assertRefused([`--libtensorflow_dir=${join(folder, 'x')}`, ...NO_DOORS], /is not a folder/);
    });
  });

  it('refuses a libtensorflow that is none', async () => {
    await withTempDir(async (folder) => {
      for (const name of ['libtensorflow_framework.so.2', 'libtensorflow_cc.so.2']) {
        await writeFile(join(folder, name), 'not a library');
      }
      await mkdir(join(folder, 'include/tensorflow/c'), { recursive: true });
      await writeFile(join(folder, 'include/tensorflow/c/c_api.h'), '');
      await assertRefused(NO_DOORS, /cannot be opened: .*libtensorflow_framework\.so\.2.*LIBTENSORFLOW_DIR/, {
        env: { LIBTENSORFLOW_DIR: folder },
      });
    });
  });

  it('ends with 255 if the only version of its model cannot be loaded, saying which and why', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      await rm(join(basePath, '1', 'variables'), { recursive: true });
      await assertRefused(
        ['--model_name=half', `--model_base_path=${basePath}`, ...NO_DOORS],
        /Model half, version 1: .*weights are missing/,
      );
    });
  });

  it('ends with 255 if no meta graph has the tags that are asked for', () =>
    assertRefused([`--model_base_path=${modelPath('digits')}`, '--saved_model_tags=gpu', ...NO_DOORS], /"gpu"/));

  it('ends with 255 if a port that was asked for is taken, naming the address', async () => {
    const other = await listening(0);
    const { port } = other.address() as AddressInfo;
    for (const flag of ['--port', '--rest_api_port', '--graphpipe_port']) {
      const flags = ['--host=127.0.0.1', `--model_base_path=${modelPath('half_plus_two')}`];
      const off = ['--port=0', '--rest_api_port=0', '--graphpipe_port=0'];
      await assertRefused([...flags, ...off, `${flag}=${port}`], new RegExp(`127\\.0\\.0\\.1:${port}`));
    }
    other.close();
  });

  it('ends with 255 if it is to listen on an address that is not of this machine', () =>
    assertRefused(['--host=192.0.2.1', `--port=${65_000}`, '--rest_api_port=0', '--graphpipe_port=0'], /192\.0\.2\.1/));

  it('only warns and leaves a door closed if a port that nobody asked for is taken', async (t) => {
    const other = await listening(9000).catch(() => undefined);
    if (other === undefined) return t.skip('port 9000 is not free on this machine');
    // with-server names all ports; here GraphPipe's must not be named.
    const [grpc, rest] = [await freePort(), await freePort()];
    let asked = false;
    const result = await run(['--host=127.0.0.1', `--port=${grpc}`, `--rest_api_port=${rest}`], {
      onOutput: (pid) => {
        if (asked) return;
        asked = true;
        void fetch(`http://127.0.0.1:${rest}/v1/models/digits`)
          .then(async (response) => assert.equal(response.status, 200))
          .finally(() => process.kill(pid, 'SIGTERM'));
      },
    });
    other.close();
    assert.equal(result.status, 0, result.stderr);
    assert.match(result.stderr, / W .*GraphPipe stays closed: .*127\.0\.0\.1:9000/);
    assert.match(result.stderr, /REST is open/);
    assert.doesNotMatch(result.stdout, /:0\//);
  });

  it('prints three lines to try when it serves the bundled models, and they work', async () => {
    await withServer([], async (server) => {
      const lines = () =>
        server
          .logs()
          .split('\n')
          .filter((line) => /^ {2}(curl|grpcurl) /.test(line));
      // They come on stdout, after the line on stderr that says that the server is ready.
      for (let tries = 0; lines().length < 3; tries++) {
        assert.ok(tries < 200, server.logs());
        await sleep(10);
      }
      const [rest, grpc, graphpipe] = lines() as [string, string, string];
      const [, file, restUrl] = /-d @(\S+) (\S+)$/.exec(rest) as unknown as [string, string, string];
      const scores = await fetch(restUrl, { method: 'POST', body: await readFile(file) });
      assert.match(await scores.text(), /"scores"/);
      assert.match(grpc, new RegExp(` localhost:${server.ports.grpc} tensorflow.serving.ModelService/GetModelStatus$`));
      const metadata = await fetch(graphpipe.replace(/^ *curl /, ''));
      assert.match(await metadata.text(), /digits/);
    });
  });
});

describe('tensorgate inspect', LIMIT, () => {
  it('prints signatures with dtypes and shapes, without TensorFlow', async () => {
    const options = { env: { LIBTENSORFLOW_DIR: '/nowhere' } };
    const { status, stdout, stderr } = await run(['inspect', join(modelPath('multi_io'), '1')], options);
    assert.equal(status, 0, stderr);
    for (const name of ['defaults', 'fixed', 'scalar', 'serving_default'])
      assert.ok(stdout.includes(`Signature ${name} `));
    assert.match(stdout, /^ +b +DT_INT32 +\[-1\] +serving_default_b:0$/m);
    assert.match(stdout, /^ +m +DT_FLOAT +\[2,3\] +fixed_m:0$/m);
  });

  it('prints the signatures of a model.tflite, those of its metadata or of its own table', async () => {
    const mixed = await run(['inspect', modelPath('lite_mixed')], { env: { LIBTENSORFLOW_DIR: '/nowhere' } });
    assert.equal(mixed.status, 0, mixed.stderr);
    assert.match(mixed.stdout, /^TensorFlow Lite model \(model\.tflite\)$/m);
    assert.match(mixed.stdout, /^ +a +DT_FLOAT +\[-1,3\]/m);
    assert.match(mixed.stdout, /^ +words +DT_STRING +\[-1\]/m);
    const plain = await run(['inspect', join(modelPath('lite_half_plus_two'), '1')]);
    assert.match(plain.stdout, /Signature serving_default \(tensorflow\/serving\/predict\)/);
    assert.match(plain.stdout, /^ +x +DT_FLOAT +\[1\] +serving_default_x:0$/m);
    const two = await run(['inspect', modelPath('lite_signatures')]);
    assert.match(two.stdout, /^ +Signature 'shifted' of model\.tflite is not served: it is subgraph 1, .*\.$/m);
    await withTempDir(async (folder) => {
      await cp(join(modelPath('half_plus_two'), '1'), folder, { recursive: true });
      await cp(join(modelPath('lite_columns'), '1'), folder, { recursive: true });
      const { stdout } = await run(['inspect', folder]);
      assert.match(stdout, /^Meta graph with tags: serve .*^TensorFlow Lite model/ms);
      await writeFile(join(folder, 'model.tflite'), 'garbage!');
      await assertInspectRefuses([folder], /model\.tflite is damaged/);
    });
  });

  it('refuses no folder, two folders, a folder without a SavedModel and a broken SavedModel', async () => {
    const { status, stdout } = await run(['inspect', '--help']);
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: tensorgate inspect DIR\n/);
    await assertInspectRefuses([], /Usage: tensorgate inspect DIR/);
    await assertInspectRefuses(['a', 'b'], /Usage: tensorgate inspect DIR/);
    await assertInspectRefuses(['/no/such/folder'], /\/no\/such\/folder/);
    await withTempDir(async (folder) => {
      await assertInspectRefuses([folder], /no saved_model\.pb/);
      await writeFile(join(folder, 'saved_model.pb'), 'garbage!');
      await assertInspectRefuses([folder], /saved_model\.pb|SavedModel/);
    });
  });
});

describe('a base path with versions', LIMIT, () => {
  const HALF = '--model_name=half';

  async function assertAnswers(client: DoorClient, version?: bigint): Promise<void> {
    const { call, expected } = halfPlusTwoCall([4]);
    const answers = await client.predict({ ...call, model: 'half', ...(version === undefined ? {} : { version }) });
    assert.equal(differenceOf(answers, expected), undefined);
  }

  it('is served by its highest one, which can be asked for by number; the others cannot', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      for (const version of ['9', '0010', 'not-a-version']) {
        await cp(join(basePath, '1'), join(basePath, version), { recursive: true });
      }
      await withServer([HALF, `--model_base_path=${basePath}`], (server) =>
        withDoorClients(server, async (clients) => {
          for (const client of Object.values(clients)) {
            await assertAnswers(client);
            await assertAnswers(client, 10n);
            await assert.rejects(assertAnswers(client, 9n), (error: unknown) => {
              assert.ok(error instanceof DoorError);
              assert.match(error.message, /Specific\(half, 9\)/);
              return true;
            });
          }
          const status = await fetch(`http://127.0.0.1:${server.ports.rest}/v1/models/half`);
          assert.match(await status.text(), /"version": "10"[^}]*"state": "AVAILABLE"/);
        }),
      );
    });
  });

  it('gets a new version while it is served, and no request fails over it', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      await withServer([HALF, `--model_base_path=${basePath}`, '--file_system_poll_wait_seconds=1'], (server) =>
        withDoorClients(server, async (clients) => {
          await cp(join(basePath, '1'), join(basePath, 'copying'), { recursive: true });
          await rename(join(basePath, 'copying'), join(basePath, '2'));
          const giveUp = Date.now() + 10_000;
          while (!/half version: 1\} is unloaded/.test(server.logs())) {
            assert.ok(Date.now() < giveUp, server.logs());
            await Promise.all(Object.values(clients).map((client) => assertAnswers(client)));
            await sleep(5);
          }
          for (const client of Object.values(clients)) await assertAnswers(client, 2n);
        }),
      );
    });
  });

  it('starts although it has none yet, and serves the first one that comes', async () => {
    await withTempDir(async (basePath) => {
      await withServer([HALF, `--model_base_path=${basePath}`, '--file_system_poll_wait_seconds=1'], (server) =>
        withDoorClients(server, async ({ rest }) => {
          await assert.rejects(assertAnswers(rest), { status: 404 });
          await symlink(join(modelPath('half_plus_two'), '1'), join(basePath, '1'));
          const giveUp = Date.now() + 10_000;
          while (!/is available/.test(server.logs())) {
            assert.ok(Date.now() < giveUp, server.logs());
            await sleep(20);
          }
          await assertAnswers(rest);
        }),
      );
    });
  });
});
