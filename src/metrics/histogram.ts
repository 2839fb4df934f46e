/** Histograms that cost the hot path a few comparisons and two additions, and no allocation. */

/** `count` upper bounds: scale, scale·factor, scale·factor² … (TensorFlow's monitoring::Buckets::Exponential). */
export function exponentialBounds(scale: number, factor: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => scale * factor ** index);
}

/** TF Serving's buckets for latencies, in microseconds. */
export const LATENCY_MICROS: Float64Array = exponentialBounds(10, 1.8, 33);

export class Histogram {
  /** Upper bounds, ascending; a value that equals one lies below it. */
  readonly bounds: Float64Array;
  /** Observations by bucket, not cumulative; the last one is for values beyond all bounds. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: Float64Array) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** `times`: as if so many observations had this value. */
  observe(value: number, times = 1): void {
    const { bounds, counts } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((bounds[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    counts[low] = (counts[low] as number) + times;
    this.sum += value * times;
  }

  /** Adds the observations of another histogram with the same bounds. */
  add(other: Histogram): void {
    other.counts.forEach((count, index) => {
      this.counts[index] = (this.counts[index] as number) + count;
    });
    this.sum += other.sum;
  }

  get count(): number {
    return this.counts.reduce((total, count) => total + count, 0);
  }
}
