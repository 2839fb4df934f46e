/**
 * `npm test`: every test, one kind after the other, and a count at the end. The compiled tests are in dist/test.
 *
 *   npm test                       the native tests; unit, fuzzing (short), integration, conformance
 *   npm test -- unit grpc          only files whose path contains one of the words
 *   npm run test:long              the same, then all of it that touches the addon on a build with ASan and UBSan, the
 *                                  native tests, and the fuzzers for ten minutes each
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildTarget, NATIVE_TESTS, run } from './native-build.mjs';
import { ROOT } from './sources.mjs';

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

/** The tests in C++; the last line of each program counts them. */
function runNativeTests() {
  return NATIVE_TESTS.reduce((status, name) => {
    const program = buildTarget(name, 'native-tests', ['NATIVE_TESTS=ON']);
    return status || (program === undefined ? 1 : run(program, []));
  }, 0);
}

const words = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = KINDS.flatMap((kind) => testFiles(kind, words));
if (files.length === 0) {
  console.error(`No test file has ${words.join(' or ')} in its path. Build first: npm run build.`);
  process.exit(1);
}
const native = words.length === 0 ? runNativeTests() : 0;
let status = (await runTests(files)) || native;
if (native !== 0) console.error('The native tests failed, or were not built: see above the first of the other tests.');
if (process.argv.includes('--long')) {
  const { runLong } = await import('./test-long.mjs');
  status ||= await runLong();
}
process.exit(status);
