/** What goes wrong around a running server: a sentence that names the file, and what was served stays. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { runNode } from '../support/child-program.js';
import { withDoorClients } from '../support/door-clients.js';
import { freePorts } from '../support/free-port.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const { call, expected } = halfPlusTwoCall([4]);

async function untilLogged(server: TestServer, text: RegExp): Promise<void> {
  const giveUp = Date.now() + 20_000;
  while (!text.test(server.logs())) {
    assert.ok(Date.now() < giveUp, server.logs());
    await sleep(20);
  }
}

const assertServed = (server: TestServer) =>
  withDoorClients(server, async ({ grpc, rest }) => {
    assert.deepEqual(await grpc.predict(call), expected);
    assert.deepEqual((await rest.predict({ ...call, outputs: ['y'] })).y, expected.y);
  });

describe('A fault while the server runs', LIMIT, () => {
  it('a bad version that appears is named with its reason, and the old one goes on', () =>
    withTempDir(async (folder) => {
      const basePath = join(folder, 'half_plus_two');
      await cp(modelPath('half_plus_two'), basePath, { recursive: true });
      const flags = ['--model_name=half_plus_two', `--model_base_path=${basePath}`, '--max_num_load_retries=0'];
      await withServer(flags, async (server) => {
        await mkdir(join(basePath, '2'));
        await writeFile(join(basePath, '2', 'saved_model.pb'), 'no protobuf');
        await untilLogged(server, /E Loading servable \{name: half_plus_two version: 2\} failed/);
        assert.ok(server.logs().includes(join(basePath, '2')), server.logs());
        await assertServed(server);
      });
    }));

  it('a configuration file that vanishes is named, and the old configuration stays in force', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      const base = modelPath('half_plus_two');
      const config = `name: "half_plus_two" base_path: "${base}" model_platform: "tensorflow"`;
      await writeFile(path, `model_config_list { config { ${config} } }`);
      await withServer([`--model_config_file=${path}`, '--model_config_file_poll_wait_seconds=1'], async (server) => {
        await rm(path);
        await untilLogged(server, /models\.config.*ENOENT|models\.config is not in force/);
        await assertServed(server);
      });
    }));

  it('a request log that cannot be written is named with the remedy, and requests are answered all the same', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      const prefix = join(folder, 'gone', 'log');
      const base = modelPath('half_plus_two');
      const logging =
        `logging_config { log_collector_config { type: "tfrecord" filename_prefix: "${prefix}" } ` +
        'sampling_config { sampling_rate: 1 } }';
      const config = `name: "half_plus_two" base_path: "${base}" model_platform: "tensorflow" ${logging}`;
      await writeFile(path, `model_config_list { config { ${config} } }`);
      await mkdir(join(folder, 'gone'));
      await withServer([`--model_config_file=${path}`], async (server) => {
        await rm(join(folder, 'gone'), { recursive: true });
        await assertServed(server);
        await untilLogged(
          server,
          /request log of model half_plus_two at .*gone\/log cannot be written.*Make the folder/,
        );
        await assertServed(server);
      });
    }));
});

/** The lost lines that the server's metrics tell of; undefined while it does not answer. */
async function lostLogLines(rest: number): Promise<number | undefined> {
  const text = await fetch(`http://127.0.0.1:${rest}/metrics`).then(
    (answer) => answer.text(),
    () => '',
  );
  const value = /^tensorgate_lost_log_lines_total\{\} (\d+)$/m.exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

describe('A log that cannot be written', LIMIT, () => {
  it('on a full device neither keeps the server from serving nor from ending well, and is counted', async () => {
    const [rest] = (await freePorts(1)) as [number];
    const full = openSync('/dev/full', 'w');
    const flags = ['--host=127.0.0.1', '--port=0', `--rest_api_port=${rest}`, '--graphpipe_port=0'];
    const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ['ignore', full, full] });
    try {
      const giveUp = Date.now() + 60_000;
      while ((await lostLogLines(rest)) === undefined) {
        assert.equal(child.exitCode, null, 'the server ended at start');
        assert.ok(Date.now() < giveUp, 'the server does not answer');
        await sleep(50);
      }
      assert.ok(((await lostLogLines(rest)) ?? 0) > 0);
      child.kill('SIGTERM');
      const [status] = await once(child, 'exit');
      assert.equal(status, 0);
    } finally {
      child.kill('SIGKILL');
      closeSync(full);
    }
  });

  it('whose reader has gone keeps the server neither from serving nor from draining', () =>
    withTempDir(async (folder) => {
      const basePath = join(folder, 'half_plus_two');
      await cp(modelPath('half_plus_two'), basePath, { recursive: true });
      const flags = ['--model_name=half_plus_two', `--model_base_path=${basePath}`, '--max_num_load_retries=0'];
      await withServer(flags, async (server) => {
        server.child.stdout?.destroy();
        server.child.stderr?.destroy();
        await mkdir(join(basePath, '2')); // a load that fails is told in the log
        await writeFile(join(basePath, '2', 'saved_model.pb'), 'no protobuf');
        const giveUp = Date.now() + 20_000;
        while (((await lostLogLines(server.ports.rest)) ?? 0) === 0) {
          assert.ok(Date.now() < giveUp, 'no line was lost');
          await sleep(50);
        }
        await assertServed(server);
        assert.equal(await server.stop(), 0);
      });
    }));
});

describe('A fault at the start', LIMIT, () => {
  it('a logging_config that cannot be followed is a start error that names model, field and remedy', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      const prefix = join(folder, 'missing', 'log');
      const logging = `log_collector_config { filename_prefix: "${prefix}" } sampling_config { sampling_rate: 1 }`;
      const model = `name: "m" base_path: "/m" model_platform: "tensorflow" logging_config { ${logging} }`;
      await writeFile(path, `model_config_list { config { ${model} } }`);
      const ports = ['--port=0', '--rest_api_port=0', '--graphpipe_port=0', `--grpc_socket_path=${join(folder, 's')}`];
      const { status, stdout } = await runNode([MAIN, ...ports, `--model_config_file=${path}`]);
      assert.equal(status, 255);
      assert.match(
        stdout,
        /^Failed to start server\. Error: INVALID_ARGUMENT: filename_prefix in the logging_config of model m is /m,
      );
      assert.match(stdout, /Make the folder/);
    }));

  it('grpc_socket_path: a folder is a start error that names it, and is left alone', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'socket');
      await mkdir(path);
      const ports = ['--port=0', '--rest_api_port=0', '--graphpipe_port=0'];
      const { status, stdout } = await runNode([MAIN, ...ports, `--grpc_socket_path=${path}`]);
      assert.equal(status, 255);
      assert.match(stdout, /^Failed to start server\. Error: [A-Z_]+: /m);
      assert.ok(stdout.includes(path), stdout);
      await rm(path, { recursive: true });
    }));
});
