/** Versions of one number from different places: a model that is moved. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Manager, type ManagerOptions } from '../../src/core/manager.js';
import { ManagerState } from '../../src/core/servable-state.js';
import { TRANSITION_POLICIES } from '../../src/core/version-policy.js';
import { invalidArgument, type ServingError } from '../../src/errors.js';
import { type CapturedLog, captureLog } from '../support/capture-log.js';
import { FakeLoader, turn } from '../support/fake-loader.js';

class PlacedLoader extends FakeLoader {
  abandoned = false;
  override load(): Promise<string> {
    return super.load().then(() => this.version.path);
  }
  abandon(): void {
    this.abandoned = true;
  }
}

let loaders: PlacedLoader[];
let manager: Manager<string>;
let captured: CapturedLog;

beforeEach(() => {
  captured = captureLog();
  create();
});
afterEach(() => captured.restore());

function create(options: Partial<ManagerOptions<string>> = {}): void {
  loaders = [];
  manager = new Manager({
    createLoader(version) {
      const loader = new PlacedLoader(version);
      loaders.push(loader);
      return loader;
    },
    ...options,
  });
}

/** All of `m` that is wanted, as its base path and version numbers. */
function aspire(base: string, ...versions: bigint[]): void {
  manager.setAspiredVersions(
    'm',
    versions.map((version) => ({ id: { name: 'm', version }, path: `/${base}/${version}`, basePath: `/${base}` })),
  );
}

function label(base: string, labels: Record<string, bigint>): void {
  manager.setVersionLabels([{ name: 'm', basePath: `/${base}`, versionLabels: new Map(Object.entries(labels)) }]);
}

function loaderOf(path: string): PlacedLoader {
  const loader = loaders.findLast(({ version }) => version.path === path);
  assert.ok(loader, `${path} has no loader`);
  return loader;
}

async function serve(base: string, ...versions: bigint[]): Promise<void> {
  aspire(base, ...versions);
  for (const version of versions.sort((a, b) => Number(b - a))) await loaderOf(`/${base}/${version}`).finishLoad();
}

/** The path of what answers. */
function answer(request: { readonly version?: bigint; readonly versionLabel?: string } = {}): string {
  const handle = manager.acquire({ name: 'm', ...request });
  handle.release();
  return handle.servable;
}

const states = () => manager.states('m').map(({ id, state, error }) => [id.version, state, error?.message]);
const { AVAILABLE, LOADING, END } = ManagerState;

