/**
 * The server's metrics. A leaf module: whoever imports it gets the one set of its thread (only the main thread has any use
 * for it). Names and types are TensorFlow Serving's (`:tensorflow:serving:…`) and, under `tensorgate_`, our own.
 */

import { toServingError } from '../errors.js';
import { ProcessMetrics } from './process-metrics.js';
import { PrometheusText } from './prometheus-text.js';
import { RequestMetrics, type RequestSource } from './request-metrics.js';
import { RequestTrace } from './request-trace.js';

export type { FinishedRun } from './batch-statistics.js';
export { exponentialBounds, Histogram } from './histogram.js';
export { type ModelStatistics, modelStatistics, type Statistics, type TotalDuration } from './model-statistics.js';
export { type MetricType, PrometheusText } from './prometheus-text.js';
export {
  type AnsweredRequest,
  type ApiLabel,
  type DoorLabel,
  RequestMetrics,
  RequestRecorder,
  type RequestSource,
  requestSource,
} from './request-metrics.js';
export { REQUEST_TRACE_WORDS, type TracedRequests, type WatchedRequest } from './request-trace.js';

/** Adds families to a scrape; called for each one, on the event loop, so it must be quick. Must not throw. */
export type Collector = (text: PrometheusText) => void;

class Metrics {
  readonly requests = new RequestMetrics();
  /** For profiles. */
  readonly trace = new RequestTrace();
  readonly process = new ProcessMetrics();
  readonly #collectors = new Set<Collector>();

  /** Returns the function that takes the collector out again. */
  register(collector: Collector): () => void {
    this.#collectors.add(collector);
    return () => void this.#collectors.delete(collector);
  }

  /** The first sample of a metric by TensorFlow Serving's path of it, e.g. `/tensorflow/serving/request_count`; 0 if none. */
  valueOf(path: string): number {
    const name = `${path.replace(/\W/g, ':')}{`;
    const sample = this.render()
      .split('\n')
      .find((line) => line.startsWith(name));
    return sample === undefined ? 0 : Number(sample.slice(sample.lastIndexOf(' ') + 1));
  }

  /** All families in Prometheus' text format. */
  render(): string {
    const text = new PrometheusText();
    this.requests.write(text);
    for (const collect of this.#collectors) collect(text);
    this.process.write(text);
    return text.toString();
  }
}

export const metrics = new Metrics();

/**
 * Counts a request that failed before its version was known, and hands the error on. `model` as the client named it; empty where
 * that is not known either.
 */
export function countRefused(source: RequestSource, model: string, error: unknown): unknown {
  metrics.requests.countRefused(source, model, toServingError(error).code);
  return error;
}
