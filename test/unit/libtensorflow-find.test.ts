import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Environment,
  FRAMEWORK,
  HEADERS,
  LIBRARY,
  SCRIPTS,
  temporaryFolder,
  touch,
  touchFetchedLibrary,
} from '../support/fake-libtensorflow.js';

interface Found {
  directory: string;
  frameworkLibrary: string;
  library: string;
  includeDirectory?: string;
  version?: string;
  source: string;
}

const { findLibtensorflow } = (await import(new URL('libtensorflow/find.mjs', SCRIPTS).href)) as {
  findLibtensorflow: (env: Environment, options?: { needHeaders?: boolean }) => Found | undefined;
};
const { cachedFolder, ownArchitecture } = (await import(new URL('libtensorflow/cache.mjs', SCRIPTS).href)) as {
  cachedFolder: (flavour: string, architecture: string, env: Environment) => string;
  ownArchitecture: () => string;
};

const ofFlavour = (flavour: string, env: Environment) => cachedFolder(flavour, ownArchitecture(), env);

function refuses(env: Environment, message: RegExp, options?: { needHeaders: boolean }): void {
  assert.throws(() => findLibtensorflow(env, options), { name: 'SetupError', message });
}

test('the library that LIBTENSORFLOW_DIR names goes before the cached one', (t) => {
  const folder = temporaryFolder(t);
  const env = { XDG_CACHE_HOME: join(folder, 'cache') };
  touchFetchedLibrary(ofFlavour('cpu', env));
  const own = touch(join(folder, 'own'), FRAMEWORK, LIBRARY, ...HEADERS);

  assert.deepEqual(findLibtensorflow({ ...env, LIBTENSORFLOW_DIR: own }), {
    directory: own,
    frameworkLibrary: join(own, FRAMEWORK),
    library: join(own, LIBRARY),
    includeDirectory: join(own, 'include'),
    source: 'LIBTENSORFLOW_DIR',
  });
  assert.equal(findLibtensorflow({ ...env, LIBTENSORFLOW_DIR: '' })?.source, 'cache');
});

test('the fetched library is found in the cache folder, with its version', (t) => {
  const env = { XDG_CACHE_HOME: temporaryFolder(t) };
  const directory = touchFetchedLibrary(ofFlavour('cpu', env));

  const found = findLibtensorflow(env);
  assert.equal(found?.directory, directory);
  assert.equal(found?.includeDirectory, join(directory, 'include'));
  assert.match(found?.version ?? '', /^\d+\.\d+\.\d+$/);
});

test('without XDG_CACHE_HOME, or with a relative one, the cache is ~/.cache', (t) => {
  const HOME = temporaryFolder(t);
  const directory = touchFetchedLibrary(ofFlavour('cpu', { HOME }));
  assert.ok(directory.startsWith(join(HOME, '.cache', 'tensorgate')));
  assert.equal(findLibtensorflow({ HOME })?.directory, directory);
  assert.equal(findLibtensorflow({ HOME, XDG_CACHE_HOME: 'relative' })?.directory, directory);
});

test('nothing is found where nothing is', (t) => {
  assert.equal(findLibtensorflow({ XDG_CACHE_HOME: temporaryFolder(t) }), undefined);
});

test('a cached folder that lacks a library or the headers is not taken', (t) => {
  const env = { XDG_CACHE_HOME: temporaryFolder(t) };
  const directory = join(ofFlavour('cpu', env), 'tensorflow');
  touch(directory, LIBRARY, ...HEADERS);
  assert.equal(findLibtensorflow(env), undefined);
  touch(directory, FRAMEWORK);
  assert.equal(findLibtensorflow(env)?.directory, directory);
});

test('a folder that is still being written is not taken', (t) => {
  const env = { XDG_CACHE_HOME: temporaryFolder(t) };
  const partial = touchFetchedLibrary(join(`${ofFlavour('cpu', env)}.partial-host-1-00000000`, 'library'));
  assert.match(partial, /partial/);
  assert.equal(findLibtensorflow(env), undefined);
});

