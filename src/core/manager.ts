import { invalidArgument, notFound, type ServingError } from '../errors.js';
import { log } from '../log.js';
import { ConcurrencyLimit } from './concurrency-limit.js';
import type { Loader } from './loader.js';
import type { LoaderHarness, LoadFailure, LoadRetries } from './loader-harness.js';
import { ManagedModel, type ManagedModelOptions, type VersionPlace } from './managed-model.js';
import { type LabelledModel, ModelLabels } from './model-labels.js';
import type { ServableHandle, ServableRequest } from './servable-handle.js';
import { formatServableId, type ServableId } from './servable-id.js';
import { formatManagerState, ManagerState, type ServableState } from './servable-state.js';
import type { AspiredVersion } from './source.js';
import type { TransitionPolicy } from './version-policy.js';

export interface ManagerOptions<S> {
  /** Makes the loader of one version, called when its turn to load has come. What it throws fails that version only. */
  createLoader(version: AspiredVersion): Loader<S>;
  /** Told every change of a version's state, right after it and from within it: must not throw. */
  onStateChange?(state: ServableState, where: VersionPlace): void;
  /** Default: a version that failed to load is not tried again. */
  readonly retries?: LoadRetries;
  /** Default: availability-preserving. */
  readonly transitionPolicy?: TransitionPolicy;
}

/**
 * Loads and unloads what a Source aspires, and hands out claims on what is available. All on one thread: a call sees the
 * state as it is at that moment, and a handle is never given for a version that is on its way out.
 */
export class Manager<S> {
  readonly #models = new Map<string, ManagedModel<S>>();
  readonly #modelOptions: ManagedModelOptions<S>;
  readonly #loads = new ConcurrencyLimit();
  readonly #unloads = new ConcurrencyLimit();
  #waiters: { readonly isDone: () => boolean; readonly resolve: () => void }[] = [];
  #closing: Promise<void> | undefined;
  readonly #labels = new Map<string, ModelLabels>();

