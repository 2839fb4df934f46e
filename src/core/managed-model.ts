import { ServingError } from '../errors.js';
import { LoaderHarness, type LoaderHarnessOptions } from './loader-harness.js';
import type { ModelLabels } from './model-labels.js';
import { ManagerState, type ServableState } from './servable-state.js';
import { type AspiredVersion, identityOf, placeOf } from './source.js';
import { compareNewestFirst, nextAction, type TransitionPolicy, type VersionAction } from './version-policy.js';

/** Which of a model's versions a change of state is about, beside its number. */
export interface VersionPlace {
  readonly place: string;
  /** Whether another version of the same number, from another place, is there at the same time. */
  readonly isMoving: boolean;
}

export interface ManagedModelOptions<S> extends Omit<LoaderHarnessOptions<S>, 'onStateChange'> {
  /** Called right after each change of a version's state, the first one (START) included. */
  onStateChange(state: ServableState, where: VersionPlace): void;
  /** Called when all that a new list or a finished transition made possible has been started. */
  onAdvance(): void;
  /** Default: availability-preserving. */
  readonly transitionPolicy?: TransitionPolicy;
}

/**
 * All versions ever seen of one model. Moves them, one transition after the other, towards what is aspired, and keeps at
 * hand what answers for each number and the newest available version. A version is its number and its place: while a model
 * moves there are two of one number, of which at most one is aspired.
 */
export class ManagedModel<S> {
  readonly name: string;
  readonly #options: ManagedModelOptions<S>;
  readonly #harnessOptions: LoaderHarnessOptions<S>;
  readonly #labels: ModelLabels;
  /** By number and place, those first that were begun first. */
  readonly #harnesses = new Map<string, LoaderHarness<S>>();
  /** What answers requests for each number. */
  #available: ReadonlyMap<bigint, LoaderHarness<S>> = new Map();
  #newestAvailable: LoaderHarness<S> | undefined;

  constructor(name: string, options: ManagedModelOptions<S>, labels: ModelLabels) {
    this.name = name;
    this.#options = options;
    this.#labels = labels;
    this.#harnessOptions = {
      ...options,
      onStateChange: (state, version) => {
        this.#findAvailable();
        options.onStateChange(state, { place: placeOf(version), isMoving: this.#hasOther(version) });
      },
      onRetry: (failure) => {
        options.onRetry?.(failure);
        options.onAdvance();
      },
    };
  }

  get newestAvailable(): LoaderHarness<S> | undefined {
    return this.#newestAvailable;
  }

  /** What answers requests for the version now. */
  available(version: bigint): LoaderHarness<S> | undefined {
    return this.#available.get(version);
  }

  /** What answers requests for a label that stands for the version: while the model moves, the one that the label was given to. */
  labelled(version: bigint): LoaderHarness<S> | undefined {
    const basePath = this.#labels.leftBasePath;
    return (basePath === undefined ? undefined : this.#availableBelow(basePath, version)) ?? this.available(version);
  }

  #availableBelow(basePath: string, number: bigint): LoaderHarness<S> | undefined {
    return [...this.#harnesses.values()].find(
      ({ id, state, version }) =>
        id.version === number && state === ManagerState.AVAILABLE && version.basePath === basePath,
    );
  }

  /** Versions that are wanted and could not be loaded so far, newest first. */
  failed(): LoaderHarness<S>[] {
    const failed = [...this.#harnesses.values()].filter(({ aspired, error }) => aspired && error !== undefined);
    return failed.sort((a, b) => compareNewestFirst(a.id.version, b.id.version));
  }

  /** Whether the version is wanted and could not be loaded; it may be going to be tried again. */
  hasFailed(number: bigint): boolean {
    return this.failed().some(({ id }) => id.version === number);
  }

  /**
   * One state for each number, newest first. While there are two versions of one number it is that of the one that answers,
   * with the error of the other one if that could not be loaded.
   */
  states(): ServableState[] {
    return this.newestFirst().map((shown) => {
      const state = shown.snapshot();
      const wanted = this.#versionsOf(shown.id.version).find(({ aspired }) => aspired);
      const error = shown === wanted ? undefined : wanted?.snapshot().error;
      return error === undefined ? state : { ...state, error: notMoved(error, wanted?.version, shown.version) };
    });
  }

  /** For each number what answers; where nothing does what is wanted, or else what was begun last. */
  newestFirst(): LoaderHarness<S>[] {
    const numbers = new Set([...this.#harnesses.values()].map(({ id }) => id.version));
    return [...numbers].sort(compareNewestFirst).map((number) => {
      const versions = this.#versionsOf(number);
      const shown = this.available(number) ?? versions.find(({ aspired }) => aspired) ?? versions.at(-1);
      return shown as LoaderHarness<S>;
    });
  }

  #versionsOf(number: bigint): LoaderHarness<S>[] {
    return [...this.#harnesses.values()].filter(({ id }) => id.version === number);
  }

  /** Whether a version is wanted, or still in memory or on its way. */
  get live(): boolean {
    return this.#some(({ aspired, state }) => aspired || state !== ManagerState.END);
  }

  /** Whether each wanted version is available or has ended. */
  get settled(): boolean {
    return !this.#some(
      ({ aspired, state }) => aspired && state !== ManagerState.AVAILABLE && state !== ManagerState.END,
    );
  }

  /** Whether each wanted version is available or has failed at least once. */
  get tried(): boolean {
    return !this.#some(
      ({ aspired, state, error }) => aspired && state !== ManagerState.AVAILABLE && error === undefined,
    );
  }

  /** Whether nothing of this model is in memory or on its way there. */
  get ended(): boolean {
    return !this.#some(({ state }) => state !== ManagerState.END);
  }

  /** Whether the model is served from below this base path, and no number of it from anywhere else. */
  isServedFrom(basePath: string): boolean {
    const wanted = [...this.#harnesses.values()].filter(({ aspired }) => aspired);
    const isElsewhere = ({ version, state, id }: LoaderHarness<S>) =>
      version.basePath !== basePath || (state !== ManagerState.AVAILABLE && this.available(id.version) !== undefined);
    return this.settled && wanted.some(({ state }) => state === ManagerState.AVAILABLE) && !wanted.some(isElsewhere);
  }

  /** Whether the model is served, and has not only been wanted from below this base path. */
  isServedElsewhere(basePath: string): boolean {
    return this.#available.size > 0 && this.#some(({ aspired, version }) => aspired && version.basePath !== basePath);
  }

  /** Whether a number that is wanted at one place is still served from another. */
  get isMoving(): boolean {
    return this.#some(({ aspired, id }) => aspired && this.available(id.version)?.aspired === false);
  }

  #some(predicate: (harness: LoaderHarness<S>) => boolean): boolean {
    for (const harness of this.#harnesses.values()) {
      if (predicate(harness)) return true;
    }
    return false;
  }

  /** Takes the list as the whole of what is wanted, and starts what follows from it. */
  aspire(versions: readonly AspiredVersion[]): void {
    const wanted = new Set(versions.map(identityOf));
    for (const [identity, harness] of this.#harnesses) {
      if (!wanted.has(identity)) this.#forgo(harness);
    }
    for (const version of versions) this.#want(version);
    this.#findAvailable();
    this.#advance();
  }

  #forgo(harness: LoaderHarness<S>): void {
    harness.aspired = false;
    if (harness.state === ManagerState.START) harness.drop();
    else harness.abandon();
  }

  /**
   * A version that ended is begun anew if it was not wanted in between. One that failed while wanted stays ended, or waits for
   * its next try, until its files have changed, else each look at the folder would load it again.
   */
  #want(version: AspiredVersion): void {
    const known = this.#harnesses.get(identityOf(version));
    const isChanged = known?.version.stamp !== version.stamp;
    if (known === undefined) this.#begin(version);
    else if (known.state === ManagerState.END && (isChanged || !known.aspired)) this.#begin(version);
    else {
      known.aspired = true;
      if (isChanged && known.waits) this.#tryChanged(known, version);
      // The same place may be given by another base path now.
      else known.version = { ...version, stamp: known.version.stamp };
    }
  }

