/**
 * Stand-ins for everything around scripts/libtensorflow: folders that look like an installed library, and a python3
 * whose pip serves a small wheel from disk, fails, or hangs. Nothing here touches the network or the user's own cache.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The scripts are plain JavaScript outside dist, so they are reached from where the compiled tests lie. */
export const SCRIPTS = new URL('../../../scripts/', import.meta.url);
export const FETCH_SCRIPT = fileURLToPath(new URL('libtensorflow/main.mjs', SCRIPTS));

export type Environment = Record<string, string | undefined>;

const [, REAL_PYTHON] = /^(.+)$/m.exec(
  spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).stdout ?? '',
) ?? [undefined, undefined];

/**
 * For `test`'s options: a library is fetched on Linux only, and unpacking a wheel is Python's work, also in these
 * tests.
 */
export const FETCHES = {
  skip: process.platform !== 'linux' ? 'fetching is for Linux' : REAL_PYTHON ? false : 'python3 is not installed',
  timeout: 60_000,
};

/** A folder of this test's own, gone when it ends. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return folder;
}

/** Makes empty files, and the folders they are in. */
export function touch(folder: string, ...names: string[]): string {
  for (const path of names.map((name) => join(folder, name))) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
  }
  return folder;
}

export const FRAMEWORK = 'libtensorflow_framework.so.2';
export const LIBRARY = 'libtensorflow_cc.so.2';
export const HEADERS = ['include/tensorflow/c/c_api.h', 'include/tensorflow/c/tf_tstring.h'];

/** A whole library as fetching lays it out, in `folder`/tensorflow. */
export function touchFetchedLibrary(folder: string): string {
  return touch(join(folder, 'tensorflow'), FRAMEWORK, LIBRARY, ...HEADERS);
}

/** What the fake pip does when it is asked to download. */
export type PipBehaviour = 'serve' | 'hang' | 'refuse' | 'absent';

/**
 * An environment whose cache is below `folder` and whose python3 has the fake pip. `wheelFiles` are the wheel's
 * members, each with its own name as text; `refusal` is what pip prints as it fails.
 */
export function fakeEnvironment(
  folder: string,
  pip: PipBehaviour,
  { wheelFiles = [] as string[], refusal = '' } = {},
): Environment {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'python3'), `#!${process.execPath}\n${FAKE_PYTHON}`);
  chmodSync(join(bin, 'python3'), 0o755);
  return {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    FAKE_PIP: pip,
    FAKE_PIP_REFUSAL: refusal,
    FAKE_WHEEL: pip === 'serve' ? makeWheel(join(folder, 'fake.whl'), wheelFiles) : '',
    REAL_PYTHON,
  };
}

function makeWheel(path: string, names: string[]): string {
  const program =
    'import sys, zipfile\n' +
    'with zipfile.ZipFile(sys.argv[1], "w") as wheel:\n' +
    '    for name in sys.argv[2:]:\n' +
    '        info = zipfile.ZipInfo(name)\n' +
    '        info.external_attr = (0o100755 if "/bin/" in name else 0o100644) << 16\n' +
    '        wheel.writestr(info, name)\n';
  const made = spawnSync(REAL_PYTHON ?? 'python3', ['-c', program, path, ...names], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  return path;
}

/**
 * CommonJS, for the file has no extension. While it hangs it watches its parent, lest it outlive a test that kills that
 * one; which may have happened before it began to (its parent is then the first process).
 */
const FAKE_PYTHON = `
const { copyFileSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const args = process.argv.slice(2);
const { FAKE_PIP, FAKE_PIP_REFUSAL, FAKE_WHEEL, REAL_PYTHON } = process.env;
if (args[1] === 'pip' && FAKE_PIP === 'absent') process.exit(1);
else if (args[1] === 'pip' && args[2] === '--version') process.exit(0);
else if (args[0] === '-c' && FAKE_PIP === 'absent') process.exit(1);
else if (args[1] !== 'pip') process.exit(spawnSync(REAL_PYTHON, args, { stdio: 'inherit' }).status ?? 1);
else if (FAKE_PIP === 'serve') copyFileSync(FAKE_WHEEL, args[args.indexOf('--dest') + 1] + '/served.whl');
else if (FAKE_PIP === 'refuse') { console.error(FAKE_PIP_REFUSAL); process.exit(1); }
else {
  const parent = process.ppid;
  setInterval(() => (process.ppid === parent && parent !== 1) || process.exit(1), 50);
}
`;
