/** A version is made of its files as they are at one moment, whatever becomes of them while it is loaded and served. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Code } from '../../src/errors.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import type { WarmUp } from '../../src/servables/saved-model-loader.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import { type CapturedLog, captureLog } from '../support/capture-log.js';
import { answerJson, loaderOf, withPool } from '../support/in-process-model.js';
import { modelPath, withTempDir } from '../support/models.js';

const X = 8;
const HALF = 0.5 * X + 2;
const THRICE = 3 * X;
const LIMIT = { timeout: 60_000 };

let captured: CapturedLog;
beforeEach(() => {
  captured = captureLog();
});
afterEach(() => captured.restore());

async function answerOf(model: SavedModel): Promise<unknown> {
  const { predictions } = (await answerJson(model, { instances: [X] })) as { predictions: unknown[] };
  return predictions[0];
}

/** Replaces all of the version's files by those of another model. */
function replace(directory: string, model: string): void {
  cpSync(join(modelPath(model), '1'), `${directory}.new`, { recursive: true });
  renameSync(directory, `${directory}.old`);
  renameSync(`${directory}.new`, directory);
  rmSync(`${directory}.old`, { recursive: true });
}

async function withVersion(fn: (directory: string, pool: WorkerPool) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    const directory = join(folder, '1');
    cpSync(join(modelPath('half_plus_two'), '1'), directory, { recursive: true });
    await withPool(1, (pool) => fn(directory, pool));
  });
}

describe('A version whose files change', LIMIT, () => {
  it('while it is loaded is loaded again, of the new files alone', () =>
    withVersion(async (directory, pool) => {
      let warmUps = 0;
      const warmUp: WarmUp = async () => {
        if (warmUps++ === 0) replace(directory, 'refused');
      };
      const loader = loaderOf(directory, pool, ['serve'], { warmUp });
      const model = await loader.load();
      assert.equal(await answerOf(model), THRICE);
      assert.equal(warmUps, 2);
      assert.match(captured.lines().join('\n'), /W The files in .*\/1 changed while they were loaded\. .* begun again/);
      await loader.unload();
    }));

  it('all the time while it is loaded is refused, and says what to do', () =>
    withVersion(async (directory, pool) => {
      let tries = 0;
      const touch: WarmUp = async () => {
        tries += 1;
        await utimes(join(directory, 'variables', 'variables.index'), tries, tries);
      };
      await assert.rejects(loaderOf(directory, pool, ['serve'], { warmUp: touch }).load(), {
        code: Code.UNAVAILABLE,
        message: /^The files in .*\/1 have changed since the load of this version began, .*Copy a model to a folder of/,
      });
      assert.equal(tries, 3);
    }));

  it('once it is served goes on to answer as before, and another name for the folder is loaded from the new files', () =>
    withVersion(async (directory, pool) => {
      const first = loaderOf(directory, pool, ['serve'], { name: 'first' });
      const same = loaderOf(directory, pool, ['serve'], { name: 'same' });
      const models = [await first.load(), await same.load()];
      replace(directory, 'refused');
      const second = loaderOf(directory, pool, ['serve'], { name: 'second' });
      const other = await second.load();
      for (const model of models) assert.equal(await answerOf(model), HALF);
      assert.equal(await answerOf(other), THRICE);
      for (const loader of [first, same, second]) await loader.unload();
    }));

  it('in what it does not read is not loaded again', () =>
    withVersion(async (directory, pool) => {
      let warmUps = 0;
      const warmUp: WarmUp = async () => {
        warmUps += 1;
        appendFileSync(join(directory, 'notes.txt'), 'written by the graph itself');
      };
      const loader = loaderOf(directory, pool, ['serve'], { warmUp });
      await loader.load();
      assert.equal(warmUps, 1);
      await loader.unload();
    }));
});

describe('A version that is served', LIMIT, () => {
  it('has none of its files open or mapped', () =>
    withVersion(async (directory, pool) => {
      const loader = loaderOf(directory, pool);
      const model = await loader.load();
      assert.equal(await answerOf(model), HALF);
      const open = readdirSync('/proc/self/fd').map((fd) => {
        try {
          return readlinkSync(join('/proc/self/fd', fd));
        } catch {
          return ''; // the one of readdirSync() itself
        }
      });
      assert.deepEqual(
        open.filter((path) => path.startsWith(directory)),
        [],
      );
      assert.ok(!readFileSync('/proc/self/maps', 'utf8').includes(directory));
      rmSync(directory, { recursive: true });
      assert.equal(await answerOf(model), HALF);
      await loader.unload();
    }));
});
