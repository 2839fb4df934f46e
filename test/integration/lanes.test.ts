/** Each model has a lane of its own in a device's queue: fair shares, priorities, limits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ServingError } from '../../src/errors.js';
import { binding } from '../../src/native/binding.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { DataType } from '../../src/tensor/dtype.js';
import { Cancellation, Priority } from '../../src/tensor/predict-request.js';
import type { LaneLimits } from '../../src/workers/lane.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import {
  copyOutputs,
  floats,
  type ModelToLoad,
  type TestRequestOptions,
  testRequest,
  withModels,
} from '../support/in-process-model.js';

const NO_LIMITS: LaneLimits = { mostWaiting: 0, mostRunning: 0, longestWaitMicros: 0 };

function slowModel(limits: Partial<LaneLimits> = {}, name = 'slow'): ModelToLoad {
  return { model: 'slow', name, batching: 'false', limits: { ...NO_LIMITS, ...limits } };
}

function slow(model: SavedModel, millis: number, options: TestRequestOptions = {}): Promise<unknown> {
  const input = { name: 'millis', dtype: DataType.FLOAT, shape: [1], bytes: floats(millis) };
  return model.predict(testRequest([input], options), copyOutputs);
}

function half(model: SavedModel): Promise<unknown> {
  const input = { name: 'x', dtype: DataType.FLOAT, shape: [1], bytes: floats(1) };
  return model.predict(testRequest([input]), copyOutputs);
}

/** Has a worker at work, so that what comes next waits for another. */
async function occupy(model: SavedModel, pool: WorkerPool, millis: number): Promise<{ running: Promise<unknown> }> {
  const { taken } = binding.queueStats(pool.queue);
  const running = slow(model, millis);
  while (binding.queueStats(pool.queue).taken === taken) await sleep(1);
  return { running };
}

describe('the lane of a model', { timeout: 120_000 }, () => {
  it('gets its share of the workers while another model is flooded', async () => {
    await withModels([slowModel(), { model: 'half_plus_two' }], async ([flooded, other]) => {
      assert.ok(flooded && other);
      await slow(flooded, 3);
      await half(other);
      let answered = 0;
      const flood = Array.from({ length: 60 }, () => slow(flooded, 3).then(() => answered++));
      for (let i = 0; i < 5; i++) {
        await half(other);
        assert.ok(answered < 40, `${answered} of 60 requests for the flooded model were answered before number ${i}`);
      }
      await Promise.all(flood);
    });
  });

  it('is shared by the versions of the model', async () => {
    const versions = [slowModel({ mostWaiting: 1 }), { ...slowModel({ mostWaiting: 1 }), version: 2n }];
    await withModels(versions, async ([one, two], pool) => {
      assert.ok(one && two);
      const { running } = await occupy(one, pool, 100);
      const waiting = slow(one, 1);
      await assert.rejects(slow(two, 1), { code: Code.RESOURCE_EXHAUSTED });
      await Promise.all([running, waiting]);
    });
  });

  it('is served by priority, and first come first served within one', async () => {
    await withModels([slowModel()], async ([model], pool) => {
      assert.ok(model);
      const { running } = await occupy(model, pool, 100);
      const order: string[] = [];
      const request = (name: string, priority?: Priority) =>
        slow(model, 1, { priority }).then(() => void order.push(name));
      await Promise.all([
        request('low 1', Priority.LOW),
        request('normal 1'),
        request('high 1', Priority.HIGH),
        request('low 2', Priority.LOW),
        request('normal 2', Priority.NORMAL),
        request('high 2', Priority.HIGH),
        running,
      ]);
      assert.deepEqual(order, ['high 1', 'high 2', 'normal 1', 'normal 2', 'low 1', 'low 2']);
    });
  });

  it('serves requests of low priority, too, while those of a higher one never end', async () => {
    await withModels([slowModel()], async ([model], pool) => {
      assert.ok(model);
      const { running } = await occupy(model, pool, 100);
      const order: string[] = [];
      const request = (name: string, priority: Priority) =>
        slow(model, 0, { priority }).then(() => void order.push(name));
      const low = request('low', Priority.LOW);
      const normal = request('normal', Priority.NORMAL);
      await Promise.all([low, normal, running, ...Array.from({ length: 100 }, () => request('high', Priority.HIGH))]);
      // One turn in 17 is for whoever has waited longest.
      assert.deepEqual([order.indexOf('low'), order.indexOf('normal')], [16, 33]);
    });
  });

  it('is left by thousands of requests at once, whichever of them goes first', async () => {
    await withModels([slowModel()], async ([model], pool) => {
      assert.ok(model);
      const { running } = await occupy(model, pool, 300);
      const requests = Array.from({ length: 2000 }, () => {
        const cancellation = new Cancellation();
        return { cancellation, outcome: slow(model, 60_000, { cancellation }).catch(({ code }) => code) };
      });
      for (const { cancellation } of requests.toReversed()) cancellation.cancel();
      for (const { outcome } of requests) assert.equal(await outcome, Code.CANCELLED);
      assert.equal(binding.queueStats(pool.queue).waiting, 0);
      await running;
      await slow(model, 1);
    });
  });

  it('is left by a request that is dropped, which makes room for another', async () => {
    await withModels([slowModel({ mostWaiting: 1 })], async ([model], pool) => {
      assert.ok(model);
      const { running } = await occupy(model, pool, 300);
      await assert.rejects(slow(model, 1, { deadlineMillis: Date.now() + 30 }), { code: Code.DEADLINE_EXCEEDED });
      await Promise.all([slow(model, 1), running]);
    });
  });
});

