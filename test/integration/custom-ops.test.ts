/** --custom_op_paths: libraries of operations, with one that the test builds. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findLibtensorflow } from '../../src/libtensorflow.js';
import { runNode } from '../support/child-program.js';
import { withDoorClients } from '../support/door-clients.js';
import { withTempDir } from '../support/models.js';
import { PROJECT_ROOT } from '../support/project-root.js';
import { runProcess } from '../support/run-process.js';
import { node, writeTextModel } from '../support/text-models.js';
import { withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const SOURCE = join(PROJECT_ROOT, 'test/native/zero_out_op.cc');
const COMPILER = process.env.CXX || 'c++';
/** Why it cannot be shown here, if so. */
const skip =
  process.platform !== 'linux'
    ? 'the test builds its library of operations for Linux only'
    : spawnSync(COMPILER, ['--version']).status === 0
      ? false
      : `there is no compiler ${COMPILER} to build a library of operations with`;

/** Builds a shared library as tf.sysconfig says; resolves with its path. */
async function buildLibrary(folder: string, source: string): Promise<string> {
  const tensorflow = await findLibtensorflow('');
  const library = join(folder, 'ops.so');
  const link = ['-L', tensorflow, '-l:libtensorflow_framework.so.2'];
  await runProcess(COMPILER, ['-shared', '-fPIC', `-I${tensorflow}/include`, source, '-o', library, ...link]);
  return library;
}

function writeZeroOut(basePath: string): Promise<string> {
  return writeTextModel(basePath, {
    inputs: [{ name: 'x', dtype: 'DT_INT32' }],
    outputs: [{ name: 'y', dtype: 'DT_INT32' }],
    nodes: node('y', 'ZeroOut', '', ['x']),
  });
}

async function assertStartFails(paths: string, message: RegExp): Promise<void> {
  const { status, stdout } = await runNode([MAIN, '--port=1', '--rest_api_port=0', `--custom_op_paths=${paths}`]);
  assert.equal(status, 255);
  assert.match(stdout, message);
}

describe('--custom_op_paths', LIMIT, () => {
  it('lets a model run operations of a library, which is loaded before any model', { skip }, async () => {
    await withTempDir(async (folder) => {
      const basePath = join(folder, 'model');
      await writeZeroOut(basePath);
      const library = await buildLibrary(folder, SOURCE);
      const flags = [`--custom_op_paths=${library},${library}`, `--model_base_path=${basePath}`, '--model_name=zero'];
      await withServer(flags, (server) =>
        withDoorClients(server, async ({ rest, grpc }) => {
          const call = { model: 'zero', inputs: { x: { dtype: 'int32', shape: [3], values: [5, 6, 7] } } } as const;
          for (const client of [rest, grpc])
            assert.deepEqual(Object.values(await client.predict(call)), [{ shape: [3], values: [5, 0, 0] }]);
          assert.doesNotMatch(server.logs(), /custom_op_paths/);
        }),
      );
    });
  });

  it('is what a model with such operations cannot be loaded without', async () => {
    await withTempDir(async (basePath) => {
      await writeZeroOut(basePath);
      const { status, stdout } = await runNode([
        MAIN,
        '--port=1',
        '--rest_api_port=0',
        `--model_base_path=${basePath}`,
      ]);
      assert.equal(status, 255);
      assert.match(stdout, /Op type not registered 'ZeroOut'/);
    });
  });

  it('takes a library without operations', { skip }, async () => {
    await withTempDir(async (folder) => {
      const source = join(folder, 'empty.cc');
      await writeFile(source, 'int nothing = 0;\n');
      await withServer([`--custom_op_paths=${await buildLibrary(folder, source)}`], async () => {});
    });
  });

  it('names the file that cannot be loaded, and why, and the server does not start', async () => {
    await assertStartFails(
      '/no/such/ops.so',
      /^Failed to start server\. Error: INVALID_ARGUMENT: --custom_op_paths names \/no\/such\/ops\.so, which cannot be loaded: .*No such file or directory\. Give /,
    );
    await withTempDir(async (folder) => {
      const text = join(folder, 'text.so');
      await writeFile(text, 'no library');
      await assertStartFails(
        text,
        /--custom_op_paths names .*\/text\.so, which cannot be loaded: .*(file too short|invalid ELF header)/,
      );
    });
  });
});
