import { type ServingError, toServingError } from '../errors.js';
import { log } from '../log.js';
import { MAX_TIMER_MILLIS } from '../timer-limit.js';
import { ConcurrencyLimit } from './concurrency-limit.js';
import type { Loader } from './loader.js';
import type { ServableHandle } from './servable-handle.js';
import { formatServableId, type ServableId } from './servable-id.js';
import { ManagerState, type ServableState } from './servable-state.js';
import type { AspiredVersion } from './source.js';

export interface LoaderHarnessOptions<S> {
  createLoader(version: AspiredVersion): Loader<S>;
  /** Called right after each change of `state`, the first one (START) included. */
  onStateChange(state: ServableState, version: AspiredVersion): void;
  /** Called when a load has failed and is tried again after the interval. */
  onRetry?(failure: LoadFailure): void;
  readonly retries?: LoadRetries;
  /** What loads of all models share; a wait for the next try takes no place. Default: no limit. */
  readonly loads?: ConcurrencyLimit;
  /** What unloads of all models share; a wait for the last handle takes no place. Default: no limit. */
  readonly unloads?: ConcurrencyLimit;
}

/** TF Serving's --max_num_load_retries and --load_retry_interval_micros. */
export interface LoadRetries {
  /** Tries after the first one; default 0. */
  readonly max: number;
  /** Wait before each of them; 0 or less: none. */
  readonly intervalMillis: number;
}

export interface LoadFailure {
  readonly id: ServableId;
  readonly error: ServingError;
  /** Tries that are left. */
  readonly retriesLeft: number;
}

const NO_LIMIT = new ConcurrencyLimit();
const NO_RETRIES: LoadRetries = { max: 0, intervalMillis: 0 };

/**
 * The life of one version: START → LOADING → AVAILABLE → UNLOADING → END, or from START or LOADING straight to END. Keeps
 * the count of the handles that are held, and unloads only when there are none. What happens when is for the Manager to
 * say; it calls load() at START and unload() at AVAILABLE only, each at most once.
 */
export class LoaderHarness<S> {
  /** Set by the Manager, too, when the version's files have changed or its base path has another name; its identity stays. */
  version: AspiredVersion;
  /** Whether the source still wants this version. Set by the Manager, which calls abandon() if it does not any more. */
  aspired = true;
  readonly #options: LoaderHarnessOptions<S>;
  #state: ManagerState = ManagerState.START;
  #isBegun = false;
  #error: ServingError | undefined;
  #loader: Loader<S> | undefined;
  #servable: S | undefined;
  #handles = 0;
  #whenIdle: (() => void) | undefined;
  #endWait: (() => void) | undefined;
  /** Whether the load that is under way was told that nobody wants it. */
  #abandoned = false;

  constructor(version: AspiredVersion, options: LoaderHarnessOptions<S>) {
    this.version = version;
    this.#options = options;
    options.onStateChange(this.snapshot(), version);
  }

  get id(): ServableId {
    return this.version.id;
  }

  get state(): ManagerState {
    return this.#state;
  }

  /** Why the last load failed: of a version that has ended, or that waits to be tried again. */
  get error(): ServingError | undefined {
    return this.#error;
  }

