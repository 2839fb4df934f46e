import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FileSystemSource } from '../../src/core/file-system-source.js';
import { findVersionFolders, parseVersion } from '../../src/core/version-folders.js';
import type { VersionPolicy } from '../../src/core/version-policy.js';
import { type CapturedLog, captureLog } from '../support/capture-log.js';
import { withTempDir } from '../support/models.js';

let captured: CapturedLog;
beforeEach(() => {
  captured = captureLog();
});
afterEach(() => captured.restore());

async function withVersions(names: string[], fn: (basePath: string) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    for (const name of names) await mkdir(join(folder, name));
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
