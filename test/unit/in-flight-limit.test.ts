import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Api } from '../../src/api/api.js';
import { limitInFlight } from '../../src/api/in-flight-limit.js';
import { Code } from '../../src/errors.js';
import type { PredictRequest } from '../../src/tensor/predict-request.js';

const REQUEST = {} as PredictRequest;

it('grpc_max_threads refuses requests beyond the limit with RESOURCE_EXHAUSTED, and takes them again when others have ended', async () => {
  const finish: ((fail: boolean) => void)[] = [];
  const predict = () =>
    new Promise((resolve, reject) => {
      finish.push((fail) => (fail ? reject(new Error('failed')) : resolve('answer')));
    });
  const limited = limitInFlight({ predict } as unknown as Api, 2);
  const ask = () => limited.predict(REQUEST, () => 'answer');
  const [first, second] = [ask(), ask()];
  await assert.rejects(ask(), {
    code: Code.RESOURCE_EXHAUSTED,
    message: /^2 gRPC requests .*--grpc_max_threads/,
    retryMillis: 100, // as the queue says at the least
  });
  finish[0]?.(true);
  await assert.rejects(first, /failed/);
  const third = ask();
  finish[1]?.(false);
  finish[2]?.(false);
  assert.deepEqual(await Promise.all([second, third]), ['answer', 'answer']);
  assert.equal(finish.length, 3);
});
