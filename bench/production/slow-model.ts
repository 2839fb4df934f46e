/** A server of a model that computes for as long as it is asked to, for what happens when it has too much to do. */
import { median } from '../../src/report/median.js';
import { modelPath } from '../../test/support/models.js';
import type { PacedLoad, PacedResult } from '../load/paced.js';
import { wrk } from '../load/wrk.js';
import type { BenchRequest } from '../requests.js';
import type { ScenarioOptions } from './scenario.js';

const MODEL = 'slow';
export const WORKERS = 2;

/** Each request runs by itself, so that the capacity does not depend on how many wait. */
export const SLOW_MODEL_FLAGS = [
  `--model_base_path=${modelPath(MODEL)}`,
  `--model_name=${MODEL}`,
  '--enable_batching=false',
  `--num_workers=${WORKERS}`,
  '--tensorflow_intra_op_parallelism=1',
];

export type Target = Omit<PacedLoad, 'rate' | 'durationSeconds'>;

/** A run of so many ms; `timeoutMillis`: how long its client waits. */
export function slowRequest(millis: number, timeoutMillis?: number): BenchRequest {
  return {
    path: `/v1/models/${MODEL}:predict`,
    contentType: 'application/json',
    ...(timeoutMillis === undefined ? {} : { headers: { 'x-request-timeout-ms': String(timeoutMillis) } }),
    body: Buffer.from(JSON.stringify({ instances: [millis] })),
    answersIn: () => {
      throw new Error('The answers of an overload are counted, not read.');
    },
  };
}

/** Answers per second of a closed loop that keeps the queue short. */
export async function capacityOf(to: Target, { rounds, durationSeconds, signal }: ScenarioOptions): Promise<number> {
  const capacities: number[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    const loop = { door: 'rest', connections: 1, concurrency: 4 * WORKERS, rate: undefined, replyBytes: 0 } as const;
    const { goodAnswers, seconds } = await wrk.run({ ...to, ...loop, durationSeconds });
    capacities.push(goodAnswers / seconds);
  }
  return median(capacities);
}

/** What to think of the client's own part in latencies. */
export function clientNote({ runsFirst }: PacedResult): string {
  return runsFirst
    ? 'The client ran before other threads.'
    : 'The client was not allowed to run before other threads: its own waits for a core count, too.';
}
