/** --custom_op_paths: libraries of operations, with some that the test builds. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findLibtensorflow } from '../../src/libtensorflow.js';
import { makeCertificates } from '../support/certificates.js';
import { runNode, runProgram } from '../support/child-program.js';
import { type PredictCall, withDoorClients } from '../support/door-clients.js';
import { liteLibrary } from '../support/lite-library.js';
import { modelPath, withTempDir } from '../support/models.js';
import {
  buildLibrary,
  buildShapeless,
  buildText,
  cannotBuild,
  writeZeroOut,
  writeZeroOutTwice,
  ZERO_OUT,
} from '../support/op-library.js';
import { withServer } from '../support/with-server.js';

const LIMIT = { timeout: 180_000 };
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const skip = cannotBuild;

const CALL: PredictCall = { model: 'zero', inputs: { x: { dtype: 'int32', shape: [3], values: [5, 6, 7] } } };

async function assertServes(flags: readonly string[], values: readonly number[], call = CALL): Promise<void> {
  await withServer(flags, (server) =>
    withDoorClients(server, async ({ rest, grpc }) => {
      for (const client of [rest, grpc])
        assert.deepEqual(Object.values(await client.predict(call)), [{ shape: [values.length], values }]);
      assert.doesNotMatch(server.logs(), /custom_op_paths/);
    }),
  );
}

/** The whole line that says why the server does not start. */
async function startError(...flags: readonly string[]): Promise<string> {
  const { status, stdout } = await runNode([MAIN, '--port=1', '--rest_api_port=0', ...flags]);
  assert.equal(status, 255, stdout);
  return stdout.split('\n').find((line) => line.startsWith('Failed to start server.')) ?? stdout;
}

async function refusal(path: string): Promise<string> {
  const line = await startError(`--custom_op_paths=${path}`);
  const start = `Failed to start server. Error: INVALID_ARGUMENT: --custom_op_paths names ${path}, which cannot be loaded: `;
  assert.ok(line.startsWith(start), line);
  return line.slice(start.length);
}

describe('--custom_op_paths', LIMIT, () => {
  it('lets a model run operations of a library, which is loaded before any model', { skip }, async () => {
    await withTempDir(async (folder) => {
      const basePath = join(folder, 'model');
      await writeZeroOut(basePath);
      const library = await buildLibrary(folder, ZERO_OUT);
      const flags = [`--custom_op_paths=${library},${library}`, `--model_base_path=${basePath}`, '--model_name=zero'];
      await assertServes(flags, [5, 0, 0]);
    });
  });

  it('is what a model with such operations cannot be loaded without', async () => {
    await withTempDir(async (basePath) => {
      await writeZeroOut(basePath);
      assert.match(await startError(`--model_base_path=${basePath}`), /Op type not registered 'ZeroOut'/);
    });
  });

  it('takes a library without operations, and one that links to all of TensorFlow', { skip }, async () => {
    await withTempDir(async (folder) => {
      const basePath = join(folder, 'model');
      await writeZeroOut(basePath);
      const empty = await buildText(folder, 'empty', 'int nothing = 0;\n');
      const all = ['-Wl,--no-as-needed', '-L', await findLibtensorflow(''), '-l:libtensorflow_cc.so.2'];
      const paths = `${empty},${await buildLibrary(folder, ZERO_OUT, all)}`;
      await assertServes(
        [`--custom_op_paths=${paths}`, `--model_base_path=${basePath}`, '--model_name=zero'],
        [5, 0, 0],
      );
    });
  });

  it('runs operations that have no shape function, on either executor', { skip }, async () => {
    await withTempDir(async (folder) => {
      const basePath = join(folder, 'model');
      await writeZeroOutTwice(basePath);
      const library = await buildShapeless(folder);
      const flags = [`--custom_op_paths=${library}`, `--model_base_path=${basePath}`, '--model_name=zero'];
      await assertServes(flags, [10, 0, 0]);
      await assertServes([...flags, '--tensorflow_inter_op_parallelism=2'], [10, 0, 0]);
    });
  });

  it('serves a model of TensorFlow Lite beside it', { skip }, async () => {
    const library = dirname(await liteLibrary());
    await withTempDir(async (folder) => {
      const lite = ['--prefer_tflite_model', `--libtensorflowlite_dir=${library}`];
      const model = [`--model_base_path=${modelPath('lite_half_plus_two')}`, '--model_name=half'];
      const inputs = { 'serving_default_x:0': { dtype: 'float', shape: [1], values: [4] } } as const;
      const flags = [`--custom_op_paths=${await buildLibrary(folder, ZERO_OUT)}`, ...lite, ...model];
      await assertServes(flags, [4], { model: 'half', inputs });
    });
  });
});