describe('A version that moves', () => {
  it('is loaded from its new place before the old one goes, and shown as one version', async () => {
    await serve('a', 1n);
    aspire('b', 1n);
    assert.equal(answer(), '/a/1');
    assert.deepEqual(states(), [[1n, AVAILABLE, undefined]]);
    assert.ok(manager.isMoving('m'));
    await loaderOf('/b/1').finishLoad();
    assert.equal(answer({ version: 1n }), '/b/1');
    assert.ok(!manager.isMoving('m') && manager.isServedFrom('m', '/b'));
    assert.equal(loaderOf('/a/1').unloads, 1);
    await loaderOf('/a/1').finishUnload();
    assert.deepEqual(states(), [[1n, AVAILABLE, undefined]]);
  });

  it('answers from its new place in the very moment in which settled() resolves', async () => {
    await serve('a', 1n);
    aspire('b', 1n);
    const settled = manager.settled().then(() => answer());
    await loaderOf('/b/1').finishLoad();
    assert.equal(await settled, '/b/1');
  });

  it('is not loaded again where it only has another path to the same place', async () => {
    await serve('a', 1n);
    const version = { id: { name: 'm', version: 1n }, path: '/link/1', place: '/a/1', basePath: '/link' };
    manager.setAspiredVersions('m', [version]);
    assert.equal(loaders.length, 1);
    assert.ok(manager.isServedFrom('m', '/link'));
  });

  it('keeps each number served until its own successor is there', async () => {
    await serve('a', 1n, 2n, 3n);
    aspire('b', 1n, 2n);
    await loaderOf('/b/2').finishLoad();
    assert.equal(answer({ version: 2n }), '/b/2');
    assert.equal(answer({ version: 1n }), '/a/1');
    assert.throws(() => answer({ version: 3n }), /Specific\(m, 3\)/);
    assert.ok(!manager.isServedFrom('m', '/b'));
    await loaderOf('/b/1').finishLoad();
    assert.equal(answer({ version: 1n }), '/b/1');
    assert.ok(manager.isServedFrom('m', '/b'));
  });

  it('goes on to be served from its old place if the new one cannot be loaded, and its state says why', async () => {
    await serve('a', 1n);
    aspire('b', 1n);
    await loaderOf('/b/1').failLoad(invalidArgument('Broken file.'));
    await manager.settled();
    assert.equal(answer(), '/a/1');
    const [[, state, message] = []] = states();
    assert.equal(state, AVAILABLE);
    assert.match(String(message), /has this version at \/b\/1, which .* from \/a\/1 is still served: Broken file\.$/);
    assert.deepEqual(
      manager.failures().map(({ error }: { error: ServingError }) => error.message),
      ['Broken file.'],
    );
    assert.ok(manager.hasFailed({ name: 'm', version: 1n }));
    aspire('a', 1n);
    assert.deepEqual(states(), [[1n, AVAILABLE, undefined]]);
    assert.equal(manager.hasFailed({ name: 'm', version: 1n }), false);
    assert.equal(loaders.length, 2);
    aspire('b', 1n);
    assert.equal(loaders.length, 3, 'a place that is wanted anew is tried anew');
  });

  it('that moves back while it is being loaded has never been away', async () => {
    await serve('a', 1n);
    aspire('b', 1n);
    aspire('a', 1n);
    assert.ok(loaderOf('/b/1').abandoned);
    await manager.settled();
    assert.equal(answer(), '/a/1');
    await loaderOf('/b/1').finishLoad();
    assert.equal(answer(), '/a/1');
    await loaderOf('/b/1').finishUnload();
    assert.deepEqual(states(), [[1n, AVAILABLE, undefined]]);
    assert.equal(loaderOf('/a/1').unloads, 0);
  });

  it('that moves back while its old place is being unloaded is loaded from there again, and served meanwhile', async () => {
    await serve('a', 1n);
    const held = manager.acquire({ name: 'm' });
    await serve('b', 1n);
    aspire('a', 1n);
    assert.equal(answer(), '/b/1');
    let isSettled = false;
    const settled = manager.settled().then(() => {
      isSettled = true;
    });
    held.release();
    await turn();
    await loaderOf('/a/1').finishUnload();
    assert.equal(loaders.length, 3);
    assert.equal(isSettled, false);
    assert.equal(answer(), '/b/1');
    await loaderOf('/a/1').finishLoad();
    await settled;
    assert.equal(answer(), '/a/1');
    await loaderOf('/b/1').finishUnload();
  });

  it('that moves on while it is being loaded is never served from the place in between', async () => {
    await serve('a', 1n);
    aspire('b', 1n);
    aspire('c', 1n);
    await loaderOf('/b/1').finishLoad();
    assert.equal(answer(), '/a/1');
    assert.equal(loaderOf('/b/1').unloads, 1);
    await loaderOf('/b/1').finishUnload();
    await loaderOf('/c/1').finishLoad();
    assert.equal(answer(), '/c/1');
  });

  it('moves although its load from the old place is under way', async () => {
    aspire('a', 1n);
    aspire('b', 1n);
    assert.ok(loaderOf('/a/1').abandoned);
    assert.deepEqual(states(), [[1n, ManagerState.START, undefined]]);
    await loaderOf('/a/1').failLoad(new Error('abandoned'));
    assert.deepEqual(states(), [[1n, LOADING, undefined]]);
    await loaderOf('/b/1').finishLoad();
    assert.equal(answer(), '/b/1');
  });

  it('moves although its load from the old place waits to be tried again', async () => {
    create({ retries: { max: 5, intervalMillis: 3_600_000 } });
    aspire('a', 1n);
    await loaderOf('/a/1').failLoad(new Error('broken'));
    aspire('b', 1n);
    await turn();
    await loaderOf('/b/1').finishLoad();
    assert.equal(answer(), '/b/1');
    assert.deepEqual(states(), [[1n, AVAILABLE, undefined]]);
  });

  it('is unloaded before it is loaded from its new place by the resource-preserving policy', async () => {
    create({ transitionPolicy: TRANSITION_POLICIES.resource_preserving });
    await serve('a', 1n);
    aspire('b', 1n);
    assert.equal(loaders.length, 1);
    assert.throws(() => answer(), /Latest\(m\)/);
    await loaderOf('/a/1').finishUnload();
    await loaderOf('/b/1').finishLoad();
    assert.equal(answer(), '/b/1');
  });

  it('is unloaded from all its places when nobody wants it any more', async () => {
    await serve('a', 1n);
    aspire('b', 1n);
    const closing = manager.close();
    await loaderOf('/a/1').finishUnload();
    await loaderOf('/b/1').finishLoad();
    await loaderOf('/b/1').finishUnload();
    await closing;
    assert.deepEqual(states(), [[1n, END, undefined]]);
  });

  it('tells its places in the log, and only then', async () => {
    await serve('a', 1n);
    await serve('b', 1n);
    await loaderOf('/a/1').finishUnload();
    assert.deepEqual(captured.lines(), [
      'I Loading servable {name: m version: 1}.',
      'I Servable {name: m version: 1} is available.',
      'I Loading servable {name: m version: 1} at /b/1.',
      'I Servable {name: m version: 1} at /b/1 is available.',
      'I Unloading servable {name: m version: 1} at /a/1.',
      'I Servable {name: m version: 1} at /a/1 is unloaded.',
    ]);
  });
});

