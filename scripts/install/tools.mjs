/** The programs that the addon is built with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run } from '../libtensorflow/run.mjs';

/** @typedef {import('../libtensorflow/cache.mjs').Environment} Environment */

const OLDEST_CMAKE = /** @type {const} */ ([3, 18]);

const CPP20_PROGRAM = `#include <span>
int main() { int numbers[] = {1, 2}; return static_cast<int>(std::span(numbers).size()) - 2; }
`;

/**
 * The first of $CXX, c++, g++ and clang++ that compiles C++20.
 * @param {Environment} env
 * @returns {Promise<string | undefined>}
 */
export async function findCompiler(env) {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-compiler-'));
  try {
    for (const compiler of [env.CXX, 'c++', 'g++', 'clang++']) {
      if (compiler && (await compilesCpp20(compiler, join(folder, 'probe.o'), env))) return compiler;
    }
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} compiler @param {string} output @param {Environment} env */
async function compilesCpp20(compiler, output, env) {
  const [program = '', ...args] = compiler.trim().split(/\s+/); // CXX may be "ccache g++"
  return (
    await run(program, [...args, '-std=c++20', '-x', 'c++', '-c', '-', '-o', output], { env, input: CPP20_PROGRAM })
  ).ok;
}

/**
 * @param {Environment} env
 * @returns {Promise<string | undefined>} what is wrong with CMake, if anything
 */
export async function checkCmake(env) {
  const needed = OLDEST_CMAKE.join('.');
  const { ok, output } = await run('cmake', ['--version'], { env });
  const [version, major, minor] = /(\d+)\.(\d+)[.\w-]*/.exec(output) ?? [];
  if (!ok || !version) return `CMake ${needed} or newer is missing`;
  const isNewEnough =
    Number(major) > OLDEST_CMAKE[0] || (Number(major) === OLDEST_CMAKE[0] && Number(minor) >= OLDEST_CMAKE[1]);
  return isNewEnough ? undefined : `CMake ${version} is too old, ${needed} or newer is needed`;
}

/** @param {Environment} env */
export async function hasBuildProgram(env) {
  for (const program of ['ninja', 'make']) {
    if ((await run(program, ['--version'], { env })).ok) return true;
  }
  return false;
}