  snapshot(): ServableState {
    const base = { id: this.id, state: this.#state };
    return this.#error === undefined || this.#state !== ManagerState.END ? base : { ...base, error: this.#error };
  }

  /** Whether load() has been called: the version loads now or, at START, waits for its turn. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /**
   * Waits for its turn and loads. Ends in AVAILABLE or, after as many tries as the options allow, in END with the error; in END
   * without one if the version was dropped before its turn came. Never rejects.
   */
  async load(): Promise<void> {
    this.#isBegun = true;
    const { max, intervalMillis } = this.#options.retries ?? NO_RETRIES;
    this.#error = await this.#tryToLoad();
    for (let left = max; left > 0 && this.#error !== undefined && this.aspired; left--) {
      this.#options.onRetry?.({ id: this.id, error: this.#error, retriesLeft: left });
      await this.#wait(intervalMillis);
      if (this.aspired) this.#error = await this.#tryToLoad();
    }
    if (this.#state === ManagerState.END) return;
    if (this.#abandoned && this.#error !== undefined) this.#end();
    else this.#enter(this.#error === undefined ? ManagerState.AVAILABLE : ManagerState.END);
  }

  /** Of a load that nobody wanted any more: it was ended, it has not failed. */
  #end(): void {
    this.#error = undefined;
    this.#enter(ManagerState.END);
  }

  #tryToLoad(): Promise<ServingError | undefined> {
    return (this.#options.loads ?? NO_LIMIT).run(async () => {
      if (this.#state === ManagerState.END || !this.aspired) return this.#error;
      if (this.#state === ManagerState.START) this.#enter(ManagerState.LOADING);
      return this.#loadUntilWanted();
    });
  }

  /** Begins again if the load was abandoned and the version is wanted once more. */
  async #loadUntilWanted(): Promise<ServingError | undefined> {
    for (;;) {
      this.#abandoned = false;
      const error = await this.#loadOnce();
      if (!this.#abandoned || !this.aspired || error === undefined) return error;
    }
  }

  async #loadOnce(): Promise<ServingError | undefined> {
    try {
      this.#loader = this.#options.createLoader(this.version);
      this.#servable = await this.#loader.load();
      return undefined;
    } catch (thrown) {
      return toServingError(thrown);
    }
  }

  async #wait(millis: number): Promise<void> {
    if (millis <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#endWait = resolve;
      timer = setTimeout(resolve, Math.min(millis, MAX_TIMER_MILLIS)).unref();
    });
    clearTimeout(timer);
    this.#endWait = undefined;
  }

  /** Whether a load has failed and is going to be tried again. */
  get waits(): boolean {
    return this.#endWait !== undefined;
  }

  /** Ends the wait for the next try to load: nobody wants the version any more, or its files have changed. */
  endWait(): void {
    this.#endWait?.();
  }

  /** Nobody wants the version any more: a load or a wait for the next try to load may end at once. */
  abandon(): void {
    if (this.waits) this.endWait();
    else if (this.#state === ManagerState.LOADING && this.#loader?.abandon !== undefined) {
      this.#abandoned = true;
      this.#loader.abandon();
    }
  }

  /** Refuses new handles at once, waits until those that are held have been released, and ends in END. Never rejects. */
  async unload(): Promise<void> {
    this.#enter(ManagerState.UNLOADING);
    if (this.#handles > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    this.#servable = undefined;
    try {
      await (this.#options.unloads ?? NO_LIMIT).run(async () => this.#loader?.unload());
    } catch (thrown) {
      log.error(`Unloading servable ${formatServableId(this.id)} failed: ${toServingError(thrown).message}`);
    }
    this.#enter(ManagerState.END);
  }

  /** Gives up a version at START. */
  drop(): void {
    this.#enter(ManagerState.END);
  }

  /** Only while AVAILABLE. Allocates nothing but the handle: every request comes through here. */
  acquire(): ServableHandle<S> {
    this.#handles += 1;
    return new HarnessHandle(this, this.version.id, this.#servable as S);
  }

  /** For HarnessHandle alone. */
  releaseOne(): void {
    this.#handles -= 1;
    if (this.#handles === 0) this.#whenIdle?.();
  }

  #enter(state: ManagerState): void {
    this.#state = state;
    this.#options.onStateChange(this.snapshot(), this.version);
  }
}

class HarnessHandle<S> implements ServableHandle<S> {
  readonly id: ServableId;
  readonly servable: S;
  #harness: LoaderHarness<S> | undefined;

  constructor(harness: LoaderHarness<S>, id: ServableId, servable: S) {
    this.id = id;
    this.servable = servable;
    this.#harness = harness;
  }

  release(): void {
    const harness = this.#harness;
    if (harness === undefined) return;
    this.#harness = undefined;
    harness.releaseOne();
  }
}