  constructor(options: ManagerOptions<S>) {
    this.#modelOptions = {
      createLoader: (version) => options.createLoader(version),
      onStateChange: (state, where) => {
        logTransition(state, where);
        options.onStateChange?.(state, where);
      },
      onRetry: (failure) => logRetry(failure, options.retries?.intervalMillis ?? 0),
      onAdvance: () => this.#wake(),
      loads: this.#loads,
      unloads: this.#unloads,
      ...(options.retries === undefined ? {} : { retries: options.retries }),
      ...(options.transitionPolicy === undefined ? {} : { transitionPolicy: options.transitionPolicy }),
    };
  }

  /**
   * An AspiredVersionsCallback: `versions` is all that is wanted of model `name` from now on. What follows is done in the
   * background, a new version before the old one goes. Does nothing once close() has been called.
   */
  setAspiredVersions(name: string, versions: readonly AspiredVersion[]): void {
    if (this.#closing !== undefined) return;
    const model = this.#models.get(name) ?? new ManagedModel(name, this.#modelOptions, this.#labelsOf(name));
    this.#models.set(name, model);
    model.aspire(versions);
  }

  /**
   * From now on at most so many versions, of all models together, load and are unloaded at the same time; 0 or less: no
   * limit. To be called once, when the first loads are through: TF Serving has a larger pool for these, too.
   */
  limitThreads(loads: number, unloads: number): void {
    this.#loads.max = loads;
    this.#unloads.max = unloads;
  }

  /**
   * Replaces all labels of all models at once, but of those that are served and have another base path now: their labels
   * follow when they are served from there. To be called before their versions there are aspired.
   */
  setVersionLabels(models: readonly LabelledModel[]): void {
    const byName = new Map(models.map((model) => [model.name, model]));
    for (const name of new Set([...this.#labels.keys(), ...byName.keys()])) {
      const labels = byName.get(name);
      const moves = labels !== undefined && this.#models.get(name)?.isServedElsewhere(labels.basePath) === true;
      this.#labelsOf(name).configure(labels, moves);
    }
  }

  #labelsOf(name: string): ModelLabels {
    const labels = this.#labels.get(name) ?? new ModelLabels();
    this.#labels.set(name, labels);
    return labels;
  }

  /** The version that the label of the model is configured to stand for, available or not; undefined if there is no such label. */
  labelledVersion(name: string, label: string): bigint | undefined {
    return this.#labels.get(name)?.configured.get(label);
  }

  /**
   * A claim on the version that is asked for; release it when the answer is made. Throws NOT_FOUND if it is not available,
   * INVALID_ARGUMENT for an unknown label, and for an empty name unless there is exactly one model.
   */
  acquire(request: ServableRequest): ServableHandle<S> {
    const model = request.name === '' ? this.#onlyModel() : this.#models.get(request.name);
    if (request.versionLabel !== undefined) return this.#acquireLabelled(request.name, request.versionLabel, model);
    const { version } = request;
    const harness = version === undefined ? model?.newestAvailable : model?.available(version);
    if (harness === undefined) throw this.#servableNotFound(request.name, version, model);
    return harness.acquire();
  }

  #acquireLabelled(name: string, label: string, model: ManagedModel<S> | undefined): ServableHandle<S> {
    const labels = this.#labels.get(model?.name ?? name)?.labels;
    const version = labels?.get(label);
    if (version === undefined) throw unknownLabel(label, model?.name ?? name, [...(labels?.keys() ?? [])]);
    const harness = model?.labelled(version);
    if (harness === undefined) throw this.#servableNotFound(name, version, model);
    return harness.acquire();
  }

  /**
   * Whether the model is served from below this base path (absolute), and none of its versions from where an earlier
   * configuration had it.
   */
  isServedFrom(name: string, basePath: string): boolean {
    return this.#models.get(name)?.isServedFrom(basePath) === true;
  }

  /** Whether a version of the model is still served from another place than it is wanted from. */
  isMoving(name: string): boolean {
    return this.#models.get(name)?.isMoving === true;
  }

  /** Whether the version can take requests now. */
  isAvailable(name: string, version: bigint): boolean {
    return this.#models.get(name)?.available(version) !== undefined;
  }

  /** Whether any version of the model can. */
  hasAvailable(name: string): boolean {
    return this.#models.get(name)?.newestAvailable !== undefined;
  }

  /** Whether the version is wanted and could not be loaded; it may be going to be tried again. */
  hasFailed({ name, version }: ServableId): boolean {
    return this.#models.get(name)?.hasFailed(version) === true;
  }

  /** What is wanted and could not be loaded so far, newest first in each model. */
  failures(): { readonly id: ServableId; readonly error: ServingError; readonly isFinal: boolean }[] {
    return [...this.#models.values()].flatMap((model) =>
      model.failed().flatMap(({ id, error, state }) => {
        return error === undefined ? [] : [{ id, error, isFinal: state === ManagerState.END }];
      }),
    );
  }

  /**
   * States of all versions ever seen of a model, newest first, ended ones included; with `version` of that one alone. While a
   * version moves to another place, or cannot be loaded from there, it is the state of the one that is served.
   * Throws NOT_FOUND if there is none; an empty name is treated as acquire() does.
   */
  states(name: string, version?: bigint): readonly ServableState[] {
    const model = name === '' ? this.#onlyModel() : this.#models.get(name);
    const all = model?.states() ?? [];
    if (all.length === 0) throw notFound(`Could not find any versions of model ${name}. ${this.#describeModels()}`);
    if (version === undefined) return all;
    const found = all.filter((state) => state.id.version === version);
    if (found.length > 0) return found;
    const seen = all.map((state) => state.id.version).join(', ');
    throw notFound(`Could not find version ${version} of model ${name}. Versions seen so far: ${seen}.`);
  }

  /** Names of all models that were ever aspired, in the order of their first appearance. */
  names(): readonly string[] {
    return [...this.#models.keys()];
  }

  /**
   * Resolves once everything that is aspired (of these models, if names are given) is AVAILABLE or has reached END; at once
   * if it is so already.
   */
  settled(names?: ReadonlySet<string>): Promise<void> {
    return this.#waitFor(() => this.#every((model) => names?.has(model.name) === false || model.settled));
  }

  /** Resolves once everything that is aspired is AVAILABLE or has failed to load at least once. */
  tried(): Promise<void> {
    return this.#waitFor(() => this.#every((model) => model.tried));
  }

  /** Unloads everything, each version after its last handle is released. Later calls return the same promise. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#waitFor(() => this.#every((model) => model.ended));
      for (const model of this.#models.values()) model.aspire([]);
    }
    return this.#closing;
  }

  #waitFor(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ isDone, resolve }));
  }

  #wake(): void {
    this.#waiters = this.#waiters.filter(({ isDone, resolve }) => {
      const done = isDone();
      if (done) resolve();
      return !done;
    });
  }

  #every(predicate: (model: ManagedModel<S>) => boolean): boolean {
    for (const model of this.#models.values()) {
      if (!predicate(model)) return false;
    }
    return true;
  }

  /** The model meant by an empty name: undefined if there is none. */
  #onlyModel(): ManagedModel<S> | undefined {
    let only: ManagedModel<S> | undefined;
    for (const model of this.#models.values()) {
      if (!model.live) continue;
      if (only !== undefined) throw this.#nameNeeded();
      only = model;
    }
    return only;
  }

  #nameNeeded(): ServingError {
    const live = [...this.#models.values()].filter((model) => model.live).map((model) => model.name);
    return invalidArgument(
      `ModelSpec has no name specified. This server has several models, name one of: ${live.join(', ')}.`,
    );
  }

  #servableNotFound(name: string, version: bigint | undefined, model: ManagedModel<S> | undefined): ServingError {
    const asked = version === undefined ? `Latest(${name})` : `Specific(${name}, ${version})`;
    const why = model === undefined ? this.#describeModels() : describeVersions(model);
    return notFound(`Servable not found for request: ${asked}. ${why}`);
  }

  #describeModels(): string {
    const available = [...this.#models.values()].filter((model) => model.newestAvailable !== undefined);
    if (available.length === 0) return 'No model is available on this server.';
    return `Available models: ${available.map((model) => model.name).join(', ')}.`;
  }
}

