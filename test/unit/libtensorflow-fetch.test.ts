import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Environment,
  FETCH_SCRIPT,
  FETCHES,
  FRAMEWORK,
  fakeEnvironment,
  LIBRARY,
  SCRIPTS,
  temporaryFolder,
  touch,
} from '../support/fake-libtensorflow.js';

interface Found {
  directory: string;
  includeDirectory: string;
}

const load = async (name: string): Promise<Record<string, unknown>> =>
  import(new URL(`libtensorflow/${name}`, SCRIPTS).href);
const { fetchLibtensorflow } = (await load('fetch.mjs')) as {
  fetchLibtensorflow: (options: object) => Promise<Found>;
};
const { findLibtensorflow } = (await load('find.mjs')) as {
  findLibtensorflow: (env: Environment) => Found | undefined;
};
const { cachedFolder } = (await load('cache.mjs')) as {
  cachedFolder: (flavour: string, architecture: string, env: Environment) => string;
};
const { contentsOf } = (await load('contents.mjs')) as { contentsOf: (wheel: string) => { needed: string[] } };

const QUIET = { say() {}, start() {}, update() {}, finish() {} };
const NEEDED = contentsOf('tensorflow').needed;
const WHEEL = { wheelFiles: [...NEEDED, 'tensorflow/python/not_needed.py', 'tensorflow-2.dist-info/LICENSE'] };

/** The architecture is fixed so that the tests are the same everywhere; nothing is opened. */
const fetchCpu = (env: Environment) =>
  fetchLibtensorflow({ env, architecture: 'x86_64', flavour: 'cpu', progress: QUIET });
const cpuFolder = (env: Environment) => cachedFolder('cpu', 'x86_64', env);

/** The names beside the target, which tell whether anything was left behind. */
const besides = (target: string) => (existsSync(dirname(target)) ? readdirSync(dirname(target)) : []);

interface Ended {
  code: number | null;
  output: string;
}

function start(env: Environment): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [FETCH_SCRIPT], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
  return { child, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, output }))) };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await delay(20);
  assert.ok(condition());
}

test('of a wheel only the libraries, the headers and the notices are unpacked', FETCHES, async (t) => {
  const env = fakeEnvironment(temporaryFolder(t), 'serve', WHEEL);
  const found = await fetchCpu(env);

  const target = cpuFolder(env);
  const files = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.deepEqual(files.map((file) => file.name).sort(), [...NEEDED.map((name) => basename(name)), 'LICENSE'].sort());
  assert.equal(found.directory, join(target, 'tensorflow'));
  assert.equal(readFileSync(join(found.directory, LIBRARY), 'utf8'), `tensorflow/${LIBRARY}`);
  assert.ok(existsSync(join(found.includeDirectory, 'tensorflow/c/c_api.h')));
  assert.deepEqual(besides(target), [basename(target)]);
});

test(
  'with CUDA, nvidia/ lies beside tensorflow/ as the libraries expect, and ptxas is executable',
  FETCHES,
  async (t) => {
    const cuda = [
      'nvidia/cublas/lib/libcublas.so.12',
      'nvidia/cuda_nvcc/bin/ptxas',
      'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc',
    ];
    const env = fakeEnvironment(temporaryFolder(t), 'serve', { wheelFiles: [...NEEDED, ...cuda] });
    const { directory } = await fetchLibtensorflow({ env, architecture: 'x86_64', flavour: 'gpu', progress: QUIET });

    for (const name of cuda) assert.ok(existsSync(join(directory, '..', name)), name);
    assert.notEqual(statSync(join(directory, '../nvidia/cuda_nvcc/bin/ptxas')).mode & 0o111, 0);
  },
);

test('CUDA on a processor that it is not published for is refused', async () => {
  const fetching = fetchLibtensorflow({ env: {}, architecture: 'aarch64', flavour: 'gpu', progress: QUIET });
  await assert.rejects(fetching, {
    name: 'SetupError',
    message: /not published with CUDA for aarch64; unset TENSORGATE_TENSORFLOW/,
  });
});

test('two fetches at once end in one whole folder', FETCHES, async (t) => {
  const env = fakeEnvironment(temporaryFolder(t), 'serve', WHEEL);
  const ends = await Promise.all([start(env).ended, start(env).ended, fetchLibtensorflow({ env, progress: QUIET })]);

  for (const end of ends.slice(0, 2) as Ended[]) assert.equal(end.code, 0, end.output);
  const directory = findLibtensorflow(env)?.directory ?? '';
  assert.equal(readFileSync(join(directory, FRAMEWORK), 'utf8'), `tensorflow/${FRAMEWORK}`);
  assert.deepEqual(besides(dirname(directory)), [basename(dirname(directory))]);
});

test('a run that is killed leaves nothing to be found, and the next one removes what it left', FETCHES, async (t) => {
  const folder = temporaryFolder(t);
  const hanging = fakeEnvironment(folder, 'hang');
  const cache = join(folder, 'cache', 'tensorgate');
  const { child, ended } = start(hanging);
  await until(
    () =>
      existsSync(cache) &&
      readdirSync(cache, { recursive: true }).some((name) => `${name}`.endsWith('requirements.txt')),
  );
  child.kill('SIGKILL');
  await ended;
  assert.equal(findLibtensorflow(hanging), undefined);
  assert.match(readdirSync(cache).join(), /\.partial-/);

  const end = await start(fakeEnvironment(folder, 'serve', WHEEL)).ended;
  assert.equal(end.code, 0, end.output);
  assert.ok(findLibtensorflow(hanging));
  assert.doesNotMatch(readdirSync(cache).join(), /\.partial-/);
});

