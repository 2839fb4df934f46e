/** Takes what is needed out of a wheel, and the symbol tables out of the libraries. */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownArchitecture } from './cache.mjs';
import { contentsOf } from './contents.mjs';
import { run } from './run.mjs';
import { SetupError } from './setup-error.mjs';

const UNPACK = fileURLToPath(new URL('unpack.py', import.meta.url));

/**
 * @param {string} wheelName
 * @param {string} path the wheel
 * @param {string} folder
 * @param {import('./cache.mjs').Environment} env
 */
export async function unpackWheel(wheelName, path, folder, env) {
  const result = await run('python3', [UNPACK, path, folder], { env, input: JSON.stringify(contentsOf(wheelName)) });
  if (!result.ok)
    throw new SetupError(`"${path}" could not be unpacked to "${folder}": ${result.output.trim().split('\n').at(-1)}.`);
}

/**
 * Strips both TensorFlow libraries, a quarter of which is symbols that nothing reads. Without a `strip`, or with one
 * that cannot, they stay as they are, which costs disk space only.
 * @param {string} folder
 * @param {import('./versions.mjs').Architecture} architecture
 * @param {import('./cache.mjs').Environment} env
 */
export async function stripLibraries(folder, architecture, env) {
  if (architecture !== ownArchitecture()) return;
  for (const name of ['libtensorflow_framework.so.2', 'libtensorflow_cc.so.2']) {
    const library = join(folder, 'tensorflow', name);
    const stripped = `${library}.stripped`; // never in place: a strip that fails half-way must not leave half a library
    const { ok } = await run('strip', ['--strip-unneeded', '-o', stripped, library], { env });
    if (ok) renameSync(stripped, library);
    else rmSync(stripped, { force: true });
  }
}
