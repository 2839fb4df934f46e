/** Builds and runs C++ that needs neither Node nor TensorFlow's libraries: native tests and fuzzers, by plain CMake. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findLibtensorflow } from './libtensorflow/find.mjs';
import { ROOT } from './sources.mjs';

/** Programs of `test/native/`. */
export const NATIVE_TESTS = ['json_tensor_test', 'row_proof_test', 'batching_test', 'retreat_test'];

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
export function run(command, args, env = process.env) {
  console.log(`$ ${command} ${args.join(' ')}`);
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env }).status ?? 1;
}

/** The folder with TensorFlow's C headers. Throws if there is none. */
export function includeDirectory() {
  const found = findLibtensorflow(process.env, { needHeaders: true });
  if (found?.includeDirectory === undefined)
    throw new Error('The C headers of libtensorflow are missing: npm run install');
  return found.includeDirectory;
}

/**
 * Builds one target in a folder of its own below build/. Returns the program's path, undefined if the build failed.
 * @param {string} target @param {string} folder @param {string[]} settings CMake's -D settings, without -D
 */
export function buildTarget(target, folder, settings) {
  const directory = join('build', folder);
  const defines = [`TF_INCLUDE_DIR=${includeDirectory()}`, ...settings].map((setting) => `-D${setting}`);
  if (run('cmake', ['-S', '.', '-B', directory, ...defines]) !== 0) return undefined;
  if (run('cmake', ['--build', directory, '--target', target, '--parallel', '2']) !== 0) return undefined;
  return join(directory, target);
}
