/** Builds build/Release/tensorgate.node with cmake-js. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { SetupError } from '../libtensorflow/setup-error.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * @typedef {object} BuildOptions
 * @property {string} includeDirectory of libtensorflow
 * @property {string} compiler
 * @property {import('../libtensorflow/cache.mjs').Environment} env
 * @property {string} [root] default: this package
 *
 * @param {BuildOptions} options
 * @returns {Promise<string>} the addon's path
 */
export async function buildAddon({ includeDirectory, compiler, env, root = ROOT }) {
  const cmakeJs = cmakeJsPath();
  const settings = [
    '--directory',
    root,
    `--CDTF_INCLUDE_DIR=${includeDirectory}`,
    '--parallel',
    String(availableParallelism()),
  ];
  /** @param {string} command */
  const runCmakeJs = (command) =>
    runVisibly(process.execPath, [cmakeJs, command, ...settings], root, { ...env, CXX: compiler });

  // A folder that was configured before keeps its old include directory unless it is configured again, which "compile"
  // does not do.
  const wasConfigured = existsSync(join(root, 'build', 'CMakeCache.txt'));
  const command = wasConfigured && !(await runCmakeJs('configure')) ? 'rebuild' : 'compile';
  const addon = join(root, 'build', 'Release', 'tensorgate.node');
  if (!(await runCmakeJs(command)) || !existsSync(addon)) {
    throw new SetupError(
      `The native addon "${addon}" could not be built with ${compiler}; the compiler's messages above say why.`,
    );
  }
  return addon;
}

/** npm may have put cmake-js in this package's node_modules or in one further up. */
function cmakeJsPath() {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve('cmake-js/package.json');
    return join(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin['cmake-js']);
  } catch (error) {
    throw new SetupError('cmake-js is not installed, which builds the native addon: run `npm ci` once.', {
      cause: error,
    });
  }
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<boolean>} whether it ended well
 */
function runVisibly(program, args, cwd, env) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: 'inherit' });
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}
