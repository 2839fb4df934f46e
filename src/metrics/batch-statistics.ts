/** Runs by the number of rows that they had. */

/** One run, or those of a request that is run in pieces. Times in microseconds, of all requests that shared it together. */
export interface FinishedRun {
  /** 1, or the number of pieces. */
  readonly runs: number;
  /** Of a run, those that filled it up included; of the largest piece. */
  readonly rows: number;
  readonly runMicros: number;
  readonly decodeMicros: number;
  readonly formatMicros: number;
}

/** Sums over the runs of one number of rows. */
export interface BatchSums {
  readonly rows: number;
  runs: number;
  runMicros: number;
  decodeMicros: number;
  formatMicros: number;
}

/** Clients choose how many rows they send: further sizes are put together, each at the next power of two. */
const MOST_SIZES = 128;

export class BatchStatistics {
  readonly #sums = new Map<number, BatchSums>();

  add(run: FinishedRun): void {
    this.#addTo(this.#sums.get(run.rows) ?? this.#newSums(run.rows), run);
  }

  /** Adds all that another one has, each size as it stands there: put together otherwise with time, sums would shrink. */
  addAll(other: BatchStatistics): void {
    for (const sums of other.#sums.values()) this.#addTo(this.#sums.get(sums.rows) ?? this.#sumsOf(sums.rows), sums);
  }

  #addTo(sums: BatchSums, run: FinishedRun): void {
    sums.runs += run.runs;
    sums.runMicros += run.runMicros;
    sums.decodeMicros += run.decodeMicros;
    sums.formatMicros += run.formatMicros;
  }

  /** The smallest first. */
  bySize(): readonly Readonly<BatchSums>[] {
    return [...this.#sums.values()].sort((a, b) => a.rows - b.rows);
  }

  #newSums(size: number): BatchSums {
    return this.#sumsOf(this.#sums.size < MOST_SIZES ? size : 2 ** Math.ceil(Math.log2(Math.max(size, 1))));
  }

  #sumsOf(rows: number): BatchSums {
    const sums = this.#sums.get(rows) ?? { rows, runs: 0, runMicros: 0, decodeMicros: 0, formatMicros: 0 };
    this.#sums.set(rows, sums);
    return sums;
  }
}
