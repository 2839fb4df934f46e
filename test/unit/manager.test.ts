import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { Manager } from '../../src/core/manager.js';
import type { ServableHandle } from '../../src/core/servable-handle.js';
import { formatManagerState, ManagerState } from '../../src/core/servable-state.js';
import type { AspiredVersion } from '../../src/core/source.js';
import { Code, invalidArgument, type ServingError } from '../../src/errors.js';
import { type CapturedLog, captureLog } from '../support/capture-log.js';
import { FakeLoader, turn } from '../support/fake-loader.js';

let loaders: FakeLoader[];
let events: string[];
let manager: Manager<string>;
let captured: CapturedLog;

beforeEach(() => {
  captured = captureLog();
  loaders = [];
  events = [];
  manager = new Manager({
    createLoader(version) {
      const loader = new FakeLoader(version);
      loaders.push(loader);
      return loader;
    },
    onStateChange: ({ id, state }) => events.push(`${id.name}:${id.version} ${formatManagerState(state)}`),
  });
});

afterEach(() => captured.restore());

function aspire(name: string, ...versions: bigint[]): void {
  manager.setAspiredVersions(
    name,
    versions.map((version): AspiredVersion => {
      const basePath = `/models/${name}`;
      return { id: { name, version }, path: `${basePath}/${version}`, basePath };
    }),
  );
}

function label(name: string, label: string, version: bigint): void {
  manager.setVersionLabels([{ name, basePath: `/models/${name}`, versionLabels: new Map([[label, version]]) }]);
}

function loaderOf(name: string, version: bigint): FakeLoader {
  const loader = loaders.findLast(({ version: { id } }) => id.name === name && id.version === version);
  assert.ok(loader, `version ${version} of ${name} has no loader`);
  return loader;
}

async function serve(name: string, ...versions: bigint[]): Promise<void> {
  aspire(name, ...versions);
  for (const version of [...versions].sort((a, b) => Number(b - a))) await loaderOf(name, version).finishLoad();
}

function withHandle<T>(handle: ServableHandle<string>, fn: (handle: ServableHandle<string>) => T): T {
  try {
    return fn(handle);
  } finally {
    handle.release();
  }
}

function servableOf(name: string, version?: bigint): string {
  const request = version === undefined ? { name } : { name, version };
  return withHandle(manager.acquire(request), (handle) => handle.servable);
}