test('a run that is asked to stop removes what it has', FETCHES, async (t) => {
  const folder = temporaryFolder(t);
  const cache = join(folder, 'cache', 'tensorgate');
  const { child, ended } = start(fakeEnvironment(folder, 'hang'));
  await until(() => existsSync(cache) && readdirSync(cache).length > 0);
  child.kill('SIGTERM');
  assert.equal((await ended).code, 128 + 15);
  assert.deepEqual(readdirSync(cache), []);
});

test('the folder of a run that is still at work is left alone', FETCHES, async (t) => {
  const env = fakeEnvironment(temporaryFolder(t), 'serve', WHEEL);
  const host = hostname().replace(/[^A-Za-z0-9]/g, '_');
  const target = cpuFolder(env);
  const [atWork, elsewhere] = [
    `${target}.partial-${host}-${process.ppid}-0a`,
    `${target}.partial-otherhost-4194304-0b`,
  ];
  const dead = `${target}.partial-${host}-4194304-0c`; // one above the highest process id that Linux gives
  for (const partial of [atWork, elsewhere, dead]) mkdirSync(partial, { recursive: true });

  await fetchCpu(env);
  assert.deepEqual(besides(target).sort(), [target, atWork, elsewhere].map((path) => basename(path)).sort());
});

test('a damaged library is replaced by a whole one', FETCHES, async (t) => {
  const env = fakeEnvironment(temporaryFolder(t), 'serve', WHEEL);
  const target = touch(cpuFolder(env), `tensorflow/${LIBRARY}`);
  const { directory } = await fetchCpu(env);
  assert.equal(readFileSync(join(directory, FRAMEWORK), 'utf8'), `tensorflow/${FRAMEWORK}`);
  assert.deepEqual(besides(target), [basename(target)]);
});

test('a wheel that lacks a needed file is refused and nothing is left', FETCHES, async (t) => {
  const env = fakeEnvironment(temporaryFolder(t), 'serve', { wheelFiles: NEEDED.slice(1) });
  await assert.rejects(fetchCpu(env), {
    name: 'SetupError',
    message: new RegExp(`served\\.whl has no ${NEEDED[0]}\\.$`),
  });
  assert.deepEqual(besides(cpuFolder(env)), []);
});

const REFUSALS: [what: string, pipSays: string, sentence: RegExp][] = [
  [
    'there is no network',
    'WARNING: Retrying after connection broken',
    /because pip cannot reach its package index: check the network/,
  ],
  [
    'the index lacks the wheel',
    'ERROR: No matching distribution found for x',
    /because pip's package index has no such wheel/,
  ],
  [
    'the file is not the pinned one',
    'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES',
    /does not have the pinned sha256/,
  ],
  ['the disk is full', 'ERROR: [Errno 28] No space left on device', /because the disk is full: make room/],
  ['pip says something else', 'noise\nERROR: out of cheese\n', /because pip says "ERROR: out of cheese"/],
];

for (const [what, refusal, sentence] of REFUSALS) {
  test(`when ${what}, one sentence says so and names LIBTENSORFLOW_DIR`, FETCHES, async (t) => {
    const folder = temporaryFolder(t);
    const { code, output } = await start(fakeEnvironment(folder, 'refuse', { refusal })).ended;
    assert.equal(code, 1);
    const said = output.split('\n').filter((line) => line.startsWith('tensorgate: '));
    assert.equal(said.length, 1, output);
    assert.match(said[0] ?? '', sentence);
    assert.match(said[0] ?? '', /or set LIBTENSORFLOW_DIR to a folder that holds .*\.$/);
    assert.doesNotMatch(output, /\n\s+at /);
    assert.deepEqual(readdirSync(join(folder, 'cache', 'tensorgate')), []);
  });
}

test('when python3 or its pip is missing, one sentence says so and how to install it', FETCHES, async (t) => {
  const folder = temporaryFolder(t);
  const withoutPip = await start(fakeEnvironment(folder, 'absent')).ended;
  assert.equal(withoutPip.code, 1);
  assert.match(
    withoutPip.output,
    /^tensorgate: python3 has no pip, .*apt install python3-pip.*LIBTENSORFLOW_DIR.*\.\n$/,
  );

  const withoutPython = await start({ PATH: join(folder, 'nothing'), XDG_CACHE_HOME: join(folder, 'cache') }).ended;
  assert.equal(withoutPython.code, 1);
  assert.match(withoutPython.output, /^tensorgate: python3 is missing, .*\n$/);
});

test('when the cache folder cannot be written to, one sentence says so', FETCHES, async (t) => {
  const folder = touch(temporaryFolder(t), 'a-file');
  const env = { ...fakeEnvironment(folder, 'serve', WHEEL), XDG_CACHE_HOME: join(folder, 'a-file') };
  const { code, output } = await start(env).ended;
  assert.equal(code, 1);
  assert.match(
    output,
    /^tensorgate: libtensorflow could not be saved \(.*\): make ".*" writable, name another cache folder in XDG_CACHE_HOME/,
  );
});
