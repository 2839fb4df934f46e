/** What requests to a version have cost so far, as KServe's statistics extension tells it. */

import { Code } from '../errors.js';
import { BatchStatistics, type BatchSums } from './batch-statistics.js';
import type { RequestRecorder } from './request-metrics.js';

export interface TotalDuration {
  readonly count: number;
  readonly micros: number;
}

export interface Statistics {
  /** When the last request began, in ms since the epoch; 0 if there was none. */
  readonly lastMillis: number;
  /** Of requests that were answered. */
  readonly rows: number;
  /** That ended well. */
  readonly runs: number;
  /** Of whole requests, from when their bodies are decoded as far as doors do it until their answers are made. */
  readonly success: TotalDuration;
  readonly fail: TotalDuration;
  /** Of requests that were answered; those that share a run have all of its time each. */
  readonly queue: TotalDuration;
  readonly decode: TotalDuration;
  readonly run: TotalDuration;
  readonly format: TotalDuration;
  /** By rows of a run, the smallest first. */
  readonly batches: readonly Readonly<BatchSums>[];
}

export interface ModelStatistics extends Statistics {
  readonly name: string;
  readonly version: string;
  /** By the signature's name, which is empty for requests that were refused before it was known. */
  readonly signatures: ReadonlyMap<string, Statistics>;
}

/** Those of one version, out of the recorders of all. */
export function modelStatistics(recorders: Iterable<RequestRecorder>, name: string, version: bigint): ModelStatistics {
  const own = [...recorders].filter((recorder) => recorder.model === name && recorder.version === String(version));
  // The recorder of those that are still to be known for a signature's has nothing to tell of itself.
  const told = own.filter(({ signature, finished }) => signature !== '' || finished.total > 0);
  const names = [...new Set(told.map(({ signature }) => signature))].sort();
  const signatures = names.map((signature): [string, Statistics] => [
    signature,
    sum(own.filter((recorder) => recorder.signature === signature)),
  ]);
  return { name, version: String(version), ...sum(own), signatures: new Map(signatures) };
}

function sum(recorders: readonly RequestRecorder[]): Statistics {
  const total = (value: (recorder: RequestRecorder) => number) =>
    recorders.reduce((result, recorder) => result + value(recorder), 0);
  const successes = total(({ finished }) => finished.of(Code.OK));
  const ofSuccesses = (micros: (recorder: RequestRecorder) => number) => ({ count: successes, micros: total(micros) });
  const batches = new BatchStatistics();
  for (const recorder of recorders) batches.addAll(recorder.batches);
  const bySize = batches.bySize();
  return {
    lastMillis: epochMillis(Math.max(0, ...recorders.map(({ lastMillis }) => lastMillis))),
    rows: total(({ rows }) => rows),
    runs: bySize.reduce((result, { runs }) => result + runs, 0),
    success: ofSuccesses(({ duration }) => duration.sum),
    fail: {
      count: total(({ finished }) => finished.total) - successes,
      micros: total(({ failedMicros }) => failedMicros),
    },
    queue: ofSuccesses(({ queueTime }) => queueTime.sum),
    decode: ofSuccesses(({ decodeMicros }) => decodeMicros),
    run: ofSuccesses(({ runTime }) => runTime.sum),
    format: ofSuccesses(({ formatMicros }) => formatMicros),
    batches: bySize,
  };
}

/** Of performance.now()'s; 0 stays 0. */
function epochMillis(nowMillis: number): number {
  return nowMillis === 0 ? 0 : Math.round(performance.timeOrigin + nowMillis);
}
