/** TensorFlow Serving's metrics of warm-up files (saved_model_warmup_util.cc), by version folder and outcome. */
import { type Code, codeName } from '../errors.js';
import { Histogram, LATENCY_MICROS } from '../metrics/histogram.js';
import type { PrometheusText } from '../metrics/metrics.js';

const LATENCY = ':tensorflow:serving:model_warmup_latency';
const RECORDS_READ = ':tensorflow:serving:model_warmup_records_read';

interface Series {
  readonly labels: { readonly model_path: string; readonly status: string };
  readonly micros: Histogram;
  records: number;
}

export class WarmUpMetrics {
  readonly #series = new Map<string, Series>();

  /** A file has been replayed, or as much of it as there was until an error. */
  observe(modelPath: string, status: Code, micros: number, records: number): void {
    const labels = { model_path: modelPath, status: codeName(status) };
    const key = JSON.stringify(labels);
    const series = this.#series.get(key) ?? { labels, micros: new Histogram(LATENCY_MICROS), records: 0 };
    this.#series.set(key, series);
    series.micros.observe(micros);
    series.records += records;
  }

  write(text: PrometheusText): void {
    text.family(LATENCY, 'histogram');
    for (const { labels, micros } of this.#series.values()) text.histogram(LATENCY, labels, micros);
    text.family(RECORDS_READ, 'counter');
    for (const { labels, records } of this.#series.values()) text.sample(RECORDS_READ, labels, records);
  }
}
