/** Which requests the event loop runs itself: only few at a time, and only such as are known to be quick. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { binding } from '../../src/native/binding.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { DataType } from '../../src/tensor/dtype.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import {
  copyOutputs,
  floats,
  runOne,
  type TestInput,
  testRequest,
  withModel,
  withModels,
} from '../support/in-process-model.js';

const LIMIT = { timeout: 60_000 };

/** How long a worker sleeps in the queue before it looks about (`IDLE_MILLIS` of native/serve.cc). */
const SLEEP_MILLIS = 200;

/** What is quick is what takes less than a tenth of a millisecond: here a run that takes a second is, on whatever machine. */
const SLOWER = 10_000;
before(() => binding.allowSlowerQuickRuns(SLOWER));

const x = (...values: number[]): TestInput => {
  return { name: 'x', dtype: DataType.FLOAT, shape: [values.length], bytes: floats(...values) };
};
const quickRuns = ({ queue }: WorkerPool) => binding.queueStats(queue).quick;

/** One request after the other, with time for the workers to fall asleep in between. */
async function runSingly(model: SavedModel, input: TestInput, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await runOne(model, testRequest([input]));
    await sleep(5);
  }
}

/** Runs until the event loop has itself run all of a turn's requests, which it does only if it finds the workers asleep. */
async function untilQuick(pool: WorkerPool, requests: number, run: () => Promise<void>): Promise<void> {
  const giveUp = Date.now() + 30_000;
  for (let quick = 0; quick < requests; ) {
    assert.ok(Date.now() < giveUp, 'they are not run on the loop');
    await sleep(5);
    const before = quickRuns(pool);
    await run();
    quick = quickRuns(pool) - before;
  }
}

