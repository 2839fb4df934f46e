/**
 * What is known of requests: counts, durations and bytes by model, version, signature, door and method. A request finds its
 * recorder by two array indexes and adds to numbers there; everything else is done when somebody asks for the metrics.
 * TensorFlow Serving's request_count, request_latency and runtime_latency are sums over the same recorders.
 */

import { Code, codeName } from '../errors.js';
import { BatchStatistics, type FinishedRun } from './batch-statistics.js';
import { exponentialBounds, Histogram, LATENCY_MICROS } from './histogram.js';
import type { Labels, PrometheusText } from './prometheus-text.js';
import { writeRunMetrics } from './run-metrics.js';

/** `warmup` is no door: requests of our own, which no metric of requests tells. */
export type DoorLabel = 'grpc' | 'rest' | 'graphpipe' | 'warmup';
export type ApiLabel = 'Predict' | 'Classify' | 'Regress' | 'MultiInference';

/** A method of a door: where requests come in. `index` is small, for arrays of recorders. */
export interface RequestSource {
  readonly index: number;
  readonly door: DoorLabel;
  readonly api: ApiLabel;
}

const DOORS = ['grpc', 'rest', 'graphpipe', 'warmup'] as const;
const APIS = ['Predict', 'Classify', 'Regress', 'MultiInference'] as const;
const SOURCES: readonly RequestSource[] = DOORS.flatMap((door, row) =>
  APIS.map((api, column) => ({ index: row * APIS.length + column, door, api })),
);

/** The one object for a method of a door. */
export function requestSource(door: DoorLabel, api: ApiLabel): RequestSource {
  return SOURCES[DOORS.indexOf(door) * APIS.length + APIS.indexOf(api)] as RequestSource;
}

const CODES = Object.keys(Code).length;
const MICROS_PER_SECOND = 1e6;

/** Counts by status code. */
class CodeCounts {
  readonly #counts = new Float64Array(CODES);

  count(code: Code): void {
    this.#counts[code] = (this.#counts[code] as number) + 1;
  }

  add(other: CodeCounts): void {
    for (const [code, count] of other.entries()) this.#counts[code] = (this.#counts[code] as number) + count;
  }

  of(code: Code): number {
    return this.#counts[code] as number;
  }

  /** Those that are not 0. */
  entries(): [Code, number][] {
    return [...this.#counts]
      .map((count, code): [Code, number] => [code as Code, count])
      .filter(([, count]) => count > 0);
  }

  get total(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }
}

export interface RecorderOptions {
  readonly model: string;
  readonly version: string;
  /** Empty where it is not known. */
  readonly signature: string;
  readonly source: RequestSource;
  /** Also told of the time that a request waited, in microseconds. */
  readonly batchQueueTime?: Histogram | undefined;
}

/** What the addon tells of an answered request. Times in microseconds; MailboxOutputs says what each one spans. */
export interface AnsweredRequest {
  readonly queueMicros: number;
  readonly runMicros: number;
  readonly decodeMicros: number;
  readonly formatMicros: number;
  readonly rows: number;
}

/** Requests of one model, version and signature by one method. */
export class RequestRecorder {
  readonly model: string;
  readonly version: string;
  readonly signature: string;
  readonly source: RequestSource;
  /** Finished requests; OK is among the codes. */
  readonly finished = new CodeCounts();
  /** Of successes, in microseconds. */
  readonly duration = new Histogram(LATENCY_MICROS);
  readonly queueTime = new Histogram(LATENCY_MICROS);
  readonly runTime = new Histogram(LATENCY_MICROS);
  /** Runs by their rows. */
  readonly batches = new BatchStatistics();
  begun = 0;
  /** When the last one began, as performance.now() has it; 0 before the first. */
  lastMillis = 0;
  /** Of successes. */
  rows = 0;
  decodeMicros = 0;
  formatMicros = 0;
  failedMicros = 0;
  requestBytes = 0;
  responseBytes = 0;
  readonly #batchQueueTime: Histogram | undefined;

