/**
 * Requests as a profile wants them: each with its times, noted while one is on. A request that comes in meanwhile costs one
 * look at `active`.
 */
import { Code, type ServingError } from '../errors.js';
import type { RequestRecorder } from './request-metrics.js';

/** What is known of a request when it is delivered. */
interface Delivered {
  readonly queueMicros: number;
  readonly runMicros: number;
  readonly totalBytes: number;
}

/** Notes the end of a request: succeed() or fail() is called, once. */
export interface WatchedRequest {
  /** Its outputs are there, and are going to be encoded. */
  ready(): void;
  succeed(delivered: Delivered): void;
  fail(error: ServingError): void;
}

export interface TracedRequests {
  /**
   * Eight for each request: the place of its labels, begin and end in milliseconds since the profile began, µs in the queue, µs
   * of its run, ms of encoding its answer, the answer's bytes, status code.
   */
  readonly words: Float64Array<ArrayBuffer>;
  /** RequestRecorder.title. */
  readonly labels: readonly string[];
  /** Requests that were too many. */
  readonly dropped: number;
}

export const REQUEST_TRACE_WORDS = 8;

export class RequestTrace {
  /** Whether a profile is on. */
  active = false;
  #words: number[] = [];
  #labels = new Map<RequestRecorder, number>();
  #origin = 0;
  #most = 0;
  #dropped = 0;

  /** Notes up to `most` requests that come in from now on. `origin`: now, as performance.now() has it. */
  start(most: number, origin: number): void {
    this.#words = [];
    this.#labels = new Map();
    this.#origin = origin;
    this.#most = most;
    this.#dropped = 0;
    this.active = true;
  }

  /** What has been noted; requests that are not finished are left out. */
  stop(): TracedRequests {
    const labels = [...this.#labels.keys()].map(({ title }) => title);
    const trace = { words: new Float64Array(this.#words), labels, dropped: this.#dropped };
    this.active = false;
    this.#words = [];
    this.#labels = new Map();
    return trace;
  }

  /** For a request that begins now; notes its end, if the profile is still on then. */
  watch(recorder: RequestRecorder): WatchedRequest {
    const begin = performance.now();
    const words = this.#words;
    let ready = begin;
    return {
      ready: () => {
        ready = performance.now();
      },
      succeed: ({ queueMicros, runMicros, totalBytes }) =>
        this.#add(words, recorder, [begin, queueMicros, runMicros, performance.now() - ready, totalBytes, Code.OK]),
      fail: (error) => this.#add(words, recorder, [begin, 0, 0, 0, 0, error.code]),
    };
  }

  #add(words: number[], recorder: RequestRecorder, [begin, ...rest]: [begin: number, ...rest: number[]]): void {
    if (words !== this.#words || !this.active) return; // that profile is over
    if (words.length >= this.#most * REQUEST_TRACE_WORDS) {
      this.#dropped++;
      return;
    }
    const label = this.#labels.get(recorder) ?? this.#labels.size;
    this.#labels.set(recorder, label);
    words.push(label, begin - this.#origin, performance.now() - this.#origin, ...rest);
  }
}
