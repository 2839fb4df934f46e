/** Looks at the whole machine before anything is fetched or built, so that all that is missing can be said at once. */
import { findLibtensorflow } from '../libtensorflow/find.mjs';
import { lookForPip } from '../libtensorflow/pip.mjs';
import { SetupError } from '../libtensorflow/setup-error.mjs';
import { checkNodeVersion } from './node-version.mjs';
import { checkCmake, findCompiler, hasBuildProgram } from './tools.mjs';

/**
 * @typedef {import('../libtensorflow/cache.mjs').Environment} Environment
 * @typedef {import('../libtensorflow/find.mjs').Libtensorflow} Libtensorflow
 *
 * @typedef {object} Machine
 * @property {Libtensorflow | undefined} libtensorflow undefined: to be fetched
 * @property {string | undefined} compiler
 * @property {string[]} problems a full sentence for each thing that is missing
 * @property {string[]} warnings
 */

/**
 * @param {Environment} env
 * @returns {Promise<Machine>}
 */
export async function checkRequirements(env) {
  const node = checkNodeVersion();
  const { libtensorflow, problem } = await checkLibtensorflow(env);
  const compiler = await findCompiler(env);
  const problems = [
    node.problem,
    problem,
    compiler ? undefined : NO_COMPILER,
    await cmakeProblem(env),
    await buildProgramProblem(env),
  ];
  return {
    libtensorflow,
    compiler,
    problems: problems.filter((text) => text !== undefined),
    warnings: node.warning ? [node.warning] : [],
  };
}

/**
 * Python is asked for only if the library has to be fetched.
 * @param {Environment} env
 * @returns {Promise<{ libtensorflow?: Libtensorflow, problem?: string | undefined }>}
 */
async function checkLibtensorflow(env) {
  try {
    const libtensorflow = findLibtensorflow(env, { needHeaders: true });
    if (libtensorflow) return { libtensorflow };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { problem: error.message };
  }
  const pip = await lookForPip(env);
  return { problem: 'missing' in pip ? pip.missing : undefined };
}

const NO_COMPILER =
  'A C++20 compiler is missing, which builds the native addon ($CXX, c++, g++ and clang++ were tried): install one ' +
  '(Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install).';

/** @param {Environment} env */
async function cmakeProblem(env) {
  const problem = await checkCmake(env);
  const remedy = 'install it (Debian, Ubuntu: apt install cmake; Fedora: dnf install cmake; macOS: brew install cmake)';
  return problem && `${problem}, which builds the native addon: ${remedy}.`;
}

/** @param {Environment} env */
async function buildProgramProblem(env) {
  const remedy =
    'install one (Debian, Ubuntu: apt install make; Fedora: dnf install make; macOS: xcode-select --install)';
  return (await hasBuildProgram(env))
    ? undefined
    : `Neither ninja nor make is there, which CMake hands the work to: ${remedy}.`;
}
