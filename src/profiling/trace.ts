/** What a profile has noted, before it becomes an XSpace. Can be posted to another thread. */
import type { TracedRequests } from '../metrics/metrics.js';
import type { RunTraceWords } from '../workers/run-trace.js';

export interface Trace {
  readonly hostName: string;
  /** When it began, in milliseconds since the epoch; all times count from then. */
  readonly startMillis: number;
  readonly runs: RunTraceWords;
  readonly requests: TracedRequests;
}

/** Words of an event in RunTraceWords. */
export const RUN_TRACE_WORDS = 7;

/** Whether nothing was noted. */
export function isEmptyTrace({ runs, requests }: Trace): boolean {
  return runs.words.length === 0 && requests.words.length === 0;
}
