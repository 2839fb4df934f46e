import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileSystemSource, type FileSystemSourceOptions } from '../../src/core/file-system-source.js';
import { findVersionFolders, parseVersion } from '../../src/core/version-folders.js';
import type { VersionPolicy } from '../../src/core/version-policy.js';
import { findMissingPart } from '../../src/servables/missing-part.js';
import { type CapturedLog, captureLog } from '../support/capture-log.js';
import { withTempDir } from '../support/models.js';

let captured: CapturedLog;
beforeEach(() => {
  captured = captureLog();
});
afterEach(() => captured.restore());

async function withVersions(names: string[], fn: (basePath: string) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    for (const name of names) await mkdir(join(folder, name), { recursive: true });
    await fn(folder);
  });
}

/** What one look aspires, e.g. `m: 2=/tmp/x/2, 1=/tmp/x/1`, with the base folder cut off. */
async function look(basePath: string, versionPolicy: VersionPolicy = { kind: 'latest' }): Promise<string[]> {
  const aspired: string[] = [];
  const source = new FileSystemSource({ models: [{ name: 'm', basePath, versionPolicy }] });
  await source.start((name, versions) => {
    aspired.push(
      `${name}: ${versions.map(({ id, path }) => `${id.version}=${path.replace(basePath, '')}`).join(', ')}`,
    );
  });
  source.close();
  return aspired;
}

describe('FileSystemSource', () => {
  it('aspires the latest version by default', () =>
    withVersions(['1', '9', '10'], async (basePath) => {
      assert.deepEqual(await look(basePath), ['m: 10=/10']);
      assert.deepEqual(captured.lines(), []);
    }));

  it('aspires what the version policy selects', () =>
    withVersions(['1', '2', '3'], async (basePath) => {
      assert.deepEqual(await look(basePath, { kind: 'all' }), ['m: 3=/3, 2=/2, 1=/1']);
      assert.deepEqual(await look(basePath, { kind: 'specific', versions: [2n] }), ['m: 2=/2']);
    }));

  it('warns of a specific version that is not there', () =>
    withVersions(['1', '2'], async (basePath) => {
      assert.deepEqual(await look(basePath, { kind: 'specific', versions: [2n, 7n] }), ['m: 2=/2']);
      assert.deepEqual(captured.lines(), [
        `W Versions 7 of model m are wanted but not in ${basePath}, which has 1, 2.`,
      ]);
    }));

  it('aspires nothing and names the path where there is no version folder', () =>
    withVersions(['latest'], async (basePath) => {
      assert.deepEqual(await look(basePath), ['m: ']);
      assert.match(
        captured.lines().join(),
        /^W No version of model m was found in .*\. Expected there: one sub-folder/,
      );
      assert.ok(captured.lines().join().includes(basePath));
    }));

  it('says what to do where the model lies in the base folder itself', () =>
    withVersions([], async (basePath) => {
      await writeFile(join(basePath, 'saved_model.pb'), '');
      assert.deepEqual(await look(basePath), ['m: ']);
      assert.deepEqual(captured.lines(), [
        `W No version of model m was found in ${basePath}, but saved_model.pb lies in the folder itself. Move all of that into ` +
          `${basePath}/1, with the version for its name.`,
      ]);
    }));

  it('leaves things as they are and names the path where the base folder is missing', () =>
    withVersions([], async (basePath) => {
      assert.deepEqual(await look(join(basePath, 'gone')), []);
      assert.match(captured.lines().join(), /^W The base folder of model m, .*\/gone, cannot be read \(ENOENT\)\./);
    }));

  it('looks at every model, whatever is wrong with another one', () =>
    withVersions(['a', 'a/1', 'b', 'b/2'], async (basePath) => {
      const names: string[] = [];
      const models = ['gone', 'a', 'b'].map((name) => ({
        name,
        basePath: join(basePath, name),
        versionPolicy: { kind: 'latest' } as const,
      }));
      await new FileSystemSource({ models }).start((name) => names.push(name));
      assert.deepEqual(names, ['a', 'b']);
    }));

  it('finds new versions by polling, and warns once of what lasts', () =>
    withVersions(['1'], async (basePath) => {
      const models = [{ name: 'm', basePath, versionPolicy: { kind: 'latest' } as const }];
      const source = new FileSystemSource({ models, pollWaitSeconds: 0.005 });
      const seen: string[] = [];
      await source.start((_, versions) => seen.push(versions.map(({ id }) => id.version).join()));
      const until = async (expected: string) => {
        const from = seen.length + 1;
        while (seen.length < from + 2) await new Promise((resolve) => setTimeout(resolve, 5));
        assert.equal(seen.at(-1), expected);
      };
      await mkdir(join(basePath, '2'));
      await until('2');
      await rm(join(basePath, '1'), { recursive: true });
      await rm(join(basePath, '2'), { recursive: true });
      await until('');
      source.close();
      assert.equal(captured.lines().length, 1);
      const looks = seen.length;
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.equal(seen.length, looks, 'a closed source still looks');
    }));
});

