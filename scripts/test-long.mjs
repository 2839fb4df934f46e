/**
 * What `npm run test:long` adds to `npm test`: the native tests, the integration tests and those of gRPC on builds with AddressSanitizer
 * and UndefinedBehaviorSanitizer, and the fuzzers for FUZZ_SECONDS each (default 600; libFuzzer needs Clang).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildTarget, includeDirectory, NATIVE_TESTS, run } from './native-build.mjs';
import { ROOT } from './sources.mjs';

const SANITIZE = 'address,undefined';
const FUZZERS = ['json_tensor_fuzz', 'row_proof_fuzz'];
/** Native tests with threads. */
const THREADED_TESTS = ['batching_test', 'retreat_test'];
const FUZZ_SECONDS = Number(process.env.FUZZ_SECONDS ?? 600);

/** @type {readonly import('./steps.mjs').Step[]} */
export const LONG_STEPS = [
  ...NATIVE_TESTS.map((name) => ({ name: `sanitized-${name}`, run: () => runSanitized(name, 'asan-tests', SANITIZE) })),
  ...THREADED_TESTS.map((name) => ({ name: `races-${name}`, run: () => runSanitized(name, 'tsan-tests', 'thread') })),
  { name: 'sanitized-addon', run: sanitizedIntegration },
  { name: 'fuzz-typescript', run: fuzzDecoders },
  ...FUZZERS.map((name) => ({ name, run: () => fuzzNative(name) })),
];

/** @param {string} name @param {string} folder @param {string} sanitizers */
function runSanitized(name, folder, sanitizers) {
  const program = buildTarget(name, folder, ['NATIVE_TESTS=ON', `SANITIZE=${sanitizers}`]);
  return program === undefined ? 1 : run(program, []);
}

/** Node itself is not instrumented, so the sanitizer's runtime must come first; leaks at exit are Node's and TensorFlow's. */
function sanitizedIntegration() {
  const settings = [`--CDSANITIZE=${SANITIZE}`, `--CDTF_INCLUDE_DIR=${includeDirectory()}`, '--parallel', '2'];
  const out = join('build', 'asan-addon');
  if (run('node_modules/.bin/cmake-js', ['compile', '--out', out, ...settings]) !== 0) return 1;
  const runtime = execFileSync('c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  return run(process.execPath, ['scripts/test.mjs', 'integration', 'unit/grpc-'], {
    ...process.env,
    LD_PRELOAD: runtime,
    ASAN_OPTIONS: 'detect_leaks=0:halt_on_error=1:abort_on_error=1:handle_segv=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    TENSORGATE_ADDON: join(ROOT, out, 'Release', 'tensorgate.node'),
    TENSORGATE_SANITIZED: '1',
  });
}

/** fast-check on the decoders in TypeScript, as many runs as fit the time, roughly, and on the open doors, with random seeds. */
function fuzzDecoders() {
  return run(process.execPath, ['scripts/test.mjs', 'fuzzing'], {
    ...process.env,
    FUZZ_RUNS: String(FUZZ_SECONDS * 500),
    FUZZ_SECONDS: String(FUZZ_SECONDS),
    FUZZ_SEED: process.env.FUZZ_SEED ?? 'random',
  });
}

/** @param {string} name a libFuzzer target of CMakeLists.txt */
function fuzzNative(name) {
  const settings = ['FUZZ=ON', `SANITIZE=${SANITIZE}`, 'CMAKE_CXX_COMPILER=clang++'];
  const program = buildTarget(name, 'fuzz', settings);
  if (program === undefined) return 1;
  const corpus = join('build', 'fuzz', name);
  mkdirSync(join(ROOT, corpus), { recursive: true });
  return run(program, [
    corpus,
    `-max_total_time=${FUZZ_SECONDS}`,
    '-max_len=4096',
    '-print_final_stats=1',
    '-verbosity=0',
  ]);
}
