/** Prometheus' families of runs and rows, by model, version and signature: doors and methods share runs. */
import { BatchStatistics } from './batch-statistics.js';
import { exponentialBounds, Histogram } from './histogram.js';
import type { Labels, PrometheusText } from './prometheus-text.js';

const ROWS = exponentialBounds(1, 2, 11);
const MICROS_PER_SECOND = 1e6;

/** What a recorder knows of runs. */
interface Recorded {
  readonly model: string;
  readonly version: string;
  readonly signature: string;
  readonly rows: number;
  readonly batches: BatchStatistics;
}

interface Sums {
  readonly labels: Labels;
  readonly batches: BatchStatistics;
  rows: number;
}

export function writeRunMetrics(text: PrometheusText, recorders: Iterable<Recorded>): void {
  const all = sumBySignature(recorders);
  const counter = (name: string, value: (sums: Sums) => number): void => {
    text.family(name, 'counter');
    for (const sums of all) text.sample(name, sums.labels, value(sums));
  };
  counter('tensorgate_runs_total', ({ batches }) => total(batches, ({ runs }) => runs));
  counter('tensorgate_rows_total', ({ rows }) => rows);
  counter(
    'tensorgate_decode_seconds_total',
    ({ batches }) => total(batches, ({ decodeMicros }) => decodeMicros) / MICROS_PER_SECOND,
  );
  counter(
    'tensorgate_format_seconds_total',
    ({ batches }) => total(batches, ({ formatMicros }) => formatMicros) / MICROS_PER_SECOND,
  );
  text.family('tensorgate_batch_rows', 'histogram');
  for (const { labels, batches } of all) text.histogram('tensorgate_batch_rows', labels, rowsOf(batches));
}

function sumBySignature(recorders: Iterable<Recorded>): Sums[] {
  const sums = new Map<string, Sums>();
  for (const { model, version, signature, rows, batches } of recorders) {
    const key = JSON.stringify([model, version, signature]);
    const labels = { model, version, signature };
    const entry = sums.get(key) ?? { labels, batches: new BatchStatistics(), rows: 0 };
    entry.rows += rows;
    entry.batches.addAll(batches);
    sums.set(key, entry);
  }
  return [...sums.values()];
}

type BatchSums = ReturnType<BatchStatistics['bySize']>[number];

function total(batches: BatchStatistics, value: (sums: BatchSums) => number): number {
  return batches.bySize().reduce((sum, each) => sum + value(each), 0);
}

function rowsOf(batches: BatchStatistics): Histogram {
  const histogram = new Histogram(ROWS);
  for (const { rows, runs } of batches.bySize()) histogram.observe(rows, runs);
  return histogram;
}