describe('a lane refuses', { timeout: 120_000 }, () => {
  it('more waiting requests than its limit, in a sentence that names model and flag, and no other model ones', async () => {
    await withModels([slowModel({ mostWaiting: 3 }), { model: 'half_plus_two' }], async ([model, other], pool) => {
      assert.ok(model && other);
      const { running } = await occupy(model, pool, 100);
      const before = binding.queueStats(pool.queue).refused;
      const waiting = Array.from({ length: 3 }, () => slow(model, 1));
      await assert.rejects(slow(model, 1, { priority: Priority.HIGH }), (error: ServingError) => {
        assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
        assert.match(error.message, /^Model 'slow' has 3 requests waiting.*--max_queued_requests_per_model/);
        assert.equal(typeof error.retryMillis, 'number');
        return true;
      });
      assert.equal(binding.queueStats(pool.queue).refused, before + 1);
      await Promise.all([half(other), running, ...waiting]);
      await slow(model, 1);
    });
  });

  it('requests that cannot be answered before their deadline, and answers the others', async () => {
    await withModels([slowModel()], async ([model], pool) => {
      assert.ok(model);
      for (let i = 0; i < 10; i++) await slow(model, 10);
      const { running } = await occupy(model, pool, 50);
      const patient = Array.from({ length: 10 }, () => slow(model, 10));
      const deadlineMillis = Date.now() + 2000;
      const outcomes = await Promise.allSettled(Array.from({ length: 500 }, () => slow(model, 10, { deadlineMillis })));
      const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      assert.ok(errors.length > 100 && errors.length < 500, `${errors.length} of 500 were refused`);
      for (const error of errors) {
        assert.ok(error instanceof ServingError);
        assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
        assert.match(error.message, /^Model 'slow' .*allow it more time/);
        assert.ok((error.retryMillis ?? 0) >= 100);
      }
      const { refused, dropped } = binding.queueStats(pool.queue);
      assert.equal(refused + dropped, errors.length);
      await Promise.all([running, ...patient]);
    });
  });

  it('a request that is expected to wait for longer than the limit', async () => {
    await withModels([slowModel({ longestWaitMicros: 100_000 })], async ([model], pool) => {
      assert.ok(model);
      for (let i = 0; i < 10; i++) await slow(model, 10);
      const { running } = await occupy(model, pool, 50);
      const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => slow(model, 10)));
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      assert.ok(refused.length > 20 && refused.length < 100, `${refused.length} of 100 were refused`);
      for (const outcome of refused) {
        const { code, message } = (outcome as PromiseRejectedResult).reason as ServingError;
        assert.equal(code, Code.RESOURCE_EXHAUSTED);
        assert.match(message, /--max_queue_wait_in_ms/);
      }
      await running;
    });
  });
});

describe('a lane with a limit of concurrent runs', { timeout: 120_000 }, () => {
  it('leaves the other workers to other models', async () => {
    await withModels(
      [slowModel({ mostRunning: 1 }), { model: 'half_plus_two' }],
      async ([model, other], pool) => {
        assert.ok(model && other);
        await Promise.all([slow(model, 1), half(other)]);
        const { running } = await occupy(model, pool, 200);
        const next = slow(model, 1);
        await half(other);
        assert.equal(binding.queueStats(pool.queue).waiting, 1);
        await Promise.all([running, next]);
      },
      2,
    );
  });

  it('serves all that wait, one after the other', async () => {
    await withModels(
      [slowModel({ mostRunning: 1 })],
      async ([model]) => {
        assert.ok(model);
        await Promise.all(Array.from({ length: 50 }, () => slow(model, 1)));
      },
      3,
    );
  });
});