test('a cached GPU build is preferred, unless TENSORGATE_TENSORFLOW says otherwise', (t) => {
  const env = { XDG_CACHE_HOME: temporaryFolder(t) };
  const cpu = touchFetchedLibrary(ofFlavour('cpu', env));
  assert.equal(findLibtensorflow({ ...env, TENSORGATE_TENSORFLOW: 'gpu' }), undefined);

  const gpu = touchFetchedLibrary(ofFlavour('gpu', env));
  assert.equal(findLibtensorflow(env)?.directory, gpu);
  assert.equal(findLibtensorflow({ ...env, TENSORGATE_TENSORFLOW: 'gpu' })?.directory, gpu);
  assert.equal(findLibtensorflow({ ...env, TENSORGATE_TENSORFLOW: 'cpu' })?.directory, cpu);
});

test('an unknown TENSORGATE_TENSORFLOW is refused', () => {
  refuses(
    { TENSORGATE_TENSORFLOW: 'tpu' },
    /^TENSORGATE_TENSORFLOW is "tpu", but there are only "cpu" .*and "gpu"; set it/,
  );
});

test('LIBTENSORFLOW_DIR may name a folder whose lib or tensorflow folder holds the libraries', (t) => {
  const folder = temporaryFolder(t);
  for (const inside of ['lib', 'tensorflow']) {
    const own = join(folder, inside, 'own');
    touch(own, join(inside, FRAMEWORK), join(inside, LIBRARY), ...HEADERS);
    const found = findLibtensorflow({ LIBTENSORFLOW_DIR: own });
    assert.equal(found?.directory, join(own, inside));
    assert.equal(found?.includeDirectory, join(own, 'include'));
  }
});

test('LIBTENSORFLOW_DIR may name the lib folder itself, with include beside it', (t) => {
  const folder = touch(temporaryFolder(t), join('lib', FRAMEWORK), join('lib', LIBRARY), ...HEADERS);
  const found = findLibtensorflow({ LIBTENSORFLOW_DIR: join(folder, 'lib') });
  assert.equal(found?.includeDirectory, join(folder, 'include'));
});

test('the library may be the one of the C package', (t) => {
  const folder = touch(temporaryFolder(t), join('lib', FRAMEWORK), 'lib/libtensorflow.so.2', ...HEADERS);
  assert.equal(findLibtensorflow({ LIBTENSORFLOW_DIR: folder })?.library, join(folder, 'lib', 'libtensorflow.so.2'));
});

test('headers are asked for by a build only', (t) => {
  const folder = touch(temporaryFolder(t), FRAMEWORK, LIBRARY);
  assert.equal(findLibtensorflow({ LIBTENSORFLOW_DIR: folder })?.includeDirectory, undefined);
  refuses({ LIBTENSORFLOW_DIR: folder }, /has no include\/tensorflow\/c\/c_api\.h .* the build needs; set it to/, {
    needHeaders: true,
  });
});

test('a LIBTENSORFLOW_DIR that will not do is refused with the folder, what is missing, and the remedy', (t) => {
  const folder = temporaryFolder(t);
  const none = touch(join(folder, 'none'), 'README');
  const noFramework = touch(join(folder, 'no-framework'), `lib/${LIBRARY}`);
  const noLibrary = touch(join(folder, 'no-library'), FRAMEWORK);
  const remedy = 'set it to a folder that holds libtensorflow_framework.so.2 and libtensorflow_cc.so.2 .* or unset it';
  const cases: [string, string][] = [
    [join(folder, 'nowhere'), 'is not a folder'],
    [join(none, 'README'), 'is not a folder'],
    [none, `has neither ${FRAMEWORK} nor ${LIBRARY} or libtensorflow.so.2`],
    [noFramework, `has ${LIBRARY} without ${FRAMEWORK}`],
    [noLibrary, `has ${FRAMEWORK} without ${LIBRARY} or libtensorflow.so.2`],
  ];
  for (const [named, what] of cases) {
    refuses(
      { LIBTENSORFLOW_DIR: named },
      new RegExp(`^LIBTENSORFLOW_DIR names "${named}", which ${what}.*; ${remedy}`),
    );
  }
});