function throwsServing(fn: () => unknown, code: number, message: string | RegExp): void {
  assert.throws(fn, (error: ServingError) => {
    assert.equal(error.code, code);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

describe('Manager abandons', () => {
  /** Loaders that can be told that nobody wants the version any more. */
  let told: number;

  beforeEach(() => {
    told = 0;
    manager = new Manager({
      createLoader(version) {
        const loader = Object.assign(new FakeLoader(version), { abandon: () => void told++ });
        loaders.push(loader);
        return loader;
      },
      retries: { max: 1, intervalMillis: 2 ** 30 },
      onStateChange: ({ id, state }) => events.push(`${id.name}:${id.version} ${formatManagerState(state)}`),
    });
  });

  it('tells a load that nobody wants the version any more; it ends without an error', async () => {
    aspire('m', 1n);
    aspire('m');
    assert.equal(told, 1);
    await loaderOf('m', 1n).failLoad(invalidArgument('ended'));
    assert.deepEqual(events, ['m:1 START', 'm:1 LOADING', 'm:1 END']);
    assert.equal(manager.states('m')[0]?.error, undefined);
    assert.deepEqual(
      captured.lines().filter((line) => /failed/.test(line)),
      [],
    );
  });

  it('begins again if the version is wanted once more', async () => {
    aspire('m', 1n);
    aspire('m');
    aspire('m', 1n);
    await loaderOf('m', 1n).failLoad(invalidArgument('ended'));
    assert.equal(loaders.length, 2);
    await loaderOf('m', 1n).finishLoad();
    assert.equal(servableOf('m'), 'm:1');
  });

  it('lets a load that ends well all the same be unloaded', async () => {
    aspire('m', 1n);
    aspire('m');
    await loaderOf('m', 1n).finishLoad();
    await loaderOf('m', 1n).finishUnload();
    assert.deepEqual(events, ['m:1 START', 'm:1 LOADING', 'm:1 AVAILABLE', 'm:1 UNLOADING', 'm:1 END']);
  });

  it('tells each load when it is closed', async () => {
    aspire('m', 1n);
    aspire('n', 1n);
    const closed = manager.close();
    assert.equal(told, 2);
    for (const name of ['m', 'n']) await loaderOf(name, 1n).failLoad(invalidArgument('ended'));
    await closed;
  });
});

describe('Manager loads', () => {
  it('loads an aspired version and then serves it', async () => {
    aspire('m', 1n);
    throwsServing(
      () => manager.acquire({ name: 'm' }),
      Code.NOT_FOUND,
      /^Servable not found for request: Latest\(m\)\. /,
    );
    await loaderOf('m', 1n).finishLoad();
    assert.equal(servableOf('m'), 'm:1');
    assert.deepEqual(events, ['m:1 START', 'm:1 LOADING', 'm:1 AVAILABLE']);
  });

  it('loads a new aspired version before it unloads the old one', async () => {
    await serve('m', 1n);
    aspire('m', 2n);
    assert.equal(servableOf('m'), 'm:1');
    assert.equal(loaderOf('m', 1n).unloads, 0);
    await loaderOf('m', 2n).finishLoad();
    assert.equal(servableOf('m'), 'm:2');
    assert.equal(loaderOf('m', 1n).unloads, 1);
    await loaderOf('m', 1n).finishUnload();
    assert.deepEqual(events.slice(-5), ['m:2 START', 'm:2 LOADING', 'm:2 AVAILABLE', 'm:1 UNLOADING', 'm:1 END']);
  });

  it('keeps serving the old version when the new one fails to load', async () => {
    await serve('m', 1n);
    aspire('m', 2n);
    await loaderOf('m', 2n).failLoad(invalidArgument('Broken file.'));
    assert.equal(servableOf('m'), 'm:1');
    assert.equal(loaderOf('m', 1n).unloads, 0);
  });

  it('loads other models when one fails, and shows the failure as END with its error', async () => {
    aspire('bad', 1n);
    aspire('good', 1n);
    const error = invalidArgument('Broken file.');
    await loaderOf('bad', 1n).failLoad(error);
    await loaderOf('good', 1n).finishLoad();
    assert.equal(servableOf('good'), 'good:1');
    assert.deepEqual(manager.states('bad'), [{ id: { name: 'bad', version: 1n }, state: 50, error }]);
  });

  it('logs each step, and a failure with its reason', async () => {
    await serve('m', 1n);
    aspire('bad', 1n);
    await loaderOf('bad', 1n).failLoad(invalidArgument('Broken file.'));
    assert.deepEqual(captured.lines(), [
      'I Loading servable {name: m version: 1}.',
      'I Servable {name: m version: 1} is available.',
      'I Loading servable {name: bad version: 1}.',
      'E Loading servable {name: bad version: 1} failed: Broken file.',
    ]);
  });

  it('takes a loader that cannot be made as a failed load', async () => {
    const failing = new Manager<string>({
      createLoader() {
        throw new Error('no such platform');
      },
    });
    failing.setAspiredVersions('m', [{ id: { name: 'm', version: 1n }, path: '/m/1' }]);
    await failing.settled();
    assert.equal(failing.states('m')[0]?.error?.message, 'no such platform');
  });

  it('does not load a version again when the same list comes again', async () => {
    await serve('m', 1n);
    aspire('m', 1n);
    aspire('bad', 1n);
    await loaderOf('bad', 1n).failLoad(new Error('broken'));
    aspire('bad', 1n);
    await turn();
    assert.equal(loaders.length, 2);
  });

  it('loads a failed version again when it was not wanted in between', async () => {
    aspire('m', 1n);
    await loaderOf('m', 1n).failLoad(new Error('broken'));
    aspire('m');
    await serve('m', 1n);
    assert.equal(servableOf('m'), 'm:1');
  });

  it('never loads a version that is not wanted any more when its turn comes', async () => {
    aspire('m', 1n, 2n);
    aspire('m', 2n);
    await loaderOf('m', 2n).finishLoad();
    assert.deepEqual(
      loaders.map(({ version }) => version.id.version),
      [2n],
    );
    assert.deepEqual(manager.states('m', 1n), [{ id: { name: 'm', version: 1n }, state: 50 }]);
  });

  it('unloads a version that stopped being wanted while it was loading', async () => {
    aspire('m', 1n);
    aspire('m');
    await loaderOf('m', 1n).finishLoad();
    assert.equal(loaderOf('m', 1n).unloads, 1);
  });
});

describe('Manager tries again to load', () => {
  const INTERVAL_MILLIS = 60_000;
  let patient: Manager<string>;
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    patient = new Manager<string>({
      createLoader(version) {
        const loader = new FakeLoader(version);
        loaders.push(loader);
        return loader;
      },
      retries: { max: 2, intervalMillis: INTERVAL_MILLIS },
    });
  });
  afterEach(() => mock.timers.reset());

  function want(...versions: bigint[]): void {
    const aspired = versions.map((version) => ({ id: { name: 'm', version }, path: `/m/${version}` }));
    patient.setAspiredVersions('m', aspired);
  }

  async function fail(version: bigint, tries: number): Promise<void> {
    assert.equal(triesOf(version), tries);
    await loaderOf('m', version).failLoad(new Error('disk full.'));
  }

  /** Each try has a loader of its own. */
  function triesOf(version: bigint): number {
    return loaders.filter((loader) => loader.version.id.version === version && loader.loads === 1).length;
  }

  it('as often as it may, after the interval, LOADING until then, and ends with the error', async () => {
    want(1n);
    await fail(1n, 1);
    assert.deepEqual(patient.states('m'), [{ id: { name: 'm', version: 1n }, state: 20 }]);
    mock.timers.tick(INTERVAL_MILLIS - 1);
    await turn();
    assert.equal(triesOf(1n), 1);
    mock.timers.tick(1);
    await turn();
    await fail(1n, 2);
    mock.timers.tick(INTERVAL_MILLIS);
    await turn();
    await fail(1n, 3);
    assert.equal(patient.states('m')[0]?.state, 50);
    assert.match(patient.states('m')[0]?.error?.message ?? '', /disk full/);
    assert.deepEqual(
      captured.lines().filter((line) => /^[WE] /.test(line)),
      [
        'W Loading servable {name: m version: 1} failed: disk full. It is tried again in 60 s; tries left: 2.',
        'W Loading servable {name: m version: 1} failed: disk full. It is tried again in 60 s; tries left: 1.',
        'E Loading servable {name: m version: 1} failed: disk full.',
      ],
    );
  });

  it('and serves the version when a later try succeeds', async () => {
    want(1n);
    await fail(1n, 1);
    mock.timers.tick(INTERVAL_MILLIS);
    await turn();
    await loaderOf('m', 1n).finishLoad();
    assert.equal(patient.isAvailable('m', 1n), true);
    assert.deepEqual(patient.failures(), []);
  });

  it('not once nobody wants the version any more: a better one is loaded at once', async () => {
    want(1n);
    await fail(1n, 1);
    want(2n);
    await turn();
    await loaderOf('m', 2n).finishLoad();
    assert.equal(patient.isAvailable('m', 2n), true);
    assert.equal(triesOf(1n), 1);
  });

  it('and has tried everything as soon as the first tries are over', async () => {
    want(1n);
    let tried = false;
    void patient.tried().then(() => {
      tried = true;
    });
    await fail(1n, 1);
    assert.equal(tried, true);
    assert.deepEqual(
      patient.failures().map(({ id, isFinal }) => [id.version, isFinal]),
      [[1n, false]],
    );
    await patient.close();
  });

  it('at once when the files of a version that waits for its next try have changed', async () => {
    const wantStamped = (stamp: string) =>
      patient.setAspiredVersions('m', [{ id: { name: 'm', version: 1n }, path: '/m/1', stamp }]);
    wantStamped('a');
    await fail(1n, 1);
    assert.equal(patient.hasFailed({ name: 'm', version: 1n }), true);
    wantStamped('a');
    await turn();
    assert.equal(loaders.length, 1);
    wantStamped('b');
    await turn();
    assert.equal(loaders.length, 2);
    wantStamped('b');
    await loaderOf('m', 1n).finishLoad();
    assert.equal(patient.isAvailable('m', 1n), true);
  });

  it('at once when the files of a version that has ended have changed, and only then', async () => {
    const aspireStamped = (stamp: string) =>
      manager.setAspiredVersions('m', [{ id: { name: 'm', version: 1n }, path: '/m/1', stamp }]);
    aspireStamped('a');
    await loaderOf('m', 1n).failLoad(new Error('broken'));
    assert.equal(manager.hasFailed({ name: 'm', version: 1n }), true);
    aspireStamped('a');
    await turn();
    assert.equal(loaders.length, 1);
    aspireStamped('b');
    await loaderOf('m', 1n).finishLoad();
    assert.equal(servableOf('m'), 'm:1');
  });
});

describe('Manager.limitThreads(): num_load_threads and num_unload_threads', () => {
  const started = (kind: 'loads' | 'unloads') => loaders.filter((loader) => loader[kind] === 1).length;

  it('has the versions of all models load one after the other where that is 1, in the order in which they came', async () => {
    manager.limitThreads(1, 0);
    for (const name of ['a', 'b', 'c']) aspire(name, 1n);
    assert.deepEqual([started('loads'), loaders[0]?.version.id.name], [1, 'a']);
    assert.deepEqual(events, ['a:1 START', 'a:1 LOADING', 'b:1 START', 'c:1 START']);
    await loaderOf('a', 1n).finishLoad();
    assert.deepEqual([started('loads'), loaders[1]?.version.id.name], [2, 'b']);
    await loaderOf('b', 1n).failLoad(new Error('disk full.'));
    assert.equal(started('loads'), 3);
    await loaderOf('c', 1n).finishLoad();
    assert.deepEqual([servableOf('a'), servableOf('c')], ['a:1', 'c:1']);
  });

  it('has two load side by side where that is 2, and all where it is 0 or less', async () => {
    manager.limitThreads(2, 2);
    for (const name of ['a', 'b', 'c', 'd']) aspire(name, 1n);
    assert.equal(started('loads'), 2);
    for (const name of ['a', 'b', 'c', 'd']) await loaderOf(name, 1n).finishLoad();
    for (const none of [0, -1]) {
      loaders = [];
      manager.limitThreads(none, none);
      for (const name of ['x', 'y', 'z']) aspire(`${name}${none}`, 1n);
      assert.equal(started('loads'), 3);
    }
  });

  it('does not hold up the first loads, which come before it, and lets none begin until there is room again', async () => {
    for (const name of ['a', 'b', 'c']) aspire(name, 1n);
    assert.equal(started('loads'), 3);
    manager.limitThreads(1, 1);
    aspire('d', 1n);
    for (const name of ['a', 'b']) await loaderOf(name, 1n).finishLoad();
    assert.equal(started('loads'), 3);
    await loaderOf('c', 1n).finishLoad();
    assert.equal(started('loads'), 4);
  });

  it('has the versions of all models unloaded one after the other where that is 1', async () => {
    await serve('a', 1n);
    await serve('b', 1n);
    manager.limitThreads(0, 1);
    for (const name of ['a', 'b']) aspire(name);
    assert.equal(started('unloads'), 1);
    await loaderOf('a', 1n).finishUnload();
    assert.equal(started('unloads'), 2);
    await loaderOf('b', 1n).finishUnload();
    assert.equal(events.at(-1), 'b:1 END');
  });

  it('never loads a version that nobody wants any more when its turn comes; one that is wanted anew, it does', async () => {
    manager.limitThreads(1, 0);
    for (const name of ['a', 'b', 'c']) aspire(name, 1n);
    aspire('b');
    aspire('c');
    aspire('c', 1n);
    await loaderOf('a', 1n).finishLoad();
    assert.deepEqual(
      loaders.map(({ version }) => version.id.name),
      ['a', 'c'],
    );
    assert.deepEqual(manager.states('b'), [{ id: { name: 'b', version: 1n }, state: 50 }]);
    aspire('b', 1n);
    await loaderOf('c', 1n).finishLoad();
    await loaderOf('b', 1n).finishLoad();
    assert.equal(servableOf('b'), 'b:1');
  });
});

describe('Manager unloads', () => {
  it('waits for the last handle before it unloads, and gives out no new one meanwhile', async () => {
    await serve('m', 1n);
    const first = manager.acquire({ name: 'm' });
    const second = manager.acquire({ name: 'm' });
    aspire('m');
    throwsServing(() => manager.acquire({ name: 'm' }), Code.NOT_FOUND, /1 UNLOADING/);
    first.release();
    first.release();
    await turn();
    assert.equal(loaderOf('m', 1n).unloads, 0);
    second.release();
    await turn();
    assert.equal(loaderOf('m', 1n).unloads, 1);
  });

  it('loads the next version although a handle holds back the unload of an old one', async () => {
    await serve('m', 1n);
    const held = manager.acquire({ name: 'm' });
    await serve('m', 2n);
    await serve('m', 3n);
    assert.equal(servableOf('m'), 'm:3');
    assert.equal(loaderOf('m', 1n).unloads, 0);
    held.release();
    await turn();
    assert.equal(loaderOf('m', 1n).unloads, 1);
  });

  it('loads a version again that is wanted again while it is being unloaded', async () => {
    await serve('m', 1n);
    aspire('m');
    aspire('m', 1n);
    await turn();
    await loaderOf('m', 1n).finishUnload();
    await loaderOf('m', 1n).finishLoad();
    assert.equal(loaders.length, 2);
    assert.equal(servableOf('m'), 'm:1');
  });

  it('ends a version even if its loader fails to unload it', async () => {
    await serve('m', 1n);
    aspire('m');
    await turn();
    await loaderOf('m', 1n).failUnload(new Error('stuck'));
    assert.equal(manager.states('m')[0]?.state, 50);
  });
});

describe('Manager.acquire()', () => {
  it('gives the newest available version where none is asked for', async () => {
    aspire('m', 2n, 10n);
    await loaderOf('m', 10n).failLoad(new Error('broken'));
    await loaderOf('m', 2n).finishLoad();
    assert.equal(servableOf('m'), 'm:2');
  });

  it('gives the version that is asked for, with its id', async () => {
    await serve('m', 1n, 2n);
    assert.equal(servableOf('m', 1n), 'm:1');
    assert.deepEqual(
      withHandle(manager.acquire({ name: 'm', version: 2n }), ({ id }) => id),
      { name: 'm', version: 2n },
    );
  });

  it('says which versions there are when the one asked for is not available', async () => {
    await serve('m', 1n);
    throwsServing(
      () => manager.acquire({ name: 'm', version: 7n }),
      Code.NOT_FOUND,
      'Servable not found for request: Specific(m, 7). Versions of model m: 1 AVAILABLE.',
    );
  });

  it('says why a version is not available when it failed to load', async () => {
    aspire('m', 1n);
    await loaderOf('m', 1n).failLoad(invalidArgument('Broken file.'));
    throwsServing(
      () => manager.acquire({ name: 'm' }),
      Code.NOT_FOUND,
      'Servable not found for request: Latest(m). Versions of model m: 1 END (Broken file.).',
    );
  });

  it('says which models there are when the one asked for is unknown', async () => {
    await serve('a', 1n);
    await serve('b', 1n);
    throwsServing(
      () => manager.acquire({ name: 'A' }),
      Code.NOT_FOUND,
      'Servable not found for request: Latest(A). Available models: a, b.',
    );
  });

  it('refuses a version label that there is not, and says which there are', async () => {
    await serve('m', 1n);
    const request = { name: 'm', versionLabel: 'stable' };
    throwsServing(
      () => manager.acquire(request),
      Code.INVALID_ARGUMENT,
      'Unrecognized servable version label: stable. Model m has no version labels.',
    );
    label('m', 'canary', 1n);
    throwsServing(
      () => manager.acquire(request),
      Code.INVALID_ARGUMENT,
      'Unrecognized servable version label: stable. Labels of model m: canary.',
    );
  });

  it('gives the version that a label stands for, the case of letters counting', async () => {
    await serve('m', 1n, 2n);
    label('m', 'stable', 1n);
    const request = { name: 'm', versionLabel: 'stable' };
    assert.equal(
      withHandle(manager.acquire(request), ({ servable }) => servable),
      'm:1',
    );
    assert.equal(
      withHandle(manager.acquire({ ...request, name: '' }), ({ servable }) => servable),
      'm:1',
    );
    throwsServing(
      () => manager.acquire({ name: 'm', versionLabel: 'Stable' }),
      Code.INVALID_ARGUMENT,
      /label: Stable\./,
    );
    throwsServing(
      () => manager.acquire({ name: 'x', versionLabel: 'stable' }),
      Code.INVALID_ARGUMENT,
      /label: stable\./,
    );
  });

  it('finds nothing for a label whose version is not available', async () => {
    await serve('m', 1n);
    label('m', 'next', 2n);
    throwsServing(
      () => manager.acquire({ name: 'm', versionLabel: 'next' }),
      Code.NOT_FOUND,
      /^Servable not found for request: Specific\(m, 2\)\. /,
    );
  });

  it('takes an empty name as the only model', async () => {
    await serve('m', 1n);
    assert.equal(servableOf(''), 'm:1');
  });

  it('takes an empty name as the only model that has not been removed', async () => {
    await serve('old', 1n);
    aspire('old');
    await turn();
    await loaderOf('old', 1n).finishUnload();
    await serve('m', 1n);
    assert.equal(servableOf(''), 'm:1');
  });

  it('refuses an empty name where there are several models, and lists them', async () => {
    await serve('a', 1n);
    await serve('b', 1n);
    throwsServing(
      () => manager.acquire({ name: '' }),
      Code.INVALID_ARGUMENT,
      /^ModelSpec has no name specified\. .*: a, b\.$/,
    );
  });

  it('finds nothing for an empty name where there is no model', () => {
    throwsServing(
      () => manager.acquire({ name: '' }),
      Code.NOT_FOUND,
      /^Servable not found for request: Latest\(\)\. /,
    );
  });
});

describe('Manager.states()', () => {
  it('has the numbers of GetModelStatusResponse: START 10, LOADING 20, AVAILABLE 30, UNLOADING 40, END 50', async () => {
    const state = () => manager.states('m')[0]?.state;
    aspire('m', 1n);
    assert.equal(state(), 20);
    await loaderOf('m', 1n).finishLoad();
    assert.equal(state(), 30);
    aspire('m');
    assert.equal(state(), 40);
    await loaderOf('m', 1n).finishUnload();
    assert.equal(state(), 50);
    assert.equal(ManagerState.START, 10);
  });

  it('shows all versions ever seen, newest first, ended ones included', async () => {
    await serve('m', 9n);
    await serve('m', 10n);
    await loaderOf('m', 9n).finishUnload();
    assert.deepEqual(
      manager.states('m').map(({ id, state }) => [id.version, state]),
      [
        [10n, 30],
        [9n, 50],
      ],
    );
    assert.deepEqual(manager.names(), ['m']);
  });

  it('shows one version alone', async () => {
    await serve('m', 1n, 2n);
    assert.deepEqual(manager.states('m', 1n), [{ id: { name: 'm', version: 1n }, state: 30 }]);
  });

  it('finds no version of an unknown model, nor of one without versions', () => {
    throwsServing(() => manager.states('m'), Code.NOT_FOUND, /^Could not find any versions of model m\. /);
    aspire('m');
    throwsServing(() => manager.states('m'), Code.NOT_FOUND, /^Could not find any versions of model m\. /);
  });

  it('finds no version that was never seen', async () => {
    await serve('m', 1n);
    throwsServing(() => manager.states('m', 7n), Code.NOT_FOUND, /^Could not find version 7 of model m\. .*: 1\.$/);
  });
});

describe('Manager.settled() and close()', () => {
  it('is settled at once where nothing is aspired', () => manager.settled());

  it('is settled when each aspired version is available or has failed', async () => {
    aspire('a', 1n);
    aspire('b', 1n);
    let settled = false;
    const done = manager.settled().then(() => {
      settled = true;
    });
    await loaderOf('a', 1n).finishLoad();
    assert.equal(settled, false);
    await loaderOf('b', 1n).failLoad(new Error('broken'));
    await done;
  });

  it('is not settled by the end of a version when its successor still has to load', async () => {
    aspire('m', 1n, 2n);
    let settled = false;
    void manager.settled().then(() => {
      settled = true;
    });
    aspire('m', 2n, 3n);
    await loaderOf('m', 2n).finishLoad();
    assert.equal(settled, false);
    await loaderOf('m', 3n).finishLoad();
    assert.equal(settled, true);
  });

  it('closes when everything is unloaded and takes no versions any more', async () => {
    await serve('m', 1n);
    const held = manager.acquire({ name: 'm' });
    let closed = false;
    const closing = manager.close().then(() => {
      closed = true;
    });
    aspire('m', 2n);
    held.release();
    await turn();
    assert.equal(closed, false);
    await loaderOf('m', 1n).finishUnload();
    await closing;
    assert.equal(loaders.length, 1);
    await manager.close();
  });

  it('closes after a load that was under way has been undone', async () => {
    aspire('m', 1n);
    const closing = manager.close();
    await loaderOf('m', 1n).finishLoad();
    await loaderOf('m', 1n).finishUnload();
    await closing;
    assert.equal(manager.states('m')[0]?.state, 50);
  });
});