describe('A label of a model that moves', () => {
  beforeEach(async () => {
    await serve('a', 1n, 2n);
    label('a', { stable: 1n, canary: 2n });
  });

  it('means the version at the old place until all of the model is served from the new one', async () => {
    label('b', { stable: 2n, next: 1n });
    aspire('b', 1n, 2n);
    assert.equal(manager.labelledVersion('m', 'stable'), 2n);
    await loaderOf('/b/2').finishLoad();
    assert.equal(answer({ version: 2n }), '/b/2');
    assert.equal(answer({ versionLabel: 'stable' }), '/a/1');
    assert.equal(answer({ versionLabel: 'canary' }), '/a/2');
    assert.throws(() => answer({ versionLabel: 'next' }), /Unrecognized servable version label: next/);
    await loaderOf('/b/1').finishLoad();
    assert.equal(answer({ versionLabel: 'stable' }), '/b/2');
    assert.equal(answer({ versionLabel: 'next' }), '/b/1');
    assert.throws(() => answer({ versionLabel: 'canary' }), /Unrecognized servable version label: canary/);
    for (const path of ['/a/1', '/a/2']) assert.equal(loaderOf(path).unloads, 1, path);
  });

  it('stays where it is if the new place cannot be loaded', async () => {
    label('b', { stable: 2n });
    aspire('b', 1n, 2n);
    await loaderOf('/b/2').finishLoad();
    await loaderOf('/b/1').failLoad(new Error('broken'));
    assert.equal(answer({ versionLabel: 'stable' }), '/a/1');
    assert.equal(answer({ versionLabel: 'canary' }), '/a/2');
    label('a', { stable: 2n });
    aspire('a', 1n, 2n);
    assert.equal(answer({ versionLabel: 'stable' }), '/a/2');
  });

  it('moves at once within the same place', () => {
    label('a', { stable: 2n });
    assert.equal(answer({ versionLabel: 'stable' }), '/a/2');
  });

  it('is gone at once with the model', () => {
    manager.setVersionLabels([]);
    assert.throws(() => answer({ versionLabel: 'stable' }), /Unrecognized servable version label: stable/);
  });
});
