/** Finds a pip that works: it is the downloader, since it knows the user's proxies, mirrors and certificates. */
import { join } from 'node:path';

import { HOW_TO_BRING_YOUR_OWN } from './remedy.mjs';
import { run } from './run.mjs';
import { SetupError } from './setup-error.mjs';

/**
 * @typedef {import('./cache.mjs').Environment} Environment
 * @typedef {(args: string[], env: Environment) => ReturnType<typeof run>} Pip
 */

/**
 * Where a pip is to be had from: python3 has one, or can make a virtual environment with one, or the sentence that says
 * what is missing.
 * @param {Environment} env
 * @returns {Promise<{ from: 'python3' | 'venv' } | { missing: string }>}
 */
export async function lookForPip(env) {
  const pip = await run('python3', ['-m', 'pip', '--version'], { env });
  if (pip.ok) return { from: 'python3' };
  if (pip.missing) return { missing: `python3 is missing, whose pip downloads libtensorflow: ${HOW_TO_INSTALL}` };
  // Debian leaves ensurepip out of python3; a virtual environment made without it has no pip either.
  const venv = await run('python3', ['-c', 'import ensurepip, venv'], { env });
  return venv.ok
    ? { from: 'venv' }
    : { missing: `python3 has no pip, which downloads libtensorflow: ${HOW_TO_INSTALL}` };
}

const HOW_TO_INSTALL =
  'install it (Debian, Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; macOS: brew install python), ' +
  `${HOW_TO_BRING_YOUR_OWN}.`;

/**
 * @param {string} scratch a folder where a virtual environment may be made
 * @param {Environment} env
 * @returns {Promise<Pip>}
 */
export async function findPip(scratch, env) {
  const pip = await lookForPip(env);
  if ('missing' in pip) throw new SetupError(pip.missing);
  return pipOf(pip.from === 'python3' ? 'python3' : await makeVirtualEnvironment(join(scratch, 'venv'), env));
}

/** @param {string} folder @param {Environment} env @returns {Promise<string>} its python */
async function makeVirtualEnvironment(folder, env) {
  const made = await run('python3', ['-m', 'venv', folder], { env });
  if (!made.ok)
    throw new SetupError(`python3 has no pip and could not make a virtual environment with one: ${HOW_TO_INSTALL}`);
  return join(folder, 'bin', 'python');
}

/** @param {string} python @returns {Pip} */
function pipOf(python) {
  return (args, env) => run(python, ['-m', 'pip', ...args], { env: forDownloading(env) });
}

/** @param {Environment} env */
function forDownloading(env) {
  return {
    ...env,
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    PIP_REQUIRE_VIRTUALENV: '0', // which is about installing; nothing is installed here
    PIP_RETRIES: env.PIP_RETRIES ?? '2',
  };
}
