/** The process itself: memory, CPU, start time, and how late the event loop is. */
import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { PrometheusText } from './prometheus-text.js';

/** How often the loop is looked at, ms; waits shorter than this are not seen. */
const RESOLUTION_MILLIS = 20;
const NANOS_PER_SECOND = 1e9;
const QUANTILES = [50, 90, 99, 100] as const;

export class ProcessMetrics {
  readonly #startSeconds = performance.timeOrigin / 1000;
  #delay: IntervalHistogram | undefined;

  /** Begins to watch the event loop. It is watched until the process ends, which that does not hold up. */
  watchEventLoop(): void {
    this.#delay ??= monitorEventLoopDelay({ resolution: RESOLUTION_MILLIS });
    this.#delay.enable();
  }

  write(text: PrometheusText): void {
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    text.single('process_start_time_seconds', 'gauge', {}, this.#startSeconds);
    text.single('process_resident_memory_bytes', 'gauge', {}, rss);
    text.single('process_cpu_seconds_total', 'counter', {}, (user + system) / 1e6);
    text.single('tensorgate_heap_used_bytes', 'gauge', {}, heapUsed);
    this.#writeEventLoop(text);
  }

  /** Of the time since the last look: each look begins anew. */
  #writeEventLoop(text: PrometheusText): void {
    const delay = this.#delay;
    if (delay === undefined) return;
    text.family('tensorgate_event_loop_lag_seconds', 'gauge');
    for (const quantile of QUANTILES) {
      // The timer's own interval is part of what Node measures.
      const lag = delay.percentile(quantile) / NANOS_PER_SECOND - RESOLUTION_MILLIS / 1000;
      text.sample('tensorgate_event_loop_lag_seconds', { quantile: quantile / 100 }, Math.max(0, lag));
    }
    delay.reset();
  }
}
