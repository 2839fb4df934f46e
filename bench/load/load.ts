/** What the load generators have in common. */
import type { DoorName } from '../../test/support/door-clients.js';
import type { BenchRequest } from '../requests.js';

export interface Load {
  readonly door: DoorName;
  readonly host: string;
  readonly port: number;
  readonly request: BenchRequest;
  /** Length in bytes of a right answer's body. */
  readonly replyBytes: number;
  /** Requests in flight: each is sent when the one before it was answered. */
  readonly concurrency: number;
  /** Over gRPC the requests in flight are spread over so many; over HTTP each has its own. */
  readonly connections: number;
  /** Whole seconds. */
  readonly durationSeconds: number;
  /** Requests a second of an open loop, whose latencies count from the time each was due; undefined: closed loop. */
  readonly rate: number | undefined;
}

/** In µs; NaN where the generator does not give it. */
export interface Latencies {
  readonly p50Micros: number;
  readonly p90Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
  readonly maxMicros: number;
}

export interface LoadResult extends Latencies {
  readonly goodAnswers: number;
  readonly errors: number;
  readonly seconds: number;
}

export interface LoadGenerator {
  /** As its command. */
  readonly name: string;
  /** Debian's package; undefined: it is part of the bench. */
  readonly package: string | undefined;
  /** Rejects if the program fails. */
  run(load: Load): Promise<LoadResult>;
}

/** How long a generator may take to start and to end, beyond the load's duration. */
export const GRACE_MILLIS = 20_000;

/** The number that `pattern` catches in a generator's output. Throws with the output if there is none. */
export function numberIn(output: string, pattern: RegExp): number {
  const caught = pattern.exec(output)?.[1];
  if (caught === undefined) throw new Error(`The load generator's output has no ${pattern}:\n${output}`);
  return Number(caught);
}
