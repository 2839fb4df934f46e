/** --session_target: graphs run by TensorFlow's own servers, two of them in a cluster, started from Python. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../support/free-port.js';
import { modelPath, withTempDir } from '../support/models.js';
import { PROJECT_ROOT } from '../support/project-root.js';
import { findPython, runPython } from '../support/python.js';
import { withServer } from '../support/with-server.js';

const SCRIPT = join(PROJECT_ROOT, 'test/conformance/tensorflow_server.py');
const SAVE_SCALING = join(PROJECT_ROOT, 'test/conformance/save_scaling_models.py');

async function startServer(index: number, ports: readonly number[]): Promise<ChildProcess> {
  const python = await findPython('tensorflow');
  const child = spawn(python, [SCRIPT, String(index), ports.join(',')], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await Promise.race([
    once(child.stdout as NodeJS.ReadableStream, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('The TensorFlow server ended before it was up.'))),
  ]);
  return child;
}

async function predict(port: number, version: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/v1/models/m/versions/${version}:predict`;
  const reply = await fetch(url, { method: 'POST', body: '{"instances":[4]}' });
  return (await reply.text()).replaceAll(/\s/g, '');
}

/** Flags that serve all versions of the model that `make` puts into a folder. */
async function withFlags(
  target: string,
  make: (basePath: string) => Promise<unknown>,
  use: (flags: string[], folder: string) => Promise<void>,
): Promise<void> {
  await withTempDir(async (folder) => {
    const path = join(folder, 'm');
    await make(path);
    const config = join(folder, 'models.config');
    await writeFile(
      config,
      `model_config_list { config { name: "m" base_path: "${path}" model_platform: "tensorflow" model_version_policy { all {} } } }`,
    );
    await use([`--model_config_file=${config}`, `--session_target=${target}`, '--max_num_load_retries=0'], folder);
  });
}

const copyHalf = (basePath: string) => cp(modelPath('half_plus_two'), basePath, { recursive: true });
const saveScaling = (basePath: string) => runPython('tensorflow', SAVE_SCALING, [basePath, '2', '3']);

describe('A session on a TensorFlow server of a cluster', { timeout: 300_000 }, () => {
  const servers: ChildProcess[] = [];
  let target = '';

  before(async () => {
    const ports = await freePorts(2);
    servers.push(...(await Promise.all([0, 1].map((index) => startServer(index, ports)))));
    target = `grpc://127.0.0.1:${ports[0]}`;
  });

  after(async () => {
    await Promise.all(
      servers.map((server) => {
        const ended = once(server, 'exit');
        server.kill();
        return ended;
      }),
    );
  });

  it('answers, each of two versions with its own variables though their names are the same', () =>
    withFlags(target, saveScaling, (flags) =>
      withServer(flags, async ({ ports }) => {
        for (const version of [1, 2, 1])
          assert.equal(await predict(ports.rest, version), `{"predictions":[${version === 1 ? '8.0' : '12.0'}]}`);
      }),
    ));
});

describe('A session on one TensorFlow server', { timeout: 300_000 }, () => {
  const ask = async (port: number) => {
    const url = `http://127.0.0.1:${port}/v1/models/m:predict`;
    const reply = await fetch(url, { method: 'POST', body: '{"instances":[4]}' });
    return { status: reply.status, text: await reply.text() };
  };
  const ended = async (server: ChildProcess) => {
    const end = once(server, 'exit');
    server.kill('SIGKILL');
    await end;
  };

  it('that hangs or is gone keeps no deadline from being held; once it is started anew the model is loaded there again', async () => {
    const ports = await freePorts(1);
    const target = `grpc://127.0.0.1:${ports[0]}`;
    let remote = await startServer(0, ports);
    try {
      await withFlags(target, copyHalf, (flags, folder) =>
        withServer([...flags, '--rest_api_timeout_in_ms=1000'], async (server) => {
          const { rest } = server.ports;
          assert.equal((await ask(rest)).status, 200);
          remote.kill('SIGSTOP');
          assert.equal((await ask(rest)).status, 504);
          remote.kill('SIGCONT');
          assert.equal((await ask(rest)).status, 200);
          await ended(remote);
          assert.equal((await ask(rest)).status, 504);
          for (let restart = 0; restart < 2; restart++) {
            remote = await startServer(0, ports);
            const answers = [await ask(rest)];
            while (answers.at(-1)?.status !== 200 && answers.length < 100) {
              await sleep(100);
              answers.push(await ask(rest));
            }
            assert.equal(answers.at(-1)?.status, 200, server.logs());
            const refused = answers.filter(({ status }) => status === 503);
            assert.ok(refused.length > 0, JSON.stringify(answers));
            for (const { text } of refused) assert.match(text, new RegExp(`${target} .*was started anew.*Try again`));
            await ended(remote);
          }
          // Of other files it would be another model.
          await utimes(join(folder, 'm', '1', 'variables', 'variables.index'), 1, 1);
          remote = await startServer(0, ports);
          const answers = [await ask(rest)];
          while (!/have changed/.test(answers.at(-1)?.text ?? '') && answers.length < 100) {
            await sleep(100);
            answers.push(await ask(rest));
          }
          assert.match(
            answers.at(-1)?.text ?? '',
            /The files in .*m\/1 have changed since the load of this version began/,
          );
          assert.ok(!answers.some(({ status }) => status === 200), JSON.stringify(answers));
        }),
      );
    } finally {
      remote.kill('SIGKILL');
    }
  });
});

describe('A session on a TensorFlow server', { timeout: 120_000 }, () => {
  it('that cannot be reached is a load error that names it, after the time of operation_timeout_in_ms', async () => {
    const [port] = await freePorts(1);
    await withFlags(`grpc://127.0.0.1:${port}`, copyHalf, async (flags, folder) => {
      const file = join(folder, 'session.config');
      await writeFile(file, 'operation_timeout_in_ms: 1000');
      await assert.rejects(
        withServer([...flags, `--tensorflow_session_config_file=${file}`], async () => {}),
        new RegExp(
          `Failed to start server.*The TensorFlow server grpc://127\\.0\\.0\\.1:${port} .*has not loaded the model`,
        ),
      );
    });
  });

  it('is not given together with --devices, and is written grpc://HOST:PORT', async () => {
    await withFlags('grpc://127.0.0.1:1', copyHalf, async (flags) => {
      await assert.rejects(
        withServer([...flags, '--devices=CPU:0'], async () => {}),
        /INVALID_ARGUMENT: With a session_target/,
      );
    });
    await withFlags('127.0.0.1:1', copyHalf, async (flags) => {
      await assert.rejects(
        withServer(flags, async () => {}),
        /INVALID_ARGUMENT: The session_target is not an address/,
      );
    });
  });
});
