import { type ServingError, toServingError } from '../errors.js';
import { log } from '../log.js';
import type { Loader } from './loader.js';
import type { ServableHandle } from './servable-handle.js';
import { formatServableId, type ServableId } from './servable-id.js';
import { ManagerState, type ServableState } from './servable-state.js';
import type { AspiredVersion } from './source.js';

export interface LoaderHarnessOptions<S> {
  createLoader(version: AspiredVersion): Loader<S>;
  /** Called right after each change of `state`, the first one (START) included. */
  onStateChange(state: ServableState): void;
}

/**
 * The life of one version: START → LOADING → AVAILABLE → UNLOADING → END, or from START or LOADING straight to END. Keeps
 * the count of the handles that are held, and unloads only when there are none. What happens when is for the Manager to
 * say; it calls load() at START and unload() at AVAILABLE only, each at most once.
 */
export class LoaderHarness<S> {
  readonly version: AspiredVersion;
  /** Whether the source still wants this version. Set by the Manager. */
  aspired = true;
  readonly #options: LoaderHarnessOptions<S>;
  #state: ManagerState = ManagerState.START;
  #error: ServingError | undefined;
  #loader: Loader<S> | undefined;
  #servable: S | undefined;
  #handles = 0;
  #whenIdle: (() => void) | undefined;

  constructor(version: AspiredVersion, options: LoaderHarnessOptions<S>) {
    this.version = version;
    this.#options = options;
    options.onStateChange(this.snapshot());
  }

  get id(): ServableId {
    return this.version.id;
  }

  get state(): ManagerState {
    return this.#state;
  }

  get error(): ServingError | undefined {
    return this.#error;
  }

  snapshot(): ServableState {
    const base = { id: this.id, state: this.#state };
    return this.#error === undefined ? base : { ...base, error: this.#error };
  }

  /** Ends in AVAILABLE, or in END with the error. Never rejects. */
  async load(): Promise<void> {
    this.#enter(ManagerState.LOADING);
    try {
      this.#loader = this.#options.createLoader(this.version);
      this.#servable = await this.#loader.load();
    } catch (thrown) {
      this.#error = toServingError(thrown);
    }
    this.#enter(this.#error === undefined ? ManagerState.AVAILABLE : ManagerState.END);
  }

  /** Refuses new handles at once, waits until those that are held have been released, and ends in END. Never rejects. */
  async unload(): Promise<void> {
    this.#enter(ManagerState.UNLOADING);
    if (this.#handles > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    this.#servable = undefined;
    try {
      await this.#loader?.unload();
    } catch (thrown) {
      log.error(`Unloading servable ${formatServableId(this.id)} failed: ${toServingError(thrown).message}`);
    }
    this.#enter(ManagerState.END);
  }

  /** Gives up a version that was never loaded. */
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
    this.#options.onStateChange(this.snapshot());
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
