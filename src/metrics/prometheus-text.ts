/**
 * Prometheus' text format as TensorFlow Serving writes it: a TYPE line for each family and no HELP, braces also where there
 * are no labels, bucket bounds as C's `%g` (`le="1.27482e+06"`).
 */
import { generalFormat } from '../formats/general-format.js';
import type { Histogram } from './histogram.js';

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'untyped';
export type Labels = Readonly<Record<string, string | number>>;

/** A bound is a label: queries compare its text. */
const BOUND_DIGITS = 6;
type HistogramValues = Pick<Histogram, 'bounds' | 'counts' | 'sum'>;

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

export class PrometheusText {
  readonly #lines: string[] = [];

  /** Begins a family; its samples follow. */
  family(name: string, type: MetricType): void {
    this.#lines.push(`# TYPE ${name} ${type}`);
  }

  sample(name: string, labels: Labels, value: number): void {
    this.#lines.push(`${name}{${formatLabels(labels)}} ${formatValue(value)}`);
  }

  /** A family of one sample. */
  single(name: string, type: MetricType, labels: Labels, value: number): void {
    this.family(name, type);
    this.sample(name, labels, value);
  }

  /** One histogram of a family; `unit` is what its numbers are divided by (1e6: observed in µs, told in seconds). */
  histogram(name: string, labels: Labels, histogram: HistogramValues, unit = 1): void {
    const prefix = formatLabels(labels);
    const comma = prefix === '' ? '' : ',';
    let cumulative = 0;
    histogram.counts.forEach((count, index) => {
      cumulative += count;
      const bound = histogram.bounds[index];
      const le = bound === undefined ? '+Inf' : generalFormat(bound / unit, BOUND_DIGITS);
      this.#lines.push(`${name}_bucket{${prefix}${comma}le="${le}"} ${cumulative}`);
    });
    this.#lines.push(`${name}_sum{${prefix}} ${formatValue(histogram.sum / unit)}`);
    this.#lines.push(`${name}_count{${prefix}} ${cumulative}`);
  }

  /** All of it, with a line feed at the end. */
  toString(): string {
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`;
  }
}

function formatLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(
      ([name, value]) => `${name}="${String(value).replace(/[\\"\n]/g, (character) => ESCAPES[character] as string)}"`,
    )
    .join(',');
}

function formatValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}
