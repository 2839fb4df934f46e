/** Whatever order a Source, loads that are slow or fail, limits and requests come in: nothing hangs, nothing stays in memory. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { Loader } from '../../src/core/loader.js';
import { Manager } from '../../src/core/manager.js';
import type { ServableHandle, ServableRequest } from '../../src/core/servable-handle.js';
import { ManagerState, type ServableState } from '../../src/core/servable-state.js';
import type { AspiredVersion } from '../../src/core/source.js';
import { TRANSITION_POLICIES } from '../../src/core/version-policy.js';
import { captureLog } from '../support/capture-log.js';
import { checkProperty, fuzzRuns } from '../support/check-property.js';
import { turn } from '../support/fake-loader.js';

/** As many as take a few seconds; a fifth of what decoders get, since each is many turns of the event loop. */
const numRuns = fuzzRuns() / 5;
const HANGS_MILLIS = 10_000;
const NAMES = ['a', 'b', 'c'];
/** Base paths: models move among them. */
const BASES = ['/x', '/y', '/x', '/z'];
const LABEL = 'stable';

/** How long each half of a loader's life takes, in turns, and how the load ends. */
interface Fate {
  readonly loadTurns: number;
  readonly unloadTurns: number;
  readonly fails: boolean;
  readonly minds: boolean;
}

class SlowLoader implements Loader<string> {
  readonly path: string;
  state: 'new' | 'loading' | 'loaded' | 'failed' | 'unloading' | 'unloaded' = 'new';
  #abandoned = false;
  readonly #fate: Fate;

  constructor(path: string, fate: Fate) {
    this.path = path;
    this.#fate = fate;
  }