describe('A version that is being copied', () => {
  const POLL = { pollWaitSeconds: 0.02 };

  /** Starts a source on one model; `seen` gets the versions of each list. */
  function watch(basePath: string, seen: string[], options: Partial<FileSystemSourceOptions> = {}): FileSystemSource {
    const models = [{ name: 'm', basePath, versionPolicy: { kind: 'latest' } as const }];
    const source = new FileSystemSource({ models, ...POLL, ...options });
    void source.start((_, versions) => seen.push(versions.map(({ id }) => id.version).join()));
    return source;
  }

  async function until(condition: () => boolean): Promise<void> {
    for (let i = 0; !condition(); i++) {
      assert.ok(i < 500, 'took too long');
      await sleep(10);
    }
  }

  it('waits while its files change, with the old version aspired meanwhile', () =>
    withVersions(['1'], async (basePath) => {
      const seen: string[] = [];
      const source = watch(basePath, seen);
      await until(() => seen.includes('1'));
      await mkdir(join(basePath, '2'));
      for (let i = 0; i < 40; i++) {
        await writeFile(join(basePath, '2', `part-${i}`), 'x');
        await sleep(5);
      }
      assert.ok(!seen.includes('2'), 'aspired while it was being copied');
      await until(() => seen.includes('2'));
      source.close();
      assert.ok(captured.lines().includes('W Version 2 of model m is not loaded yet: its files are still changing.'));
    }));

  it('waits for a part that is missing, says which, and is let through when it comes', () =>
    withVersions(['1'], async (basePath) => {
      const seen: string[] = [];
      let missing: string | undefined = 'there is no saved_model.pb';
      const source = watch(basePath, seen, { findMissingPart: async () => missing });
      await sleep(200);
      assert.equal(seen.length, 0);
      assert.deepEqual(captured.lines(), ['W Version 1 of model m is not loaded yet: there is no saved_model.pb.']);
      missing = undefined;
      await until(() => seen.includes('1'));
      source.close();
    }));

  it('is let through although a part is missing once nothing has changed for long: its load says why', () =>
    withVersions(['1'], async (basePath) => {
      const seen: string[] = [];
      const source = watch(basePath, seen, {
        findMissingPart: async () => 'all of it is missing',
        patienceMillis: 100,
      });
      await until(() => seen.includes('1'));
      source.close();
    }));

  it('is let through at the first look if nothing has changed for a while', () =>
    withVersions(['1'], async (basePath) => {
      await sleep(30);
      const seen: string[] = [];
      const source = watch(basePath, seen, { settledMillis: 20, pollWaitSeconds: 60 });
      await until(() => seen.length === 1);
      source.close();
      assert.deepEqual(seen, ['1']);
    }));

  it('that could not be loaded has a new stamp when its files have changed', () =>
    withVersions(['1'], async (basePath) => {
      const stamps = new Set<string | undefined>();
      const models = [{ name: 'm', basePath, versionPolicy: { kind: 'latest' } as const }];
      const source = new FileSystemSource({ models, ...POLL, hasFailed: () => true });
      void source.start((_, versions) => versions.forEach(({ stamp }) => void stamps.add(stamp)));
      await until(() => stamps.size === 1);
      await sleep(100);
      assert.equal(stamps.size, 1);
      await writeFile(join(basePath, '1', 'saved_model.pb'), 'x');
      await until(() => stamps.size === 2);
      source.close();
    }));
});

describe('A version that could not be loaded', () => {
  it('stays aspired in front of an older one while its files stay the same', () =>
    withVersions(['1', '2'], async (basePath) => {
      const lists: string[] = [];
      const models = [{ name: 'm', basePath, versionPolicy: { kind: 'latest' } as const }];
      const hasFailed = ({ version }: { version: bigint }) => version === 2n;
      const source = new FileSystemSource({ models, pollWaitSeconds: 0.02, hasFailed });
      await source.start((_, versions) => lists.push(versions.map(({ id, stamp }) => `${id.version} ${stamp}`).join()));
      await sleep(300);
      source.close();
      assert.ok(lists.length > 3);
      assert.match(lists[0] ?? '', /^2 /);
      assert.equal(new Set(lists).size, 1);
    }));
});

