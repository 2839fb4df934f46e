import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManagerState } from '../../src/core/servable-state.js';
import {
  nextAction,
  nextActionSavingMemory,
  selectVersions,
  type VersionPolicy,
  type VersionSnapshot,
} from '../../src/core/version-policy.js';

describe('selectVersions()', () => {
  const found = [2n, 10n, 9n, 2n];
  const cases: [string, VersionPolicy, bigint[]][] = [
    ['takes the newest version by number, not by text', { kind: 'latest' }, [10n]],
    ['counts 0 latest versions as 1', { kind: 'latest', numVersions: 0 }, [10n]],
    ['takes the n latest versions, newest first', { kind: 'latest', numVersions: 2 }, [10n, 9n]],
    ['takes what there is where more are asked for', { kind: 'latest', numVersions: 7 }, [10n, 9n, 2n]],
    ['takes all versions, each once', { kind: 'all' }, [10n, 9n, 2n]],
    ['takes specific versions as far as they are there', { kind: 'specific', versions: [3n, 2n] }, [2n]],
    ['takes none where no specific version is listed', { kind: 'specific', versions: [] }, []],
  ];
  for (const [name, policy, expected] of cases) {
    it(name, () => assert.deepEqual(selectVersions(found, policy), expected));
  }

  it('selects nothing out of nothing', () => assert.deepEqual(selectVersions([], { kind: 'latest' }), []));
});

type Row = [version: bigint, state: keyof typeof ManagerState, wish: 'wanted' | 'unwanted'];

function toSnapshot([version, state, wish]: Row): VersionSnapshot {
  return { version, state: ManagerState[state], aspired: wish === 'wanted' };
}

describe('nextAction() of the availability-preserving policy', () => {
  const cases: [string, Row[], string | undefined][] = [
    ['does nothing without versions', [], undefined],
    ['loads a new aspired version', [[1n, 'START', 'wanted']], 'load 1'],
    [
      'loads the newest aspired version first',
      [
        [1n, 'START', 'wanted'],
        [2n, 'START', 'wanted'],
      ],
      'load 2',
    ],
    [
      'loads one version at a time',
      [
        [1n, 'START', 'wanted'],
        [2n, 'LOADING', 'wanted'],
      ],
      undefined,
    ],
    [
      'loads a new aspired version before it unloads the old one',
      [
        [1n, 'AVAILABLE', 'unwanted'],
        [2n, 'START', 'wanted'],
      ],
      'load 2',
    ],
    [
      'does not unload while the new version is still loading',
      [
        [1n, 'AVAILABLE', 'unwanted'],
        [2n, 'LOADING', 'wanted'],
      ],
      undefined,
    ],
    [
      'unloads the old version once the new one is available',
      [
        [1n, 'AVAILABLE', 'unwanted'],
        [2n, 'AVAILABLE', 'wanted'],
      ],
      'unload 1',
    ],
    [
      'keeps the old version when the new one failed to load',
      [
        [1n, 'AVAILABLE', 'unwanted'],
        [2n, 'END', 'wanted'],
      ],
      undefined,
    ],
    [
      'unloads the oldest non-aspired version first',
      [
        [3n, 'AVAILABLE', 'unwanted'],
        [2n, 'AVAILABLE', 'unwanted'],
      ],
      'unload 2',
    ],
    ['unloads when no version is aspired at all', [[1n, 'AVAILABLE', 'unwanted']], 'unload 1'],
    [
      'unloads before it loads a further aspired version',
      [
        [1n, 'AVAILABLE', 'unwanted'],
        [2n, 'AVAILABLE', 'wanted'],
        [3n, 'START', 'wanted'],
      ],
      'unload 1',
    ],
    [
      'loads the next version while another one unloads',
      [
        [1n, 'UNLOADING', 'unwanted'],
        [2n, 'START', 'wanted'],
      ],
      'load 2',
    ],
    ['does not load a version that nobody wants', [[1n, 'START', 'unwanted']], undefined],
    ['does not try a failed version again', [[1n, 'END', 'wanted']], undefined],
    [
      'does nothing when all is as wanted',
      [
        [1n, 'END', 'unwanted'],
        [2n, 'AVAILABLE', 'wanted'],
      ],
      undefined,
    ],
  ];
  for (const [name, rows, expected] of cases) {
    it(name, () => {
      const action = nextAction(rows.map(toSnapshot));
      assert.equal(action && `${action.kind} ${action.entry.version}`, expected);
    });
  }
});

