/** --custom_op_paths with all libraries of two packages by others: tensorflow-text and ydf-tf. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { configText } from '../support/model-config.js';
import { withTempDir } from '../support/models.js';
import { PROJECT_ROOT } from '../support/project-root.js';
import { findPython } from '../support/python.js';
import { withServer } from '../support/with-server.js';

/** Made by `scripts/models/main.py --op-libraries`. */
const MODELS = join(PROJECT_ROOT, 'test/conformance/op_libraries');
/** Where the linker puts libraries differs from start to start, and what goes wrong in them with that. */
const STARTS = 4;
const skip = process.platform !== 'linux' ? 'the packages have libraries for Linux only' : false;

/** Shared objects that hold operations, in the order of their names. */
async function librariesOf(packages: string): Promise<string[]> {
  const text = join(packages, 'tensorflow_text/python/ops');
  const ofText = readdirSync(text).filter((name) => name.endsWith('.so'));
  return [...ofText.map((name) => join(text, name)), join(packages, 'ydf_tf/inference.so')];
}

/** The folder of installed packages of an environment. */
async function findPackages(): Promise<string> {
  const lib = join(dirname(await findPython('op-libraries')), '../lib');
  return join(lib, readdirSync(lib).find((name) => name.startsWith('python3')) ?? '', 'site-packages');
}

async function predict(port: number, model: string, request: object): Promise<unknown> {
  const url = `http://127.0.0.1:${port}/v1/models/${model}:predict`;
  const reply = await fetch(url, { method: 'POST', body: JSON.stringify(request) });
  return ((await reply.json()) as { predictions: unknown }).predictions;
}

describe('The libraries of tensorflow-text and ydf-tf', { timeout: 600_000, skip }, () => {
  let libraries: string[] = [];
  before(async () => {
    libraries = await librariesOf(await findPackages());
  });

  /** Runs `fn` with a server that has the libraries in this order. */
  function withLibraries(order: readonly string[], fn: (port: number) => Promise<void>): Promise<void> {
    return withTempDir(async (folder) => {
      const config = join(folder, 'models.config');
      const models = ['text_ops', 'forest'].map((name) => ({ name, basePath: join(MODELS, name) }));
      await writeFile(config, configText(...models));
      const flags = [`--custom_op_paths=${order.join(',')}`, `--model_config_file=${config}`];
      await withServer(flags, ({ ports }) => fn(ports.rest));
    });
  }

  for (let start = 1; start <= STARTS; start++) {
    it(`give the answers of Python, all loaded side by side: start ${start} of ${STARTS}`, async () => {
      const order = start % 2 === 0 ? libraries : libraries.toReversed();
      await withLibraries(order, async (port) => {
        const sentence = { instances: ['the cats sat on the mat.'] };
        assert.deepEqual(await predict(port, 'text_ops', sentence), [
          ['the cats', 'cats sat', 'sat on', 'on the', 'the mat.'],
        ]);
        const words = { signature_name: 'pieces', instances: ['cats', 'dog'] };
        assert.deepEqual(await predict(port, 'text_ops', words), [
          { pieces: ['cat', '##s'], starts: [0, 3] },
          { pieces: ['[UNK]', ''], starts: [0, -1] },
        ]);
        const rows = { inputs: { a: [0.1, 0.9, 0.52], b: [0.9, 0.1, 0.5] } };
        const url = `http://127.0.0.1:${port}/v1/models/forest:predict`;
        const reply = await fetch(url, { method: 'POST', body: JSON.stringify(rows) });
        assert.deepEqual(await reply.json(), { outputs: [0, 1, 1] });
      });
    });
  }
});