  constructor({ model, version, signature, source, batchQueueTime }: RecorderOptions) {
    this.model = model;
    this.version = version;
    this.signature = signature;
    this.source = source;
    this.#batchQueueTime = batchQueueTime;
  }

  /** A request comes in with a body of so many bytes; succeed() or fail() follows, once. */
  begin(requestBytes: number, nowMillis = performance.now()): void {
    this.begun += 1;
    this.lastMillis = Math.max(this.lastMillis, nowMillis);
    this.requestBytes += requestBytes;
  }

  /** A request comes in whose signature is not known yet: in flight here until the recorder that is found takes it over. */
  hold(): void {
    this.begun += 1;
  }

  /** Begins a request that `holder`, which may be this one, has held. */
  takeOver(holder: RequestRecorder, requestBytes: number, nowMillis: number): void {
    holder.begun -= 1;
    this.begin(requestBytes, nowMillis);
  }

  succeed(answered: AnsweredRequest, durationMicros: number, responseBytes: number): void {
    const { queueMicros } = answered;
    this.finished.count(Code.OK);
    this.duration.observe(durationMicros);
    this.queueTime.observe(queueMicros);
    this.runTime.observe(answered.runMicros);
    this.#batchQueueTime?.observe(queueMicros);
    this.decodeMicros += answered.decodeMicros;
    this.formatMicros += answered.formatMicros;
    this.rows += answered.rows;
    this.responseBytes += responseBytes;
  }

  fail(code: Code, durationMicros = 0): void {
    this.finished.count(code);
    this.failedMicros += durationMicros;
  }

  /** A run has ended well; whichever requests shared it, here it counts once. */
  ran(run: FinishedRun): void {
    this.batches.add(run);
  }

  get inFlight(): number {
    return this.begun - this.finished.total;
  }

  get labels(): Labels {
    const { model, version, signature, source } = this;
    return { model, version, signature, door: source.door, api: source.api };
  }

  /** For people. */
  get title(): string {
    const { door, api } = this.source;
    return `${door} ${api} ${this.model}/${this.version} ${this.signature}`.trimEnd();
  }

  add(other: RequestRecorder): void {
    this.begun += other.begun;
    this.finished.add(other.finished);
    this.duration.add(other.duration);
    this.runTime.add(other.runTime);
  }
}

/** Names that clients may have made up are kept apart up to this many; the rest are counted under the empty name. */
const MOST_UNKNOWN_NAMES = 100;

/** The pool's name where BatchingParameters give none. */
const DEFAULT_THREAD_POOL_NAME = 'model_server_batch_threads';

export class RequestMetrics {
  /** Undefined until batching is observed. */
  #batchQueueTime: Histogram | undefined;
  readonly #recorders = new Set<RequestRecorder>();
  /** What versions that are gone have counted, by model and method: TF Serving's sums must not shrink. */
  readonly #retired = new Map<string, RequestRecorder>();
  /** Requests that reached no version, and those of REST that run none, by the name of the model. */
  readonly #others = new Map<string, CodeCounts>();
  readonly #refused: CodeCounts[] = [];
  #threadPoolName = DEFAULT_THREAD_POOL_NAME;
  readonly #exampleCounts = new Map<string, Histogram>();
  readonly #exampleTotals = new Map<string, number>();

  recorder(model: string, version: bigint, signature: string, source: RequestSource): RequestRecorder {
    const isTold = source.door !== 'warmup';
    const batchQueueTime = isTold ? this.#batchQueueTime : undefined;
    const recorder = new RequestRecorder({ model, version: String(version), signature, source, batchQueueTime });
    if (isTold) this.#recorders.add(recorder);
    return recorder;
  }

  /** Of the versions that are served. */
  recorders(): Iterable<RequestRecorder> {
    return this.#recorders;
  }

