/** Bursts of load on several servers in turns. */
import { median } from '../src/report/median.js';
import type { Load, LoadGenerator, LoadResult } from './load/load.js';
import { clientCpuMicros, treeCpuMicros } from './process-cpu.js';
import { treeRssMiB } from './process-memory.js';

/** One door of one server that is up, and knows the answer. */
export interface Side extends Pick<Load, 'door' | 'host' | 'port' | 'request' | 'replyBytes'> {
  readonly server: string;
  /** Undefined: its CPU time and memory are not known. */
  readonly pid: number | undefined;
  readonly generator: LoadGenerator;
}

/** NaN where a figure is not known. */
export interface Figures extends Omit<LoadResult, 'goodAnswers' | 'seconds'> {
  readonly answersPerSecond: number;
  /** Bodies of requests and right answers, in 10^6 bytes. */
  readonly megabytesPerSecond: number;
  /** User and system time for each right answer. */
  readonly serverCpuMicros: number;
  readonly clientCpuMicros: number;
  /** After the burst. */
  readonly rssMiB: number;
}

export interface SideResult extends Pick<Side, 'server' | 'door'> {
  readonly generator: string;
  /** Of each figure its median; of the errors, their number in all rounds. */
  readonly median: Figures;
  readonly rounds: readonly Figures[];
}

export interface MeasureOptions extends Pick<Load, 'concurrency' | 'connections' | 'durationSeconds' | 'rate'> {
  readonly rounds: number;
  /** Looked at before each burst. */
  readonly signal: AbortSignal;
  /** Told what comes next. */
  readonly onStep: (step: string) => void;
}

const WARM_UP_SECONDS = 1;

/** Bursts for each side: the warm-up is one. */
export const burstsFor = (rounds: number): number => rounds + 1;

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
  return sides.map(({ server, door, generator }, i) => {
    return { server, door, generator: generator.name, median: medians(rounds[i] ?? []), rounds: rounds[i] ?? [] };
  });
}

async function step(side: Side, name: string, options: MeasureOptions): Promise<Figures> {
  options.signal.throwIfAborted();
  options.onStep(`${options.concurrency} in flight, ${name}: ${side.server} ${side.door}`);
  const { concurrency, connections, durationSeconds, rate, signal } = options;
  return burst(side, { ...side, concurrency, connections, durationSeconds, rate }).catch((error: unknown) => {
    // Ctrl-C ends the load generator too; that is then no failure of its own.
    signal.throwIfAborted();
    throw error;
  });
}

async function burst({ generator, pid }: Side, load: Load): Promise<Figures> {
  const serverCpu = () => (pid === undefined ? Number.NaN : treeCpuMicros(pid));
  const [serverBefore, clientBefore] = [serverCpu(), clientCpuMicros()];
  const { goodAnswers, seconds, ...result } = await generator.run(load);
  const bytes = goodAnswers * (load.request.body.byteLength + load.replyBytes);
  return {
    ...result,
    answersPerSecond: goodAnswers / seconds,
    megabytesPerSecond: bytes / seconds / 1e6,
    serverCpuMicros: (serverCpu() - serverBefore) / goodAnswers,
    clientCpuMicros: (clientCpuMicros() - clientBefore) / goodAnswers,
    rssMiB: pid === undefined ? Number.NaN : treeRssMiB(pid),
  };
}

function medians(rounds: readonly Figures[]): Figures {
  const of = (name: keyof Figures) => median(rounds.map((round) => round[name]));
  return {
    answersPerSecond: of('answersPerSecond'),
    megabytesPerSecond: of('megabytesPerSecond'),
    p50Micros: of('p50Micros'),
    p90Micros: of('p90Micros'),
    p99Micros: of('p99Micros'),
    p999Micros: of('p999Micros'),
    maxMicros: of('maxMicros'),
    serverCpuMicros: of('serverCpuMicros'),
    clientCpuMicros: of('clientCpuMicros'),
    rssMiB: of('rssMiB'),
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
  };
}
