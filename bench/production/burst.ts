/** Ten times as many requests as the server can answer, for a while, at fixed times; then as many as usual. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withServer } from '../../test/support/with-server.js';
import { buildPaced, type PacedResult, runPaced } from '../load/paced.js';
import { clientCpuMicros } from '../process-cpu.js';
import { atLeast, atMost, requireFlag, type Scenario, type ScenarioOptions } from './scenario.js';
import { capacityOf, clientNote, SLOW_MODEL_FLAGS, slowRequest, type Target, WORKERS } from './slow-model.js';

const OVERLOAD = 10;
const QUEUE_LIMIT = 30;
/** That a request computes on a core: so long that ten times the capacity costs little to send and to refuse. */
const MODEL_MILLIS = 30;
/** Of the capacity: the load before and after the burst. */
const NORMAL_SHARE = 0.5;
const NORMAL_SECONDS = 3;
const LEAST_GOODPUT = 0.9;
const RECOVERY_MILLIS = 1000;
const BURST_SECONDS = { quick: 10, long: 30 };

const GOODPUT = {
  path: 'burst of 10 × capacity, goodput to capacity',
  measure: 'answers/s',
  ...atLeast(LEAST_GOODPUT),
};
/** What a full queue takes at the least goodput that is allowed. */
const ANSWERED = { path: 'burst, answered, to the full queue’s time', measure: 'p99', ...atMost(1 / LEAST_GOODPUT) };
const REFUSED = { path: 'burst, refused', measure: 'p99', ...atMost(5, 'ms') };
const REFUSED_MEDIAN = { path: 'burst, refused', measure: 'p50', ...atMost(5, 'ms') };
const RECOVERY = { path: '1 s after the burst, to before it', measure: 'p50, none refused', ...atMost(1.2) };

const FLAGS = [...SLOW_MODEL_FLAGS, `--max_queued_requests_per_model=${QUEUE_LIMIT}`];

export const burst: Scenario = {
  bars: [GOODPUT, ANSWERED, REFUSED_MEDIAN, REFUSED, RECOVERY],
  run: async (options) => {
    requireFlag('max_queued_requests_per_model');
    await buildPaced();
    return withServer(FLAGS, async ({ ports }) => {
      const to = { host: '127.0.0.1', port: ports.rest, request: slowRequest(MODEL_MILLIS), mostConnections: 1000 };
      return judge(await measureBurst(to, options));
    });
  },
};

interface Burst {
  /** Answers per second of a closed loop that keeps the queue short. */
  readonly capacity: number;
  readonly before: PacedResult;
  readonly during: PacedResult;
  readonly after: PacedResult;
  /** CPU seconds of the load generator for each second of the overload, taken from the same cores. */
  readonly clientCores: number;
}

async function measureBurst(to: Target, options: ScenarioOptions): Promise<Burst> {
  const { long, signal, onStep } = options;
  onStep('burst: capacity');
  const capacity = await capacityOf(to, options);
  const normal = { ...to, rate: NORMAL_SHARE * capacity, durationSeconds: NORMAL_SECONDS };
  onStep('burst: normal load');
  const before = await runPaced(normal);
  signal.throwIfAborted();
  onStep('burst: overload');
  const burstSeconds = long ? BURST_SECONDS.long : BURST_SECONDS.quick;
  const cpuBefore = clientCpuMicros();
  const during = await runPaced({ ...to, rate: OVERLOAD * capacity, durationSeconds: burstSeconds });
  const clientCores = (clientCpuMicros() - cpuBefore) / 1e6 / (during.seconds + during.drainSeconds);
  // What is still queued then belongs to the second in which the server may recover.
  await sleep(Math.max(0, RECOVERY_MILLIS - during.drainSeconds * 1000));
  onStep('burst: normal load again');
  return { capacity, before, during, after: await runPaced(normal), clientCores };
}

/** The figures of a burst, against its bars. */
export function judge({ capacity, before, during, after, clientCores }: Burst) {
  const fullQueueMicros = ((QUEUE_LIMIT + WORKERS) / capacity) * 1e6;
  const disturbed = after.failed + after.refused.count;
  const goodput = during.goodWhileSending / during.seconds;
  return {
    results: [
      { target: GOODPUT, outcome: { figure: goodput / capacity } },
      { target: ANSWERED, outcome: { figure: during.good.p99Micros / fullQueueMicros } },
      { target: REFUSED_MEDIAN, outcome: { figure: during.refused.p50Micros / 1000 } },
      { target: REFUSED, outcome: { figure: during.refused.p99Micros / 1000 } },
      {
        target: RECOVERY,
        outcome:
          disturbed > 0
            ? { skipped: `${disturbed} requests of normal load were not answered after the burst.` }
            : { figure: after.good.p50Micros / before.good.p50Micros },
      },
    ],
    notes: [
      `Burst: capacity ${capacity.toFixed(0)} answers/s, ${during.seconds.toFixed(0)} s at ${OVERLOAD} ×, at most ${QUEUE_LIMIT} queued: ` +
        `${goodput.toFixed(0)} answers/s, p99 ${(during.good.p99Micros / 1000).toFixed(0)} ms of ${(fullQueueMicros / 1000).toFixed(0)} ms ` +
        `that a full queue takes; ${during.refused.count} refused, ${during.failed} failed. The load generator took ${clientCores.toFixed(2)} cores, not subtracted. ${clientNote(during)}`,
    ],
  };
}