  #tryChanged(harness: LoaderHarness<S>, version: AspiredVersion): void {
    harness.version = version;
    harness.endWait();
  }

  /** In place of what has ended of this number. */
  #begin(version: AspiredVersion): void {
    for (const [identity, { id, state, aspired }] of this.#harnesses) {
      const hasEnded = state === ManagerState.END && id.version === version.id.version;
      if (hasEnded && (!aspired || identity === identityOf(version))) this.#harnesses.delete(identity);
    }
    this.#harnesses.set(identityOf(version), new LoaderHarness(version, this.#harnessOptions));
  }

  /** Starts every transition that the policy allows now; each of them calls back here when it is through. */
  #advance(): void {
    this.#labels.follow((basePath) => this.isServedFrom(basePath));
    this.#forgetEnded();
    const next = this.#options.transitionPolicy ?? nextAction;
    for (let action = next(this.#snapshot()); action !== undefined; action = next(this.#snapshot()))
      void this.#carryOut(action.kind, action.entry.harness);
    this.#options.onAdvance();
  }

  async #carryOut(kind: VersionAction['kind'], harness: LoaderHarness<S>): Promise<void> {
    if (kind === 'load') {
      await harness.load();
    } else {
      await harness.unload();
      // Wanted again while it was being unloaded.
      if (harness.aspired) this.#begin(harness.version);
    }
    this.#advance();
  }

  /** A version that nobody wants and that has ended is told of only while there is no other one of its number. */
  #forgetEnded(): void {
    for (const [identity, { aspired, state, version }] of this.#harnesses) {
      if (!aspired && state === ManagerState.END && this.#hasOther(version)) this.#harnesses.delete(identity);
    }
  }

  /** Whether there is another version of the number, from another place. */
  #hasOther(version: AspiredVersion): boolean {
    const identity = identityOf(version);
    return this.#some((other) => other.id.version === version.id.version && identityOf(other.version) !== identity);
  }

  /** Of two that could answer it is the wanted one or, before that can, the one that has been answering. */
  #findAvailable(): void {
    const available = new Map<bigint, LoaderHarness<S>>();
    for (const harness of this.#harnesses.values()) {
      if (harness.state !== ManagerState.AVAILABLE) continue;
      if (harness.aspired || !available.has(harness.id.version)) available.set(harness.id.version, harness);
    }
    this.#available = available;
    const [newest] = [...available.keys()].sort(compareNewestFirst);
    this.#newestAvailable = newest === undefined ? undefined : available.get(newest);
  }

  #snapshot() {
    return [...this.#harnesses.values()].map((harness) => {
      const { id, state, aspired, isBegun, version } = harness;
      const waitsForItsTurn = state === ManagerState.START && isBegun;
      return {
        harness,
        version: id.version,
        state: waitsForItsTurn ? ManagerState.LOADING : state,
        aspired,
        isReplaced: state === ManagerState.AVAILABLE && this.available(id.version) !== harness,
        isHeld: !aspired && this.#labels.holds(id.version, version.basePath),
      };
    });
  }
}

function notMoved({ code, message }: ServingError, wanted: AspiredVersion | undefined, served: AspiredVersion) {
  return new ServingError(
    code,
    `The configuration has this version at ${wanted?.path}, which could not be loaded, so that the one from ${served.path} ` +
      `is still served: ${message}`,
  );
}
