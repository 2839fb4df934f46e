/** What Monitor answers: the server's figures over a stretch of time, as a text for people. */
import { Code } from '../errors.js';
import { metrics, type RequestRecorder } from '../metrics/metrics.js';
import type { Cancellation } from '../tensor/predict-request.js';

export interface MonitorOptions {
  readonly durationMillis: number;
  /** 2 and more: also by model, version, signature and method. */
  readonly level: number;
  /** Whether the text says when. */
  readonly timestamp: boolean;
  readonly cancellation: Cancellation;
}

/** Of requests, since the server started. */
interface Counts {
  readonly finished: number;
  readonly failed: number;
  /** Sums over those that succeeded, µs. */
  readonly duration: number;
  readonly queue: number;
  readonly run: number;
}

export interface Figures {
  readonly millis: number;
  readonly cpuMicros: number;
  readonly inFlight: number;
  readonly counts: ReadonlyMap<RequestRecorder, Counts>;
}

const NONE: Counts = { finished: 0, failed: 0, duration: 0, queue: 0, run: 0 };
const VERBOSE = 2;

export function takeFigures(): Figures {
  const recorders = [...metrics.requests.recorders()];
  const { user, system } = process.cpuUsage();
  return {
    millis: performance.now(),
    cpuMicros: user + system,
    inFlight: recorders.reduce((sum, recorder) => sum + recorder.inFlight, 0),
    counts: new Map(recorders.map((recorder) => [recorder, countsOf(recorder)])),
  };
}

/** The text of what happened between the two. */
export function monitorText({ level, timestamp }: MonitorOptions, before: Figures, after: Figures): string {
  const millis = Math.max(after.millis - before.millis, 1);
  const growth = [...after.counts].map(
    ([recorder, counts]) => [recorder, difference(counts, before.counts.get(recorder) ?? NONE)] as const,
  );
  const all = growth.reduce((sum, [, counts]) => add(sum, counts), NONE);
  const cpus = (after.cpuMicros - before.cpuMicros) / 1000 / millis;
  const megabytes = Math.round(process.memoryUsage.rss() / 2 ** 20);
  const lines = [
    ...(timestamp ? [`Time: ${new Date().toISOString()}`] : []),
    `Requests in ${Math.round(millis)} ms: ${describe(all, millis)}; ${after.inFlight} in flight`,
    `Process: ${cpus.toFixed(2)} CPUs, ${megabytes} MB`,
  ];
  const seen = level >= VERBOSE ? growth.filter(([, { finished }]) => finished > 0) : [];
  return [...lines, ...seen.map(([recorder, counts]) => `${recorder.title}: ${describe(counts, millis)}`), ''].join(
    '\n',
  );
}

function describe({ finished, failed, duration, queue, run }: Counts, millis: number): string {
  const rate = `${((finished * 1000) / millis).toFixed(1)} per second, ${failed} of ${finished} failed`;
  const good = finished - failed;
  if (good === 0) return rate;
  const mean = (micros: number) => (micros / good / 1000).toFixed(3);
  return `${rate}, mean ${mean(duration)} ms (waiting ${mean(queue)} ms, running ${mean(run)} ms)`;
}

function countsOf({ finished, duration, queueTime, runTime }: RequestRecorder): Counts {
  const total = finished.total;
  const good = finished.of(Code.OK);
  return { finished: total, failed: total - good, duration: duration.sum, queue: queueTime.sum, run: runTime.sum };
}

function add(a: Counts, b: Counts, sign = 1): Counts {
  return {
    finished: a.finished + sign * b.finished,
    failed: a.failed + sign * b.failed,
    duration: a.duration + sign * b.duration,
    queue: a.queue + sign * b.queue,
    run: a.run + sign * b.run,
  };
}

function difference(a: Counts, b: Counts): Counts {
  return add(a, b, -1);
}