describe('A library of --custom_op_paths that cannot be loaded', LIMIT, () => {
  const GIVE = 'Give shared libraries of operations that were built for this TensorFlow, separated by commas.';

  it('is named, with why: no such file, no library, one of another machine, a part of one', { skip }, async () => {
    assert.equal(
      await refusal('/no/such/ops.so'),
      `ENOENT: no such file or directory, open '/no/such/ops.so'. ${GIVE}`,
    );
    await withTempDir(async (folder) => {
      const bytes = await readFile(await buildText(folder, 'empty', 'int nothing = 0;\n'));
      const foreign = Buffer.from(bytes);
      foreign.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18);
      const files = {
        'text.so': ['no library, whatever its name says', 'it is no shared library'],
        'foreign.so': [foreign, `it was built for another machine than this one (${process.arch})`],
        'part.so': [bytes.subarray(0, 3000), 'it is cut short, at 3000 bytes'],
      } as const;
      for (const [name, [content, reason]] of Object.entries(files)) {
        const path = join(folder, name);
        await writeFile(path, content);
        assert.equal(await refusal(path), `${reason}. ${GIVE}`);
      }
      assert.equal(await refusal(folder), `it is no file. ${GIVE}`);
    });
  });

  it('is named, with what it lacks: functions of its TensorFlow, another library', { skip }, async () => {
    await withTempDir(async (folder) => {
      const text = 'extern "C" int missing(); int value = missing();\n';
      const lacking = await buildText(folder, 'lacking', text);
      assert.match(
        await refusal(lacking),
        /lacking\.so: undefined symbol: missing\. It was built for another TensorFlow than 2\.\d+\.\d+\. Install the release/,
      );
      const other = await buildText(folder, 'libother', 'extern "C" int missing() { return 1; }\n');
      const needing = await buildText(folder, 'needing', text, [`-L${folder}`, '-lother']);
      await rm(other);
      assert.match(
        await refusal(needing),
        /^libother\.so: cannot open.*\. Install libother\.so, .* LD_LIBRARY_PATH\.$/,
      );
    });
  });

  it('is named where it brings another TensorFlow with it', { skip }, async () => {
    await withTempDir(async (folder) => {
      const framework = 'libtensorflow_framework.so.1';
      const built = await buildText(folder, 'old', 'extern "C" int old() { return 1; }\n', [
        `-Wl,-soname,${framework}`,
      ]);
      await writeFile(join(folder, framework), await readFile(built));
      const link = [`-L${folder}`, `-l:${framework}`, '-Wl,-rpath,$ORIGIN'];
      const library = await buildText(folder, 'binding', 'extern "C" int old(); int value = old();\n', link);
      const reason = await refusal(library);
      assert.match(
        reason,
        /^it brings a second TensorFlow with it, .*\/libtensorflow_framework\.so\.1\. Build it anew/,
      );
    });
  });

  it('is the last thing that the log names where it ends the process', { skip }, async () => {
    await withTempDir(async (folder) => {
      const library = await buildText(
        folder,
        'throwing',
        '#include <stdexcept>\nint x = (throw std::runtime_error("no"), 1);\n',
      );
      const { stderr, signal } = await runNode([MAIN, '--port=1', '--rest_api_port=0', `--custom_op_paths=${library}`]);
      assert.equal(signal, 'SIGABRT');
      const [last] = stderr
        .split('\n')
        .filter((line) => / [DIWE] /.test(line))
        .slice(-1);
      assert.match(last ?? '', /Opening a library of operations path=\S+\/throwing\.so$/);
    });
  });
});

describe('A process with a library of operations', LIMIT, () => {
  it("still has Node's own TLS and compression, before and after a run", { skip }, async () => {
    await withTempDir(async (folder) => {
      const basePath = join(folder, 'model');
      const path = await writeZeroOut(basePath);
      await makeCertificates(folder);
      const given = {
        library: await buildLibrary(folder, ZERO_OUT),
        path,
        folder,
        directory: await findLibtensorflow(''),
      };
      const { status, stdout, stderr } = await runProgram(['loaderOf', 'withPool', 'testRequest', 'runOne'], PROGRAM, {
        env: { TENSORGATE_TEST: JSON.stringify(given) },
      });
      assert.equal(status, 0, stderr);
      assert.equal(stdout.trim(), 'node node');
    });
  });

  it('refuses it where TensorFlow was opened without', { skip }, async () => {
    await withTempDir(async (folder) => {
      const given = { library: await buildLibrary(folder, ZERO_OUT), directory: await findLibtensorflow('') };
      const text = `
        const { library, directory } = JSON.parse(process.env.TENSORGATE_TEST);
        binding.openLibrary(directory, false);
        try { binding.loadOpLibrary(library); } catch (error) { console.log(error.code, error.message); }`;
      const { stdout } = await runProgram(['openLibrary'], text, { env: { TENSORGATE_TEST: JSON.stringify(given) } });
      assert.match(stdout, /^9 this process has opened TensorFlow for models without custom operations/);
    });
  });
});

/** An HTTPS server and its client in one process, with compressed bodies; prints what came through, twice. */
const PROGRAM = `
  import { readFileSync } from 'node:fs';
  import https from 'node:https';
  import { brotliCompressSync, brotliDecompressSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
  const { library, path, folder, directory } = JSON.parse(process.env.TENSORGATE_TEST);
  binding.openLibrary(directory, true);
  binding.loadOpLibrary(library);
  const read = (name) => readFileSync(folder + '/' + name);
  const pack = (text) => deflateSync(brotliCompressSync(gzipSync(text)));
  const unpack = (bytes) => gunzipSync(brotliDecompressSync(inflateSync(bytes))).toString();
  async function call() {
    const options = { key: read('server.key'), cert: read('server.pem') };
    const server = https.createServer(options, (request, response) => response.end(pack('node')));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const agent = new https.Agent({ ca: read('authority.pem') });
    const bytes = await new Promise((resolve, reject) => {
      const get = https.get({ host: '127.0.0.1', port: server.address().port, agent }, async (response) => {
        const parts = [];
        for await (const part of response) parts.push(part);
        resolve(Buffer.concat(parts));
      });
      get.on('error', reject);
    });
    agent.destroy();
    server.close();
    return unpack(bytes);
  }
  const before = await call();
  await withPool(1, async (pool) => {
    const loader = loaderOf(path, pool);
    const model = await loader.load();
    const bytes = new Uint8Array(Int32Array.of(5, 6, 7).buffer);
    await model.predict(testRequest([{ name: 'x', dtype: 3, shape: [3], bytes }]), (outputs) => outputs.count);
    console.log(before, await call());
    await loader.unload();
  });`;
