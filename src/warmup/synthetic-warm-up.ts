/**
 * Warm-up without a file: each signature is run with ones, so that the first request of a client does not pay for what
 * TensorFlow prepares in a first run. One that changes anything which outlasts a run is left alone: the first answers of a model
 * with a state must be those of a model that nobody has asked. Nothing that happens here keeps a version from being served, slowness included.
 */
import { Code, ServingError, toServingError } from '../errors.js';
import { requestSource } from '../metrics/metrics.js';
import type { SavedModel } from '../servables/saved-model.js';
import { DEFAULT_SIGNATURE, type SignatureInfo } from '../servables/signature-info.js';
import type { Cancellation, TensorPredictRequest } from '../tensor/predict-request.js';
import { syntheticRequest, warmupBatchSizes } from './synthetic-requests.js';

/** For all signatures of a version together. A run in progress then goes on, but is not waited for. */
const LIMIT_MILLIS = 10_000;
/**
 * Each request is repeated at least once, and up to so many times within so many milliseconds: a first run says nothing about
 * those that follow, and the addon's estimates of a run's time (native/session.h, quick_runs.h) rest on several.
 */
const MOST_RUNS = 30;
const REPEAT_MILLIS = 50;

const SOURCE = requestSource('warmup', 'Predict');

export interface SyntheticOptions {
  readonly cancellation: Cancellation;
  /** Default: LIMIT_MILLIS. */
  readonly limitMillis?: number;
}

export interface SyntheticResult {
  /** Signatures that were run with all the sizes. */
  readonly signatures: number;
  readonly runs: number;
  /** Why a signature was not run, or not with all sizes, by its name; each as the end of a sentence. */
  readonly skipped: ReadonlyMap<string, string>;
}

/** Runs what can be run; rejects with CANCELLED alone. */
export async function warmUpWithOnes(model: SavedModel, options: SyntheticOptions): Promise<SyntheticResult> {
  const run = new SyntheticRun(model, options);
  for (const signature of runnable(model)) await run.warmUp(signature);
  return run;
}

/** The default signature first: the time may not suffice for all. */
function runnable(model: SavedModel): SignatureInfo[] {
  const signatures = model.declared.filter(({ isInternal }) => !isInternal);
  return signatures.sort((a, b) => Number(b.name === DEFAULT_SIGNATURE) - Number(a.name === DEFAULT_SIGNATURE));
}

class SyntheticRun implements SyntheticResult {
  signatures = 0;
  runs = 0;
  readonly skipped = new Map<string, string>();
  readonly #model: SavedModel;
  readonly #options: SyntheticOptions;
  readonly #limitMillis: number;
  readonly #endMillis: number;

  constructor(model: SavedModel, options: SyntheticOptions) {
    this.#model = model;
    this.#options = options;
    this.#limitMillis = options.limitMillis ?? LIMIT_MILLIS;
    this.#endMillis = Date.now() + this.#limitMillis;
  }

  async warmUp(signature: SignatureInfo): Promise<void> {
    const reason = await this.#runSizes(signature);
    if (reason === undefined) this.signatures += 1;
    else this.skipped.set(signature.name, reason);
  }

  /** Why it was not run with all sizes; undefined if it was. */
  async #runSizes(signature: SignatureInfo): Promise<string | undefined> {
    const effect = this.#model.lastingEffect(signature.name);
    if (effect !== undefined) return `its operation ${effect.op} (node ${effect.node}) changes what outlasts a run`;
    let millisPerRow = 0;
    for (const rows of warmupBatchSizes(this.#model.largestBatchOf(signature.name))) {
      const request = syntheticRequest(signature, rows);
      if ('reason' in request) return request.reason;
      if (Date.now() + rows * millisPerRow >= this.#endMillis) {
        return `${rows === 1 ? '' : `with ${rows} rows `}there is no time left of the ${this.#limitMillis / 1000} s`;
      }
      try {
        millisPerRow = (await this.#repeat(request)) / rows;
      } catch (thrown) {
        return this.#reasonOf(thrown, rows);
      }
    }
    return undefined;
  }

  /** How long the quickest of the runs took. */
  async #repeat(request: TensorPredictRequest): Promise<number> {
    const { cancellation } = this.#options;
    let quickest = Number.POSITIVE_INFINITY;
    let end = Number.POSITIVE_INFINITY;
    for (let i = 0; i < MOST_RUNS && performance.now() < end; i++) {
      const start = performance.now();
      if (i === 1) end = start + REPEAT_MILLIS;
      await this.#model.predict({ ...request, deadlineMillis: this.#endMillis, cancellation }, () => {}, SOURCE);
      quickest = Math.min(quickest, performance.now() - start);
      this.runs += 1;
    }
    return quickest;
  }

  #reasonOf(thrown: unknown, rows: number): string {
    const { code, message } = toServingError(thrown);
    if (this.#options.cancellation.cancelled) throw new ServingError(Code.CANCELLED, message);
    if (code === Code.DEADLINE_EXCEEDED) return `a run took longer than the ${this.#limitMillis / 1000} s that it may`;
    return `a run with ${rows === 1 ? '1 row' : `${rows} rows`} of ones failed: ${message}`;
  }
}