  /** The version is gone, and with it its series: nothing is recorded any more. */
  retire(recorder: RequestRecorder): void {
    if (!this.#recorders.delete(recorder)) return;
    const { model, source } = recorder;
    const key = JSON.stringify([model, source.index]);
    const sum = this.#retired.get(key) ?? new RequestRecorder({ model, version: '', signature: '', source });
    sum.add(recorder);
    this.#retired.set(key, sum);
  }

  /** A request to run something failed before its version was known: no such model, or a body that says nothing. */
  countRefused(source: RequestSource, model: string, code: Code): void {
    if (source.door === 'warmup') return;
    this.countTurnedAway(source, code);
    // What MultiInference counts over gRPC, TensorFlow Serving does not.
    if (source.door !== 'graphpipe' && source.api !== 'MultiInference') this.countOther(model, code);
  }

  /** A request that TensorFlow Serving's methods would not see, and its request_count not tell: no message, or one too many. */
  countTurnedAway(source: RequestSource, code: Code): void {
    this.#refused[source.index] ??= new CodeCounts();
    this.#refused[source.index]?.count(code);
  }

  /** A request over REST that runs no model: status, metadata, or none of its routes. Counts in request_count alone. */
  countOther(model: string, code: Code): void {
    let counts = this.#others.get(model);
    if (counts === undefined) {
      const name = this.#others.size < MOST_UNKNOWN_NAMES || this.#isServed(model) ? model : '';
      counts = this.#others.get(name) ?? new CodeCounts();
      this.#others.set(name, counts);
    }
    counts.count(code);
  }

  /** Whether requests have come to a version of that model which is there. */
  #isServed(model: string): boolean {
    for (const recorder of this.#recorders) if (recorder.model === model) return true;
    return false;
  }

  /** tf.Examples of a Classify, Regress or MultiInference; of the latter only their total is told, as in TF Serving. */
  countExamples(model: string, examples: number, { door, api }: Omit<RequestSource, 'index'>): void {
    if (door === 'warmup') return;
    this.#exampleTotals.set(model, (this.#exampleTotals.get(model) ?? 0) + examples);
    if (api === 'MultiInference') return;
    const counts = this.#exampleCounts.get(model) ?? new Histogram(exponentialBounds(1, 2, 15));
    counts.observe(examples);
    this.#exampleCounts.set(model, counts);
  }

  /** From now on, for recorders made later. `threadPoolName`: BatchingParameters'. */
  observeBatching(threadPoolName = DEFAULT_THREAD_POOL_NAME): void {
    this.#threadPoolName = threadPoolName;
    this.#batchQueueTime ??= new Histogram(exponentialBounds(100, 1.2, 52));
  }

  write(text: PrometheusText): void {
    this.#writeServingMetrics(text);
    this.#writeOwnCounts(text);
    this.#writeOwnDurations(text);
    writeRunMetrics(text, this.#recorders);
  }

  /** TensorFlow Serving's. GraphPipe's requests are none of its and stay out. */
  #writeServingMetrics(text: PrometheusText): void {
    const recorders = [...this.#retired.values(), ...this.#recorders].filter(
      ({ source }) => source.door !== 'graphpipe',
    );
    this.#writeRequestCount(text, recorders);
    const entrypoint = ({ source }: RequestRecorder) => ({
      API: source.door === 'rest' ? source.api.toLowerCase() : source.api,
      entrypoint: source.door.toUpperCase(),
    });
    // Over gRPC TensorFlow Serving times no MultiInference, as it counts none.
    const timed = recorders.filter(({ source }) => source.api !== 'MultiInference');
    writeSums(text, ':tensorflow:serving:request_latency', timed, entrypoint, ({ duration }) => duration);
    const runtime = ({ source }: RequestRecorder) => ({ API: source.api, runtime: 'TF1' });
    writeSums(text, ':tensorflow:serving:runtime_latency', recorders, runtime, ({ runTime }) => runTime);
    text.family(':tensorflow:serving:request_example_counts', 'histogram');
    for (const [model, histogram] of this.#exampleCounts)
      text.histogram(':tensorflow:serving:request_example_counts', { model }, histogram);
    text.family(':tensorflow:serving:request_example_count_total', 'counter');
    for (const [model, total] of this.#exampleTotals)
      text.sample(':tensorflow:serving:request_example_count_total', { model }, total);
    const queuing = ':tensorflow:serving:batching_session:queuing_latency';
    text.family(queuing, 'histogram');
    if (this.#batchQueueTime !== undefined)
      text.histogram(queuing, { thread_pool_name: this.#threadPoolName }, this.#batchQueueTime);
  }

  #writeRequestCount(text: PrometheusText, recorders: readonly RequestRecorder[]): void {
    const sums = new Map<string, CodeCounts>();
    const sumOf = (model: string): CodeCounts => {
      const sum = sums.get(model) ?? new CodeCounts();
      sums.set(model, sum);
      return sum;
    };
    for (const { model, source, finished } of recorders) {
      if (source.door === 'rest' || source.api !== 'MultiInference') sumOf(model).add(finished);
    }
    for (const [model, counts] of this.#others) sumOf(model).add(counts);
    const name = ':tensorflow:serving:request_count';
    text.family(name, 'counter');
    for (const [model, counts] of sums) {
      for (const [code, count] of counts.entries())
        text.sample(name, { model_name: model, status: codeName(code) }, count);
    }
  }

  #writeOwnCounts(text: PrometheusText): void {
    const recorders = [...this.#recorders];
    const each = (name: string, type: 'counter' | 'gauge', value: (recorder: RequestRecorder) => number): void => {
      text.family(name, type);
      for (const recorder of recorders) text.sample(name, recorder.labels, value(recorder));
    };
    each('tensorgate_requests_total', 'counter', ({ finished }) => finished.total);
    each('tensorgate_requests_in_flight', 'gauge', ({ inFlight }) => inFlight);
    each('tensorgate_request_bytes_total', 'counter', ({ requestBytes }) => requestBytes);
    each('tensorgate_response_bytes_total', 'counter', ({ responseBytes }) => responseBytes);
    text.family('tensorgate_request_errors_total', 'counter');
    for (const { labels, finished } of recorders) writeErrors(text, labels, finished);
    for (const { index, door, api } of SOURCES) {
      const refused = this.#refused[index];
      if (refused !== undefined) writeErrors(text, { model: '', version: '', signature: '', door, api }, refused);
    }
  }

  #writeOwnDurations(text: PrometheusText): void {
    const each = (name: string, histogram: (recorder: RequestRecorder) => Histogram): void => {
      text.family(name, 'histogram');
      for (const recorder of this.#recorders)
        text.histogram(name, recorder.labels, histogram(recorder), MICROS_PER_SECOND);
    };
    each('tensorgate_request_duration_seconds', ({ duration }) => duration);
    each('tensorgate_queue_duration_seconds', ({ queueTime }) => queueTime);
    each('tensorgate_run_duration_seconds', ({ runTime }) => runTime);
  }
}

function writeErrors(text: PrometheusText, labels: Labels, counts: CodeCounts): void {
  for (const [code, count] of counts.entries()) {
    if (code !== Code.OK) text.sample('tensorgate_request_errors_total', { ...labels, code: codeName(code) }, count);
  }
}

/** A family of histograms in which versions and signatures are put together. */
function writeSums(
  text: PrometheusText,
  name: string,
  recorders: readonly RequestRecorder[],
  labelsOf: (recorder: RequestRecorder) => Labels,
  histogramOf: (recorder: RequestRecorder) => Histogram,
): void {
  const sums = new Map<string, { readonly labels: Labels; readonly sum: Histogram }>();
  for (const recorder of recorders) {
    const labels = { model_name: recorder.model, ...labelsOf(recorder) };
    const key = JSON.stringify(labels);
    const entry = sums.get(key) ?? { labels, sum: new Histogram(LATENCY_MICROS) };
    entry.sum.add(histogramOf(recorder));
    sums.set(key, entry);
  }
  text.family(name, 'histogram');
  for (const { labels, sum } of sums.values()) {
    if (sum.count > 0) text.histogram(name, labels, sum);
  }
}