describe('FileSystemSource.update()', () => {
  it('aspires new models, other versions by a new policy, and nothing of a model that is not there any more', () =>
    withVersions(['a', 'a/1', 'a/2', 'b', 'b/1', 'c', 'c/1'], async (basePath) => {
      const model = (name: string, versionPolicy: VersionPolicy = { kind: 'latest' }) => {
        return { name, basePath: join(basePath, name), versionPolicy };
      };
      const source = new FileSystemSource({ models: [model('a'), model('b')] });
      const seen: string[] = [];
      await source.start((name, versions) => seen.push(`${name}: ${versions.map(({ id }) => id.version)}`));
      await source.update([model('a', { kind: 'specific', versions: [1n] }), model('c')]);
      assert.deepEqual(seen, ['a: 2', 'b: 1', 'b: ', 'a: 1', 'c: 1']);
    }));

  it('aspires nothing once it is closed', () =>
    withVersions(['1'], async (basePath) => {
      const source = new FileSystemSource({ models: [] });
      await source.start(() => assert.fail('aspired'));
      source.close();
      await source.update([{ name: 'm', basePath, versionPolicy: { kind: 'latest' } }]);
    }));

  it('never looks where the poll wait is negative', () =>
    withVersions(['1'], async (basePath) => {
      const models = [{ name: 'm', basePath, versionPolicy: { kind: 'latest' } as const }];
      await new FileSystemSource({ models, pollWaitSeconds: -1 }).start(() => assert.fail('aspired'));
    }));

  it('does not look all the time where the poll wait is longer than a timer can be', () =>
    withVersions(['1'], async (basePath) => {
      let looks = 0;
      const models = [{ name: 'm', basePath, versionPolicy: { kind: 'latest' } as const }];
      const source = new FileSystemSource({ models, pollWaitSeconds: 365 * 86_400 });
      await source.start(() => looks++);
      const atStart = looks;
      await sleep(100);
      source.close();
      assert.equal(looks, atStart);
    }));
});

describe('A model that gets another base path', () => {
  const model = (basePath: string, versionPolicy: VersionPolicy = { kind: 'all' }) => ({
    name: 'm',
    basePath,
    versionPolicy,
  });

  /** A source that has aspired what lies in `first`, which `seen` does not tell. */
  async function moving(
    first: string,
    fn: (source: FileSystemSource, seen: string[]) => Promise<void>,
    options: Partial<FileSystemSourceOptions> = {},
  ): Promise<void> {
    const source = new FileSystemSource({ models: [model(first)], ...options });
    const seen: string[] = [];
    await source.start((_, versions) => seen.push(versions.map(({ path, place }) => place ?? path).join()));
    seen.length = 0;
    try {
      await fn(source, seen);
    } finally {
      source.close();
    }
  }

  it('has the versions of the new one aspired, by their places', () =>
    withVersions(['a/1', 'a/2', 'b/2', 'b/3'], (base) =>
      moving(join(base, 'a'), async (source, seen) => {
        assert.deepEqual([...(await source.update([model(join(base, 'b'))]))], []);
        assert.deepEqual(seen, [`${base}/b/3,${base}/b/2`]);
      }),
    ));

  it('keeps its versions where nothing is found there, and is told why', () =>
    withVersions(['a/1', 'empty'], (base) =>
      moving(join(base, 'a'), async (source, seen) => {
        const problemOf = async (folder: string) => (await source.update([model(join(base, folder))])).get('m') ?? '';
        assert.match(await problemOf('empty'), /^No version of model m was found in .*empty/);
        assert.match(await problemOf('none'), /^The base folder of model m, .*none, cannot be read \(ENOENT\)/);
        assert.deepEqual(seen, []);
        assert.equal(await problemOf('a'), '');
        assert.deepEqual(seen, [`${base}/a/1`]);
      }),
    ));

  it('is unloaded if what was found there is gone again', () =>
    withVersions(['a/1', 'b/1'], (base) =>
      moving(join(base, 'a'), async (source, seen) => {
        await source.update([model(join(base, 'b'))]);
        await rm(join(base, 'b', '1'), { recursive: true });
        await source.update([model(join(base, 'b'))]);
        assert.deepEqual(seen, [`${base}/b/1`, '']);
      }),
    ));

  it('keeps a version until the one of its number that is being copied there is whole', () =>
    withVersions(['a/1', 'a/2', 'b/1', 'b/2'], async (base) => {
      let isMissing = true;
      const findMissingPart = async (path: string) =>
        isMissing && path === join(base, 'b', '1') ? 'it is half there' : undefined;
      const options = { pollWaitSeconds: 0.02, findMissingPart, settledMillis: 0 };
      await moving(
        join(base, 'a'),
        async (source, seen) => {
          const updated = source.update([model(join(base, 'b'))]);
          const half = `${base}/b/2,${base}/a/1`;
          while (!seen.includes(half)) await sleep(5);
          isMissing = false;
          assert.deepEqual([...(await updated)], []);
          assert.equal(seen.at(-1), `${base}/b/2,${base}/b/1`);
        },
        options,
      );
    }));

  it('is at the same place where a link leads there, and at another one when the link leads elsewhere', () =>
    withVersions(['a/1', 'b/1'], async (base) => {
      await symlink('a', join(base, 'link'));
      await moving(join(base, 'a'), async (source, seen) => {
        await source.update([model(join(base, 'link'))]);
        await rm(join(base, 'link'));
        await symlink('b', join(base, 'link'));
        await source.update([model(join(base, 'link'))]);
        assert.deepEqual(seen, [`${base}/a/1`, `${base}/b/1`]);
      });
    }));
});

