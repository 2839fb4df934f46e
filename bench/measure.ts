/** Bursts of load on several servers in turns. */
import type { DoorName } from '../test/support/door-clients.js';
import { h2load } from './load/h2load.js';
import type { Load, LoadGenerator, LoadResult } from './load/load.js';
import { wrk } from './load/wrk.js';
import { endedChildrenCpuMicros, treeCpuMicros } from './process-cpu.js';
import type { BenchRequest } from './requests.js';

/** One door of one server that is up, and knows the answer. */
export interface Side {
  readonly server: string;
  readonly door: DoorName;
  readonly pid: number;
  readonly port: number;
  readonly request: BenchRequest;
  /** Length in bytes of a right answer's body. */
  readonly replyBytes: number;
}

export interface Figures {
  readonly answersPerSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** User and system time for each right answer. */
  readonly serverCpuMicros: number;
  readonly clientCpuMicros: number;
  readonly errors: number;
}

export interface SideResult {
  readonly server: string;
  readonly door: DoorName;
  readonly generator: string;
  /** Of each figure its median; of the errors, their number in all rounds. */
  readonly median: Figures;
  readonly rounds: readonly Figures[];
}

export interface MeasureOptions {
  readonly concurrency: number;
  readonly durationSeconds: number;
  readonly rounds: number;
  /** Looked at before each burst. */
  readonly signal: AbortSignal;
  /** Told what comes next. */
  readonly onStep: (step: string) => void;
}

export const GENERATORS: Readonly<Record<DoorName, LoadGenerator>> = { grpc: h2load, rest: wrk, graphpipe: wrk };

const WARM_UP_SECONDS = 1;

/**
 * Warms each side up, then loads one after the other, `rounds` times, so that whatever else happens on the machine meets
 * all alike. Rejects with the signal's reason, or if a load generator fails.
 */
export async function measure(sides: readonly Side[], options: MeasureOptions): Promise<SideResult[]> {
  const rounds = sides.map((): Figures[] => []);
  for (const side of sides) await step(side, 'warm-up', { ...options, durationSeconds: WARM_UP_SECONDS });
  for (let round = 1; round <= options.rounds; round++) {
    for (const [i, side] of sides.entries()) {
      rounds[i]?.push(await step(side, `round ${round} of ${options.rounds}`, options));
    }
  }
  return sides.map(({ server, door }, i) => summary(server, door, rounds[i] ?? []));
}

async function step(side: Side, name: string, options: MeasureOptions): Promise<Figures> {
  options.signal.throwIfAborted();
  options.onStep(`${options.concurrency} in flight, ${name}: ${side.server} ${side.door}`);
  const { concurrency, durationSeconds, signal } = options;
  return burst(side, { ...side, concurrency, durationSeconds }).catch((error: unknown) => {
    // Ctrl-C ends the load generator too; that is then no failure of its own.
    signal.throwIfAborted();
    throw error;
  });
}

async function burst({ door, pid }: Side, load: Load): Promise<Figures> {
  const [serverBefore, clientBefore] = [treeCpuMicros(pid), endedChildrenCpuMicros()];
  const result = await GENERATORS[door].run(load);
  return figures(result, treeCpuMicros(pid) - serverBefore, endedChildrenCpuMicros() - clientBefore);
}

function figures(result: LoadResult, serverMicros: number, clientMicros: number): Figures {
  const { goodAnswers, seconds, p50Micros, p99Micros, errors } = result;
  return {
    answersPerSecond: goodAnswers / seconds,
    p50Micros,
    p99Micros,
    serverCpuMicros: serverMicros / goodAnswers,
    clientCpuMicros: clientMicros / goodAnswers,
    errors,
  };
}

function summary(server: string, door: DoorName, rounds: readonly Figures[]): SideResult {
  const of = (name: keyof Figures) => median(rounds.map((round) => round[name]));
  const total: Figures = {
    answersPerSecond: of('answersPerSecond'),
    p50Micros: of('p50Micros'),
    p99Micros: of('p99Micros'),
    serverCpuMicros: of('serverCpuMicros'),
    clientCpuMicros: of('clientCpuMicros'),
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
  };
  return { server, door, generator: GENERATORS[door].name, median: total, rounds };
}

/** Of an even number of values the mean of the middle two; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