  async load(): Promise<string> {
    this.#move('new', 'loading');
    for (let i = 0; i < this.#fate.loadTurns && !(this.#abandoned && this.#fate.minds); i++) await turn();
    const fails = this.#fate.fails || (this.#abandoned && this.#fate.minds);
    this.#move('loading', fails ? 'failed' : 'loaded');
    if (fails) throw new Error('broken');
    return this.path;
  }

  abandon(): void {
    this.#abandoned = true;
  }

  async unload(): Promise<void> {
    this.#move('loaded', 'unloading');
    for (let i = 0; i < this.#fate.unloadTurns; i++) await turn();
    this.#move('unloading', 'unloaded');
  }

  #move(from: typeof this.state, to: typeof this.state): void {
    assert.equal(this.state, from);
    this.state = to;
  }
}

const fate = fc.record({
  loadTurns: fc.nat(6),
  unloadTurns: fc.nat(4),
  fails: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, fc.constant(true)),
  minds: fc.boolean(),
});
const aspire = fc.record({
  kind: fc.constant('aspire' as const),
  name: fc.constantFrom(...NAMES),
  /** The same versions lie below each of them. */
  base: fc.constantFrom(...BASES),
  versions: fc.subarray([1n, 2n, 3n]),
  /** Given to versions before they are aspired, as a configuration does; 0: none. */
  label: fc.constantFrom(0n, 1n, 2n),
  stamp: fc.constantFrom('old', 'new'),
});
const step = fc.oneof(
  { weight: 5, arbitrary: aspire },
  fc.record({ kind: fc.constant('acquire' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('release' as const) }),
  fc.record({ kind: fc.constant('wait' as const), turns: fc.nat(5) }),
);
const life = fc.record({
  fates: fc.array(fate, { minLength: 1, maxLength: 12 }),
  steps: fc.array(step, { maxLength: 40 }),
  policy: fc.constantFrom(...Object.values(TRANSITION_POLICIES)),
  retries: fc.record({ max: fc.nat(3), intervalMillis: fc.constantFrom(0, 1) }),
  limits: fc.tuple(fc.nat(2), fc.nat(2)),
});

type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;
type Aspire = typeof aspire extends fc.Arbitrary<infer T> ? T : never;
type ServableStateFields = Pick<ServableState, 'id' | 'state'> & { readonly error: ServableState['error'] };

/** What was asked for last of a model. */
interface Wish {
  readonly base: string;
  readonly versions: readonly bigint[];
  readonly label: bigint;
}

async function live({ fates, steps, policy, retries, limits }: Life): Promise<void> {
  const loaders: SlowLoader[] = [];
  const createLoader = ({ path }: AspiredVersion) => {
    const loader = new SlowLoader(path, fates[loaders.length % fates.length] as Fate);
    loaders.push(loader);
    return loader;
  };
  const manager = new Manager({ createLoader, retries, transitionPolicy: policy });
  manager.limitThreads(...limits);
  const wishes = new Map<string, Wish>();
  await take(steps, manager, wishes, policy === TRANSITION_POLICIES.availability_preserving);
  await settle(manager);
  for (const { id, state, error } of statesOf(manager)) checkState(manager, wishes.get(id.name), { id, state, error });
  for (const [name, wish] of wishes) checkAnswers(manager, name, wish);
  // One that is replaced may still be waiting to be unloaded. A second one of a number stays for the sake of a label only.
  const loaded = () => loaders.filter(({ state }) => state === 'loaded').map(({ path }) => path);
  await inTime(until(() => loaded().every((path) => isOfUse(manager, wishes, path))));
  assert.equal(new Set(loaded()).size, loaded().length, 'loaded twice');
  await inTime(manager.close());
  assert.ok(loaders.every(({ state }) => state === 'unloaded' || state === 'failed'));
}

function checkState(manager: Manager<string>, wish: Wish | undefined, { id, state, error }: ServableStateFields): void {
  const ended = state === ManagerState.END;
  const others = wish?.versions ?? [];
  if (others.includes(id.version)) assert.ok(!ended || error !== undefined, 'it is wanted, and has not failed');
  // What is served stays so while all that is wanted in its place has failed.
  else assert.ok(ended || others.length > 0, 'nobody wants it');
  if (!ended && wish !== undefined && isServedAtAll(manager, id.name, wish) && !isLabelled(manager, id.name, wish))
    assert.ok(others.includes(id.version), 'nobody wants it any more');
}

/** What a version is that is wanted and is not served from elsewhere: it answers from where it is wanted. */
function checkAnswers(manager: Manager<string>, name: string, { base, versions, label }: Wish): void {
  const failed = new Set(manager.failures().flatMap(({ id }) => (id.name === name ? [id.version] : [])));
  for (const version of versions) {
    if (failed.has(version)) continue;
    assert.equal(answerOf(manager, { name, version }), pathOf(base, name, version), 'it has not moved');
  }
  const isWhole = versions.length > 0 && failed.size === 0;
  if (isWhole) assert.ok(manager.isServedFrom(name, base) && !manager.isMoving(name), 'the model has not moved');
  if (isWhole && versions.includes(label))
    assert.equal(
      answerOf(manager, { name, versionLabel: LABEL }),
      pathOf(base, name, label),
      'the label has not moved',
    );
}

function isServedAtAll(manager: Manager<string>, name: string, { base, versions }: Wish): boolean {
  return versions.some(
    (version) =>
      manager.isAvailable(name, version) && answerOf(manager, { name, version }) === pathOf(base, name, version),
  );
}

/** Whether labels still mean what an earlier base path has. */
function isLabelled(manager: Manager<string>, name: string, { base }: Wish): boolean {
  return !manager.isServedFrom(name, base);
}

function isOfUse(manager: Manager<string>, wishes: ReadonlyMap<string, Wish>, path: string): boolean {
  const [, base = '', name = '', number = ''] = /^(\/\w+)\/(\w+)\/(\d+)$/.exec(path) ?? [];
  const wish = wishes.get(name);
  if (wish === undefined) return false;
  const version = BigInt(number);
  const answers = manager.isAvailable(name, version) && answerOf(manager, { name, version }) === path;
  return answers || (base !== wish.base && isLabelled(manager, name, wish));
}

function answerOf(manager: Manager<string>, request: ServableRequest): string {
  const handle = manager.acquire(request);
  handle.release();
  return handle.servable;
}

function pathOf(base: string, name: string, version: bigint): string {
  return `${base}/${name}/${version}`;
}

/** Takes the steps and notes what was asked for last of each model. All handles have been released. */
async function take(
  steps: Life['steps'],
  manager: Manager<string>,
  wishes: Map<string, Wish>,
  staysServed: boolean,
): Promise<void> {
  const handles: ServableHandle<string>[] = [];
  for (const each of steps) {
    if (each.kind === 'wait') for (let i = 0; i < each.turns; i++) await turn();
    else if (each.kind === 'release') handles.pop()?.release();
    else if (each.kind === 'acquire') {
      if (manager.hasAvailable(each.name)) handles.push(manager.acquire({ name: each.name }));
    } else {
      const served = each.versions.filter((version) => manager.isAvailable(each.name, version));
      configure(manager, each, wishes);
      const isLost = served.some((version) => !manager.isAvailable(each.name, version));
      if (staysServed) assert.ok(!isLost, 'a version that is wanted, then and now, is not served any more');
    }
  }
  for (const handle of handles) handle.release();
}

function configure(
  manager: Manager<string>,
  { name, base, versions, label, stamp }: Aspire,
  wishes: Map<string, Wish>,
) {
  wishes.set(name, { base, versions, label });
  const labelled = [...wishes].map(([other, wish]) => ({
    name: other,
    basePath: wish.base,
    versionLabels: new Map(wish.label === 0n ? [] : [[LABEL, wish.label]]),
  }));
  manager.setVersionLabels(labelled);
  manager.setAspiredVersions(
    name,
    versions.map((version) => ({ id: { name, version }, path: pathOf(base, name, version), basePath: base, stamp })),
  );
}

/** Resolves once each version is available or has ended. */
async function settle(manager: Manager<string>): Promise<void> {
  const isQuiet = () =>
    statesOf(manager).every(({ state }) => state === ManagerState.AVAILABLE || state === ManagerState.END);
  await inTime(manager.settled());
  await inTime(until(isQuiet));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

function statesOf(manager: Manager<string>): ServableState[] {
  return manager.names().flatMap((name) => {
    try {
      return manager.states(name);
    } catch {
      return []; // no version was ever wanted
    }
  });
}

async function inTime(work: Promise<void>): Promise<void> {
  const limit = new AbortController();
  const hangs = sleep(HANGS_MILLIS, undefined, { signal: limit.signal }).then(
    () => assert.fail('it hangs'),
    () => {},
  );
  await Promise.race([work, hangs]);
  limit.abort();
}

it('versions come and go in any order, and each ends as it is wanted', async (t) => {
  const captured = captureLog();
  try {
    await checkProperty(t, fc.asyncProperty(life, live), { numRuns });
  } finally {
    captured.restore();
  }
});
