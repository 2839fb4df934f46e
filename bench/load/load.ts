/** What the load generators have in common. */
import type { BenchRequest } from '../requests.js';

export interface Load {
  readonly port: number;
  readonly request: BenchRequest;
  /** Length in bytes of a right answer's body. */
  readonly replyBytes: number;
  /** Requests in flight: each is sent when the one before it was answered. */
  readonly concurrency: number;
  /** Whole seconds. */
  readonly durationSeconds: number;
}

export interface LoadResult {
  readonly goodAnswers: number;
  readonly errors: number;
  readonly seconds: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

export interface LoadGenerator {
  /** As its command. */
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
  /** One closed loop on 127.0.0.1. Rejects if the program fails. */
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