describe('a quick request', LIMIT, () => {
  it('is run on the event loop when it comes alone, with the answer that a worker gives', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      assert.deepEqual((await runOne(model, testRequest([x(4)]))).bytes, floats(4));
      assert.equal(quickRuns(pool), 0, 'nothing is known of it yet');
      await untilQuick(pool, 1, async () => {
        assert.deepEqual((await runOne(model, testRequest([x(4)]))).bytes, floats(4));
      });
    });
  });

  it('is not held up by a long run of another model, though all workers are busy with such', async () => {
    await withModels([{ model: 'slow' }, { model: 'half_plus_two' }], async ([slow, half], pool) => {
      const slowRun = (millis: number) => runOne(slow as SavedModel, testRequest([{ ...x(millis), name: 'millis' }]));
      for (let i = 0; i < 3; i++) await slowRun(20); // the queue learns how long its runs take
      await runSingly(half as SavedModel, x(1), 20);
      const before = quickRuns(pool);
      let isDone = false;
      const long = slowRun(1000).then(() => {
        isDone = true;
      });
      await sleep(50);
      assert.deepEqual((await runOne(half as SavedModel, testRequest([x(4)]))).bytes, floats(4));
      assert.equal(isDone, false);
      assert.equal(quickRuns(pool), before + 1);
      await long;
    });
  });

  it('goes to a worker as JSON with a longer body than any before it, and to the loop when that was quick', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      const run = async (body: string) => {
        const json = { ...testRequest([]), kind: 'json' as const, body: Buffer.from(body) };
        const [reply] = await model.predict(json, copyOutputs);
        await sleep(5);
        return JSON.parse(String(reply?.bytes));
      };
      for (let i = 0; i < 20; i++) await run('{"instances":[2]}');
      const before = quickRuns(pool);
      assert.ok(before > 0);
      assert.deepEqual(await run(`{"instances":[2${',4'.repeat(500)}]}`), {
        predictions: [3, ...Array(500).fill(4)],
      });
      assert.equal(quickRuns(pool), before);
    });
  });

  it('goes to a worker as JSON of which a longer body was only refused soon', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      const run = (body: string) =>
        model.predict({ ...testRequest([]), kind: 'json' as const, body: Buffer.from(body) }, copyOutputs);
      for (const send of [
        () => run('{"instances":[2]}'),
        () => assert.rejects(run('no JSON'.repeat(10_000)), /not valid JSON/),
      ]) {
        for (let i = 0; i < 20; i++) {
          await send();
          await sleep(5);
        }
      }
      const before = quickRuns(pool);
      assert.ok(before > 0);
      await run(`{"instances":[2${',4'.repeat(20_000)}]}`);
      assert.equal(quickRuns(pool), before);
    });
  });

  it('goes to a worker when it has more elements than any that was quick', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      await runSingly(model, x(1), 20);
      const before = quickRuns(pool);
      await runOne(model, testRequest([x(...Array(1000).fill(2))]));
      assert.equal(quickRuns(pool), before);
    });
  });

  it('is run on the event loop with others that come in the same turn, each with its own answer', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      await runSingly(model, x(1), 20);
      const requests = [[x(1)], [x(2)], [{ ...x(), bytes: floats(1, 2), shape: [1] }], [x(4, 6)]];
      await untilQuick(pool, requests.length, async () => {
        const answers = await Promise.allSettled(requests.map((inputs) => runOne(model, testRequest(inputs))));
        assert.deepEqual(
          answers.map((answer) => (answer.status === 'fulfilled' ? [...answer.value.bytes] : answer.reason.message)),
          [
            [...floats(2.5)],
            [...floats(3)],
            'tensor parsing error: x: shape [1] of DT_FLOAT needs 1 values, but the request has 8 bytes (an element is 4).',
            [...floats(4, 5)],
          ],
        );
      });
    });
  });

  it('goes to a worker with others of the same turn that are not known to be quick', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      await runSingly(model, x(1), 20);
      const before = quickRuns(pool);
      await Promise.all([1, 1000].map((count) => runOne(model, testRequest([x(...Array(count).fill(2))]))));
      assert.equal(quickRuns(pool), before);
    });
  });

  it('goes to a worker when so many come in the same turn that others would wait for the loop', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      await runSingly(model, x(1), 20);
      const before = quickRuns(pool);
      await Promise.all(Array.from({ length: 100 }, () => runOne(model, testRequest([x(1)]))));
      assert.equal(quickRuns(pool), before);
    });
  });

  it('is seen to at once though it was made by the answer to another one', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      await runSingly(model, x(1), 20);
      const before = quickRuns(pool);
      // Workers look for themselves after 200 ms at the latest, which is what every third request waited for.
      let late = 0;
      for (let i = 0; i < 100; i++) {
        const start = performance.now();
        await runOne(model, testRequest([x(1)]));
        if (performance.now() - start > 0.75 * SLEEP_MILLIS) late += 1;
      }
      assert.ok(quickRuns(pool) > before);
      assert.ok(late < 20, `${late} of 100 requests, one after the other, were left to a worker that looks for itself`);
    });
  });

  it('fails as it does on a worker', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      await runSingly(model, x(1), 20);
      await assert.rejects(
        async () => runOne(model, testRequest([{ ...x(), bytes: floats(1, 2), shape: [1] }])),
        /needs 1 values/,
      );
      const json = { ...testRequest([]), kind: 'json' as const, body: Buffer.from('{"instances":["a"]}') };
      for (let i = 0; i < 5; i++) await assert.rejects(async () => model.predict(json, copyOutputs), /takes a number/);
      assert.deepEqual((await runOne(model, testRequest([x(4)]))).bytes, floats(4));
      assert.ok(quickRuns(pool) > 0);
    });
  });
});

describe('requests that take long together', LIMIT, () => {
  it('are begun by a worker before the turn of the loop that brings them is over', async () => {
    await withModel('slow', async (model, pool) => {
      const run = () => runOne(model, testRequest([{ ...x(5), name: 'millis' }]));
      for (let i = 0; i < 3; i++) await run();
      let begun = false;
      // Where the worker was late once, the machine may have been: it is so each time only if nobody wakes it.
      for (let tries = 0; tries < 20 && !begun; tries++) {
        await sleep(20); // the worker falls asleep
        const { taken } = binding.queueStats(pool.queue);
        const replies = Array.from({ length: 8 }, run);
        const end = Date.now() + SLEEP_MILLIS / 2;
        while (binding.queueStats(pool.queue).taken === taken && Date.now() < end);
        begun = binding.queueStats(pool.queue).taken > taken;
        await Promise.all(replies);
      }
      assert.ok(begun);
    });
  });
});

describe('a request whose time its shapes do not tell', LIMIT, () => {
  it('is never run on the event loop', async () => {
    await withModel('control_flow_v2', async (model, pool) => {
      const n = { name: 'n', dtype: DataType.INT32, shape: [], bytes: Buffer.from(Int32Array.of(1).buffer) };
      for (let i = 0; i < 20; i++) {
        await runOne(model, testRequest([n, x(1)]));
        await sleep(2);
      }
      assert.equal(quickRuns(pool), 0);
    });
    await withModel('slow', async (model, pool) => {
      await runSingly(model, { ...x(0), name: 'millis' }, 20);
      assert.equal(quickRuns(pool), 0);
    });
  });
});