describe('findMissingPart()', () => {
  const cases: [string, string[], RegExp | undefined][] = [
    ['finds nothing missing where there is a model and no folder of weights', ['saved_model.pb'], undefined],
    ['takes a model as text, and one of TensorFlow Lite', ['saved_model.pbtxt'], undefined],
    ['takes an empty folder of weights', ['model.tflite', 'variables/'], undefined],
    ['misses the model', ['variables/', 'assets/'], /^there is no saved_model\.pb in /],
    [
      'misses the index',
      ['saved_model.pb', 'variables/variables.data-00000-of-00001'],
      /^there is no variables\.index in /,
    ],
    ['misses all shards', ['saved_model.pb', 'variables/variables.index'], /^there is no shard of the weights in /],
    [
      'misses one of the shards',
      ['saved_model.pb', 'variables/variables.index', 'variables/variables.data-00001-of-00002'],
      / has 1 of 2 shards of the weights$/,
    ],
    [
      'finds nothing missing where index and all shards are there',
      [
        'saved_model.pb',
        'variables/variables.index',
        ...[0, 1].map((i) => `variables/variables.data-0000${i}-of-00002`),
      ],
      undefined,
    ],
  ];
  for (const [name, files, expected] of cases) {
    it(name, () =>
      withTempDir(async (folder) => {
        for (const file of files) {
          await mkdir(dirname(join(folder, file)), { recursive: true });
          if (file.endsWith('/')) await mkdir(join(folder, file), { recursive: true });
          else await writeFile(join(folder, file), '');
        }
        const missing = await findMissingPart(folder);
        if (expected === undefined) assert.equal(missing, undefined);
        else assert.match(missing ?? '', expected);
      }),
    );
  }
});

describe('findVersionFolders()', () => {
  it('takes folders and links to folders whose whole name is an integer', () =>
    withVersions(['007', '2.0', 'v3', '4 ', '99999999999999999999'], async (basePath) => {
      await writeFile(join(basePath, '5'), 'a file');
      await symlink(join(basePath, 'v3'), join(basePath, '3'));
      await symlink(join(basePath, 'nowhere'), join(basePath, '6'));
      const found = await findVersionFolders(basePath);
      assert.deepEqual(
        [...found],
        [
          [7n, join(basePath, '007')],
          [3n, join(basePath, '3')],
        ],
      );
    }));

  it('takes the first of two folders of one version, and warns of the other', () =>
    withVersions(['1', '01'], async (basePath) => {
      assert.deepEqual([...(await findVersionFolders(basePath))], [[1n, join(basePath, '01')]]);
      assert.match(captured.lines().join(), /^W Version 1 is there twice: /);
    }));
});

describe('parseVersion()', () => {
  it('takes the int64 range', () => {
    assert.equal(parseVersion('9223372036854775807'), 2n ** 63n - 1n);
    assert.equal(parseVersion('-9223372036854775808'), -(2n ** 63n));
  });
  for (const name of ['9223372036854775808', '', '-', '+1', '1e3', '0x1', '1\n', '１']) {
    it(`skips ${JSON.stringify(name)}`, () => assert.equal(parseVersion(name), undefined));
  }
});