/** E.g. `Versions of model m: 3 AVAILABLE, 2 END (Cannot read …).` */
function describeVersions<S>(model: ManagedModel<S>): string {
  const versions = model.newestFirst().map(describeVersion);
  if (versions.length === 0) return `Model ${model.name} has no versions.`;
  return `Versions of model ${model.name}: ${versions.join(', ')}.`;
}

function describeVersion({ id, state, error }: LoaderHarness<unknown>): string {
  const why = error === undefined ? '' : ` (${error.message})`;
  return `${id.version} ${formatManagerState(state)}${why}`;
}

function unknownLabel(label: string, name: string, labels: readonly string[]): ServingError {
  const known =
    labels.length === 0 ? `Model ${name} has no version labels.` : `Labels of model ${name}: ${labels.join(', ')}.`;
  return invalidArgument(`Unrecognized servable version label: ${label}. ${known}`);
}

function logRetry({ id, error, retriesLeft }: LoadFailure, intervalMillis: number): void {
  const wait = Math.max(0, intervalMillis / 1000);
  log.warn(
    `Loading servable ${formatServableId(id)} failed: ${error.message} It is tried again in ${wait} s; tries left: ${retriesLeft}.`,
  );
}

function logTransition({ id, state, error }: ServableState, { place, isMoving }: VersionPlace): void {
  const name = isMoving ? `${formatServableId(id)} at ${place}` : formatServableId(id);
  if (error !== undefined) log.error(`Loading servable ${name} failed: ${error.message}`);
  else if (state === ManagerState.LOADING) log.info(`Loading servable ${name}.`);
  else if (state === ManagerState.AVAILABLE) log.info(`Servable ${name} is available.`);
  else if (state === ManagerState.UNLOADING) log.info(`Unloading servable ${name}.`);
  else if (state === ManagerState.END) log.info(`Servable ${name} is unloaded.`);
}
