/**
 * `npm test`: every test, one kind after the other, and a count at the end. The compiled tests are in dist/test.
 *
 *   npm test                       the native tests; unit, fuzzing (short), integration, conformance
 *   npm test -- unit grpc          only files whose path contains one of the words
 *   npm run test:long              the same, then all of it that touches the addon on a build with ASan and UBSan, the
 *                                  native tests, and the fuzzers for ten minutes each
 *   npm test -- --step=NAME        one of the steps that the last lines of a run name
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildTarget, NATIVE_TESTS, run } from './native-build.mjs';
import { ROOT } from './sources.mjs';
import { runSteps, tellSteps } from './steps.mjs';
import { LONG_STEPS } from './test-long.mjs';

const KINDS = ['unit', 'fuzzing', 'integration', 'conformance'];

/** @param {string} kind @param {readonly string[]} words */
function testFiles(kind, words) {
  const folder = join('dist', 'test', kind);
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .sort();
}

/**
 * One process for all files; node:test runs each in a child of its own. Servers and benchmarks share two cores, so no two
 * files at once.
 * @param {readonly string[]} files
 */
function runTests(files) {
  const args = ['--test', '--test-concurrency=1', '--test-reporter=spec', ...files];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** The tests in C++; the last line of each program counts them. @param {string} name */
function runNativeTest(name) {
  const program = buildTarget(name, 'native-tests', ['NATIVE_TESTS=ON']);
  return program === undefined ? 1 : run(program, []);
}

const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const words = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const isLong = options.includes('--long');
const only = options.find((option) => option.startsWith('--step='))?.slice('--step='.length);

const files = KINDS.flatMap((kind) => testFiles(kind, words));
if (files.length === 0) {
  console.error(`No test file has ${words.join(' or ')} in its path. Build first: npm run build.`);
  process.exit(1);
}
const native = NATIVE_TESTS.map((name) => ({ name, run: () => runNativeTest(name) }));
const all = [
  ...(words.length === 0 ? native : []),
  { name: 'tests', run: () => runTests(files) },
  ...(isLong ? LONG_STEPS : []),
];
const steps = only === undefined ? all : all.filter(({ name }) => name === only);
if (steps.length === 0) {
  console.error(`There is no step ${only}. Steps: ${all.map(({ name }) => name).join(', ')}.`);
  process.exit(1);
}
const failed = await runSteps(steps);
if (steps.length > 1 || failed.length > 0)
  console.log(`\n${tellSteps(steps, failed, isLong ? 'npm run test:long --' : ['npm test --', ...words].join(' '))}`);
process.exit(failed.length === 0 ? 0 : 1);
