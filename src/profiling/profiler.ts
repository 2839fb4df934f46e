/**
 * What tensorflow.ProfilerService asks for. TensorFlow's own profiler is beyond the C API, and runs on the single-threaded
 * executor leave no StepStats (RunOptions.trace_level gives them with TensorFlow's usual executor alone), so a profile holds
 * what this server did: requests, waits, runs by thread, model and signature, and how many requests and rows shared them.
 */
import { hostname } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Code, invalidArgument, ServingError } from '../errors.js';
import { metrics } from '../metrics/metrics.js';
import type { Cancellation } from '../tensor/predict-request.js';
import { startRunTrace, stopRunTrace } from '../workers/run-trace.js';
import { type MonitorOptions, monitorText, takeFigures } from './monitor.js';
import { Pause } from './pause.js';
import { isEmptyTrace, type Trace } from './trace.js';

/** The longest profile, and the longest look of a monitor, ms. */
export const LONGEST_MILLIS = 10 * 60_000;

/** The most requests, and the most events of threads, that a profile holds: about 25 MB in all. */
const MOST_EVENTS = 100_000;

export interface ProfileOptions {
  readonly sessionId: string;
  readonly durationMillis: number;
  /** When to begin, in milliseconds since the epoch; what has passed is now. */
  readonly startMillis: number;
  /** 0: as many as it can hold. */
  readonly mostEvents: number;
  readonly cancellation: Cancellation;
}

export interface Profile {
  /** Serialized XSpace; undefined if nothing happened. */
  readonly xspace: Uint8Array | undefined;
}

interface Running {
  readonly sessionId: string;
  readonly pause: Pause;
}

export class Profiler {
  /** Whatever waits now, for close() to end. */
  readonly #pauses = new Set<Pause>();
  #running: Running | undefined;
  #closed = false;

  /**
   * Resolves after the time, or after terminate() or close(), with what was noted. Rejects with ALREADY_EXISTS while another
   * one runs, INVALID_ARGUMENT for more than ten minutes, CANCELLED, or UNAVAILABLE once the server stops.
   */
  async profile(options: ProfileOptions): Promise<Profile> {
    const trace = await this.#record(options);
    return { xspace: isEmptyTrace(trace) ? undefined : await writeXSpace(trace) };
  }

  /** Ends the profile of that session; one that does not run any more is no error. */
  terminate(sessionId: string): void {
    if (this.#running?.sessionId === sessionId) this.#running.pause.end();
  }

  /** Resolves after the time with the server's figures of it, for people. Rejects as profile(). */
  async monitor(options: MonitorOptions): Promise<string> {
    checkDuration(options.durationMillis);
    const before = takeFigures();
    await this.#wait(new Pause(), options.durationMillis, options.cancellation);
    return monitorText(options, before, takeFigures());
  }

  /** Ends all that runs, each with what it has; nothing begins any more. */
  close(): void {
    this.#closed = true;
    for (const pause of this.#pauses) pause.end();
  }

  async #record({ sessionId, durationMillis, startMillis, mostEvents, cancellation }: ProfileOptions): Promise<Trace> {
    const delayMillis = Math.max(0, startMillis - Date.now());
    checkDuration(delayMillis + durationMillis);
    if (this.#running !== undefined) throw alreadyRunning(this.#running.sessionId);
    const pause = new Pause();
    this.#running = { sessionId, pause };
    try {
      await this.#wait(pause, delayMillis, cancellation);
      const stop = startTrace(Math.min(mostEvents || MOST_EVENTS, MOST_EVENTS));
      try {
        await this.#wait(pause, durationMillis, cancellation);
      } catch (error) {
        stop();
        throw error;
      }
      return stop();
    } finally {
      this.#running = undefined;
    }
  }

  async #wait(pause: Pause, millis: number, cancellation: Cancellation): Promise<void> {
    if (this.#closed) throw new ServingError(Code.UNAVAILABLE, 'The server is stopping.');
    this.#pauses.add(pause);
    cancellation.onCancel(() => pause.end());
    await pause.wait(millis);
    this.#pauses.delete(pause);
    if (cancellation.cancelled) throw new ServingError(Code.CANCELLED, 'The client cancelled the call or went away.');
  }
}

function checkDuration(millis: number): void {
  if (millis > LONGEST_MILLIS)
    throw invalidArgument(`${millis} ms are too long. Ask for ${LONGEST_MILLIS} ms at the most, a delay included.`);
}

function alreadyRunning(sessionId: string): ServingError {
  return new ServingError(
    Code.ALREADY_EXISTS,
    `The profile "${sessionId}" is running, and there can be one at a time. Wait for it, or end it with Terminate.`,
  );
}

/** Both halves begin at the same moment, as far as two calls can. Returns the function that ends them. */
function startTrace(mostEvents: number): () => Trace {
  const origin = performance.now();
  metrics.trace.start(mostEvents, origin);
  startRunTrace(mostEvents);
  const startMillis = performance.timeOrigin + origin;
  return () => ({ hostName: hostname(), startMillis, runs: stopRunTrace(), requests: metrics.trace.stop() });
}

function writeXSpace(trace: Trace): Promise<Uint8Array> {
  const { runs, requests } = trace;
  const writer = new Worker(new URL('./xspace-thread.js', import.meta.url), {
    workerData: trace,
    transferList: [runs.words.buffer as ArrayBuffer, requests.words.buffer],
  });
  return new Promise((resolve, reject) => {
    writer.once('message', resolve);
    writer.once('error', reject);
  });
}