describe('nextAction() for versions of one number from two places', () => {
  const old = { version: 1n, state: ManagerState.AVAILABLE, aspired: false };
  const coming = (state: ManagerState): VersionSnapshot => ({ version: 1n, state, aspired: true });
  const other: VersionSnapshot = { version: 2n, state: ManagerState.AVAILABLE, aspired: true };

  it('keeps the old one until the new one is there, whatever other versions are', () => {
    assert.deepEqual(nextAction([old, coming(ManagerState.START), other])?.kind, 'load');
    for (const state of [ManagerState.LOADING, ManagerState.END])
      assert.equal(nextAction([old, coming(state), other]), undefined);
  });

  it('unloads the old one once it is replaced', () => {
    const replaced = { ...old, isReplaced: true };
    assert.deepEqual(nextAction([replaced, coming(ManagerState.AVAILABLE)]), { kind: 'unload', entry: replaced });
  });

  it('unloads one that nobody waits for any more beside the one that answers', () => {
    const between = { ...old, isReplaced: true };
    assert.deepEqual(nextAction([old, between, coming(ManagerState.START)]), { kind: 'unload', entry: between });
  });

  it('keeps one that a label needs, but not where nothing is wanted', () => {
    const held = { ...old, isReplaced: true, isHeld: true };
    assert.equal(nextAction([held, coming(ManagerState.AVAILABLE)]), undefined);
    assert.deepEqual(nextAction([held]), { kind: 'unload', entry: held });
  });

  it('unloads the old one first where memory is to be saved', () => {
    const held = { ...old, isHeld: true };
    assert.deepEqual(nextActionSavingMemory([held, coming(ManagerState.START)]), { kind: 'unload', entry: held });
  });
});

describe('nextActionSavingMemory(), the resource-preserving policy', () => {
  const cases: [string, Row[], string | undefined][] = [
    ['does nothing without versions', [], undefined],
    ['loads a new aspired version where there is no other', [[1n, 'START', 'wanted']], 'load 1'],
    [
      'unloads the old version before it loads a new one',
      [
        [1n, 'AVAILABLE', 'unwanted'],
        [2n, 'START', 'wanted'],
      ],
      'unload 1',
    ],
    [
      'does not load while the old version is still being unloaded',
      [
        [1n, 'UNLOADING', 'unwanted'],
        [2n, 'START', 'wanted'],
      ],
      undefined,
    ],
    [
      'does not load while an unwanted version is still being loaded',
      [
        [1n, 'LOADING', 'unwanted'],
        [2n, 'START', 'wanted'],
      ],
      undefined,
    ],
    [
      'loads the new version once the old one has ended',
      [
        [1n, 'END', 'unwanted'],
        [2n, 'START', 'wanted'],
      ],
      'load 2',
    ],
    [
      'unloads an unwanted version although the wanted one failed',
      [
        [1n, 'AVAILABLE', 'unwanted'],
        [2n, 'END', 'wanted'],
      ],
      'unload 1',
    ],
    [
      'loads a further aspired version beside one that is available',
      [
        [1n, 'AVAILABLE', 'wanted'],
        [2n, 'START', 'wanted'],
      ],
      'load 2',
    ],
    [
      'loads one version at a time, the newest first',
      [
        [1n, 'START', 'wanted'],
        [2n, 'LOADING', 'wanted'],
      ],
      undefined,
    ],
    [
      'does nothing when all is as wanted',
      [
        [1n, 'END', 'unwanted'],
        [2n, 'AVAILABLE', 'wanted'],
      ],
      undefined,
    ],
  ];
  for (const [name, rows, expected] of cases) {
    it(name, () => {
      const action = nextActionSavingMemory(rows.map(toSnapshot));
      assert.equal(action && `${action.kind} ${action.entry.version}`, expected);
    });
  }
});
