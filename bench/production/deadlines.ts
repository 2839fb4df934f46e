/** More requests than the server can answer, whose clients wait for a short while only: what it does in time, and in vain. */
import { withServer } from '../../test/support/with-server.js';
import { buildPaced, type PacedResult, runPaced } from '../load/paced.js';
import { clientCpuMicros } from '../process-cpu.js';
import type { Bar } from '../targets.js';
import { atLeast, atMost, type Scenario, type ScenarioOptions } from './scenario.js';
import { capacityOf, clientNote, SLOW_MODEL_FLAGS, slowRequest, type Target } from './slow-model.js';

const OVERLOADS = [2, 3, 10];
const MODEL_MILLIS = 15;
const SHORT_MILLIS = 100;
const LONG_MILLIS = 1000;
const SECONDS = { quick: 5, long: 20 };
/** For the server's estimates to be those of this load. */
const FIRST_SECONDS = 1;
const LEAST_GOODPUT = 0.9;
const MOST_WASTED = 0.1;
/** Of the capacity; half of it would be an equal share. */
const LEAST_SHARE = 0.3;

interface Bars {
  readonly goodput: Bar;
  readonly wasted: Bar;
  /** Where clients differ in how long they wait. */
  readonly share?: Bar;
}

interface Overload {
  readonly load: number;
  readonly isMixed: boolean;
  readonly bars: Bars;
}

function barsOf(load: number, isMixed: boolean): Bars {
  const path = `${load} × capacity, ${isMixed ? `${SHORT_MILLIS} ms or ${LONG_MILLIS / 1000} s` : `${SHORT_MILLIS} ms`} to answer`;
  return {
    goodput: { path, measure: 'in time, to capacity', ...atLeast(LEAST_GOODPUT) },
    wasted: { path, measure: 'runs in vain, to runs', ...atMost(MOST_WASTED) },
    ...(isMixed ? { share: { path, measure: 'in time, lesser half', ...atLeast(LEAST_SHARE) } } : {}),
  };
}

const LOADS: readonly Overload[] = [false, true].flatMap((isMixed) =>
  OVERLOADS.map((load) => ({ load, isMixed, bars: barsOf(load, isMixed) })),
);

export const deadlines: Scenario = {
  bars: LOADS.flatMap(({ bars }) => Object.values(bars)),
  run: async (options) => {
    await buildPaced();
    return withServer(SLOW_MODEL_FLAGS, async ({ ports }) => {
      const to = { host: '127.0.0.1', port: ports.rest, request: slowRequest(MODEL_MILLIS), mostConnections: 2000 };
      const measured: Measured[] = [];
      for (const overload of LOADS) {
        options.signal.throwIfAborted();
        options.onStep(`deadlines: ${overload.bars.goodput.path}`);
        measured.push(await measure(to, overload, options));
      }
      return { results: measured.flatMap(judgeOverload), notes: measured.map(noteOf) };
    });
  },
};

export interface Measured {
  readonly overload: Overload;
  /** Answers per second, measured just before. */
  readonly capacity: number;
  readonly result: PacedResult;
  /** That the server has begun. */
  readonly runs: number;
  readonly clientCores: number;
}

async function measure(to: Target, overload: Overload, options: ScenarioOptions): Promise<Measured> {
  const capacity = await capacityOf(to, options);
  const load = {
    ...to,
    request: slowRequest(MODEL_MILLIS, SHORT_MILLIS),
    limitMillis: SHORT_MILLIS,
    rate: overload.load * capacity,
    ...(overload.isMixed
      ? { other: { request: slowRequest(MODEL_MILLIS, LONG_MILLIS), limitMillis: LONG_MILLIS } }
      : {}),
  };
  await runPaced({ ...load, durationSeconds: FIRST_SECONDS });
  const runsBefore = await runsOf(to);
  const cpuBefore = clientCpuMicros();
  const result = await runPaced({ ...load, durationSeconds: options.long ? SECONDS.long : SECONDS.quick });
  const clientCores = (clientCpuMicros() - cpuBefore) / 1e6 / (result.seconds + result.drainSeconds);
  return { overload, capacity, result, runs: (await runsOf(to)) - runsBefore, clientCores };
}

async function runsOf({ host, port }: Target): Promise<number> {
  const text = await (await fetch(`http://${host}:${port}/metrics`)).text();
  const runs = /^tensorgate_run_rows_count\{.*\} (\d+)$/m.exec(text)?.[1];
  if (runs === undefined) throw new Error('The server does not tell how many runs it has made.');
  return Number(runs);
}

/** The figures of one load, against its bars. */
export function judgeOverload({ overload: { bars }, capacity, result, runs }: Measured) {
  const { inTime, otherInTime, seconds } = result;
  const toCapacity = (answers: number) => answers / seconds / capacity;
  const all = inTime + otherInTime;
  return [
    { target: bars.goodput, outcome: { figure: toCapacity(all) } },
    { target: bars.wasted, outcome: { figure: Math.max(0, 1 - all / runs) } },
    ...(bars.share === undefined
      ? []
      : [{ target: bars.share, outcome: { figure: toCapacity(Math.min(inTime, otherInTime)) } }]),
  ];
}

function noteOf({ overload, capacity, result, runs, clientCores }: Measured): string {
  const { inTime, otherInTime, good, refused, failed, seconds } = result;
  const [p50, p99] = [good.p50Micros, good.p99Micros].map((micros) => (micros / 1000).toFixed(0));
  return (
    `Deadlines, ${overload.bars.goodput.path}: capacity ${capacity.toFixed(0)} answers/s, ${seconds.toFixed(0)} s, ${runs} runs, ` +
    `${inTime} + ${otherInTime} in time, p50 ${p50} ms, p99 ${p99} ms; ${refused.count} refused, ${failed} failed. ` +
    `The load generator took ${clientCores.toFixed(2)} cores, not subtracted. ${clientNote(result)}`
  );
}
