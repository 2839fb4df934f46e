import { resolve } from 'node:path';
import { findSelectedVersions, type MonitoredModel } from '../core/file-system-source.js';
import type { LabelledModel } from '../core/model-labels.js';
import { formatServableId, type ServableId } from '../core/servable-id.js';
import { Code, failedPrecondition, ServingError, toServingError } from '../errors.js';
import type { ModelServerConfig } from '../gen/messages.js';
import { log } from '../log.js';
import { checkLogging } from './logging-config.js';
import { type ModelEntry, toModelEntries } from './model-entries.js';

/** What a configuration needs of the Manager. */
export interface ConfiguredManager {
  setVersionLabels(models: readonly LabelledModel[]): void;
  labelledVersion(name: string, label: string): bigint | undefined;
  isAvailable(name: string, version: bigint): boolean;
  isServedFrom(name: string, basePath: string): boolean;
  isMoving(name: string): boolean;
  settled(names: ReadonlySet<string>): Promise<void>;
  failures(): readonly { readonly id: ServableId; readonly error: ServingError }[];
}

/** What it needs of the Source. */
export interface ConfiguredSource {
  /** Resolves with the models whose base folder has nothing to serve, and why. */
  update(models: readonly MonitoredModel[]): Promise<ReadonlyMap<string, string>>;
  forget(names: ReadonlySet<string>): void;
}

export interface ConfiguratorOptions {
  readonly manager: ConfiguredManager;
  readonly source: ConfiguredSource;
  /** What the server starts with, and what says so: see ConfigState.origin. */
  readonly models: readonly ModelEntry[];
  readonly origin: string;
  /** --allow_version_labels_for_unavailable_models. Default false. */
  readonly allowLabelsForUnavailable?: boolean;
  /** Told of each configuration that is in force from now on, the first one not included. Must not throw. */
  onChange?(models: readonly ModelEntry[]): void;
}

/** The configuration in force. */
export interface ConfigState {
  readonly models: readonly ModelEntry[];
  /** Where it came from: the path of a file, `flags`, or `HandleReloadConfigRequest`. */
  readonly origin: string;
  readonly since: Date;
  /** Why a later one was refused, or some of its models are not available; undefined if all is well. */
  readonly lastError: ServingError | undefined;
}

/** A configuration that has been put in force. */
export interface Reload {
  /**
   * Resolves when all models that are new are available, and all that have another base path are served from there. Rejects
   * with UNKNOWN if some of them cannot be loaded, or have been taken out or moved again before they were.
   */
  readonly available: Promise<void>;
}

/**
 * Holds the configuration in force and moves the server to another one: names, platforms, logging and labels are checked
 * first, and if they are wrong nothing changes. Configurations are put in force one after the other, as in TF Serving; but
 * while one of them waits for its models, which with all retries may take minutes, another one may come: the way back from
 * a model that cannot be loaded must be open.
 *
 * A model with another base path moves: the versions that it has are served until those at the new place are loaded, and its
 * labels change then. So does a model that gets another name for its base path: the old name is served until the new one is.
 */
export class Configurator {
  readonly #options: ConfiguratorOptions;
  #state: ConfigState;
  #reloads: Promise<unknown> = Promise.resolve();
  /** Names of models that reloads wait for, by reload. */
  readonly #awaited = new Set<ReadonlySet<string>>();
  /** Names of models that have another base path now and could not be served from there so far. */
  readonly #unmoved = new Set<string>();
  /** Names that are not configured any more, and are served until the new names for their base paths are. */
  #renamed: ReadonlySet<string> = new Set();

  constructor(options: ConfiguratorOptions) {
    this.#options = options;
    this.#state = { models: options.models, origin: options.origin, since: new Date(), lastError: undefined };
    options.manager.setVersionLabels(options.models.map(toLabelled));
  }

  get state(): ConfigState {
    return this.#state;
  }

  /**
   * The labels of the configuration that the server starts with, once its versions are loaded. TF Serving refuses them all
   * unless it allows labels for versions that are not available; here those that are available are fine, and others are
   * fine as soon as they are. `strict`: throws FAILED_PRECONDITION for these.
   */
  checkFirstLabels(strict: boolean): void {
    if (this.#options.allowLabelsForUnavailable) return;
    for (const { name, versionLabels } of this.#state.models) {
      for (const [label, version] of versionLabels ?? []) {
        if (this.#options.manager.isAvailable(name, version)) continue;
        const error = labelRefused(name, version);
        if (strict) throw error;
        log.warn(`Label ${label} finds nothing for now: version ${version} of model ${name} is not available.`);
      }
    }
  }

  /**
   * Puts `config` in force and resolves when all models that are new or moved are served. Rejects with INVALID_ARGUMENT or
   * FAILED_PRECONDITION if it is refused, and with UNKNOWN as Reload.available does; then it is in force nevertheless, for
   * the other models' sake.
   */
  async reload(config: ModelServerConfig, origin: string): Promise<void> {
    const { available } = await this.begin(config, origin);
    await available;
  }

  /** As reload(), but resolves as soon as `config` is in force. */
  begin(config: ModelServerConfig, origin: string): Promise<Reload> {
    const begun = this.#reloads.then(() => this.#begin(config, origin));
    this.#reloads = begun.catch((error: unknown) => this.#noteError(error));
    return begun;
  }

  #noteError(error: unknown): void {
    this.#state = { ...this.#state, lastError: toServingError(error) };
  }

  async #begin(config: ModelServerConfig, origin: string): Promise<Reload> {
    const old = this.#state.models;
    const models = toModelEntries(config, old);
    if (models === undefined) {
      log.info('Taking no action for empty config.', { origin });
      return { available: Promise.resolve() };
    }
    await checkLogging(models);
    const moved = movedModels(old, models);
    await this.#checkLabels(models, moved);
    const since = new Date();
    this.#state = { models, origin, since, lastError: undefined };
    const problems = await this.#putInForce(models, renamedModels(old, models, moved));
    const awaited = this.#toAwait(new Set(old.map(({ name }) => name)), moved);
    const available = this.#untilAvailable(awaited, problems).finally(() => this.#forgetRenamed(since));
    available.then(
      () => log.info('Finished adding/updating models', { origin, models: models.length }),
      (error: unknown) => {
        if (this.#state.since === since) this.#noteError(error);
      },
    );
    return { available };
  }

  /** All that a label may point to now is available, or was asked for in spite of that: requests follow it at once. */
  #putInForce(models: readonly ModelEntry[], renamed: readonly ModelEntry[]): Promise<ReadonlyMap<string, string>> {
    const { manager, source, onChange } = this.#options;
    manager.setVersionLabels([...models, ...renamed].map(toLabelled));
    onChange?.(models);
    this.#renamed = new Set(renamed.map(({ name }) => name));
    return source.update([...models, ...renamed]);
  }

  /** Unless a later configuration has settled what becomes of them. */
  #forgetRenamed(since: Date): void {
    if (this.#state.since !== since || this.#renamed.size === 0) return;
    this.#options.manager.setVersionLabels(this.#state.models.map(toLabelled));
    this.#options.source.forget(this.#renamed);
    this.#renamed = new Set();
  }

  /** The models of the configuration that are new, or move, or have not got where an earlier one wanted them. */
  #toAwait(before: ReadonlySet<string>, moved: ReadonlySet<string>): readonly ModelEntry[] {
    const { models } = this.#state;
    const names = new Set(models.map(({ name }) => name));
    for (const name of moved) this.#unmoved.add(name);
    for (const name of this.#unmoved) if (!names.has(name)) this.#unmoved.delete(name);
    const isOnItsWay = (name: string) => this.#unmoved.has(name) || this.#options.manager.isMoving(name);
    return models.filter(({ name }) => !before.has(name) || this.#isAwaited(name) || isOnItsWay(name));
  }

  async #untilAvailable(models: readonly ModelEntry[], problems: ReadonlyMap<string, string>): Promise<void> {
    const names = new Set(models.map(({ name }) => name));
    this.#awaited.add(names);
    await this.#options.manager.settled(names);
    this.#awaited.delete(names);
    this.#checkServed(models, problems);
  }

  #isAwaited(name: string): boolean {
    return [...this.#awaited].some((names) => names.has(name));
  }

  /** Labels of a model that moves mean versions at its new place, which are not available yet. */
  async #checkLabels(models: readonly ModelEntry[], moved: ReadonlySet<string>): Promise<void> {
    for (const model of models) {
      const { name, versionLabels = new Map<string, bigint>() } = model;
      const coming = moved.has(name) ? await findSelectedVersions(model) : undefined;
      const mayCome = (version: bigint) => moved.has(name) && coming?.has(version) !== false;
      for (const [label, version] of versionLabels) {
        if (!mayCome(version) && !this.#mayLabel(name, label, version, moved)) throw labelRefused(name, version);
      }
    }
  }

  /** Only a label that does not point elsewhere already may go to a version that is not available, and only by a flag. */
  #mayLabel(name: string, label: string, version: bigint, moved: ReadonlySet<string>): boolean {
    const { manager, allowLabelsForUnavailable = false } = this.#options;
    if (!moved.has(name) && manager.isAvailable(name, version)) return true;
    const current = manager.labelledVersion(name, label);
    return allowLabelsForUnavailable && (current === undefined || current === version);
  }

  #checkServed(models: readonly ModelEntry[], problems: ReadonlyMap<string, string>): void {
    const { manager } = this.#options;
    const isServed = ({ name, basePath }: ModelEntry) => manager.isServedFrom(name, resolve(basePath));
    const lacking = models.filter((model) => !isServed(model));
    const missing = lacking.map(({ name }) => name);
    const arrived = models.filter(({ name }) => !missing.includes(name) && this.#unmoved.delete(name));
    if (missing.length > 0) {
      const nothingFound = [...problems].map(([name, problem]) => nothingFoundOf(name, problem));
      throw unavailableModels(missing, [...this.#superseded(lacking), ...nothingFound, ...manager.failures()]);
    }
    this.#checkLabelsOfMoved(arrived);
  }

  /** A version that a label came along for may have failed to load, while others of the model have not. */
  #checkLabelsOfMoved(models: readonly ModelEntry[]): void {
    if (this.#options.allowLabelsForUnavailable) return;
    for (const { name, versionLabels } of models) {
      for (const version of versionLabels?.values() ?? [])
        if (!this.#options.manager.isAvailable(name, version)) throw labelRefused(name, version);
    }
  }

  /** What a later configuration has kept from being served. */
  #superseded(entries: readonly ModelEntry[]): ModelFailure[] {
    const now = new Map(this.#state.models.map(({ name, basePath }) => [name, resolve(basePath)]));
    const changed = entries.filter(({ name, basePath }) => now.get(name) !== resolve(basePath));
    return changed.map(({ name }) => {
      const what = now.has(name) ? 'given it another base path' : 'taken it out';
      return { id: { name }, error: new ServingError(Code.ABORTED, `A later configuration has ${what}.`) };
    });
  }
}

function toLabelled({ name, basePath, versionLabels }: ModelEntry): LabelledModel {
  return { name, basePath: resolve(basePath), versionLabels };
}

/** Names of the models that have another base path now. */
function movedModels(old: readonly ModelEntry[], models: readonly ModelEntry[]): ReadonlySet<string> {
  const before = new Map(old.map(({ name, basePath }) => [name, resolve(basePath)]));
  const hasMoved = ({ name, basePath }: ModelEntry) => before.has(name) && before.get(name) !== resolve(basePath);
  return new Set(models.filter(hasMoved).map(({ name }) => name));
}

/** Models that are gone by name, while their base path is now that of a model which is not served from there yet. */
function renamedModels(
  old: readonly ModelEntry[],
  models: readonly ModelEntry[],
  moved: ReadonlySet<string>,
): readonly ModelEntry[] {
  const before = new Set(old.map(({ name }) => name));
  const names = new Set(models.map(({ name }) => name));
  const coming = models.filter(({ name }) => !before.has(name) || moved.has(name));
  const basePaths = new Set(coming.map(({ basePath }) => resolve(basePath)));
  return old.filter(({ name, basePath }) => !names.has(name) && basePaths.has(resolve(basePath)));
}

function labelRefused(name: string, version: bigint): ServingError {
  return failedPrecondition(
    `Request to assign label to version ${version} of model ${name}, which is not currently available for inference. Assign ` +
      'it once the version is available, or start the server with --allow_version_labels_for_unavailable_models, which lets ' +
      'a new label come before its version.',
  );
}

/** Why a version could not be loaded or, without one, a whole model. */
interface ModelFailure {
  readonly id: Pick<ServableId, 'name'> & Partial<ServableId>;
  readonly error: ServingError;
}

function nothingFoundOf(name: string, problem: string): ModelFailure {
  const error = new ServingError(Code.NOT_FOUND, `No versions of servable ${name} found under base path: ${problem}`);
  return { id: { name }, error };
}

/** TF Serving's words for models that could not be loaded; UNKNOWN. */
export function unavailableModels(names: readonly string[], failures: readonly ModelFailure[]): ServingError {
  const reasons = names.map((name) => {
    const failure = failures.find(({ id }) => id.name === name);
    const version = failure?.id.version;
    const id = version === undefined ? `{name: ${name}}` : formatServableId({ name, version });
    const why = failure?.error.message ?? `No versions of servable ${name} found under base path`;
    return `{${id} due to error: ${why}}, `;
  });
  return new ServingError(Code.UNKNOWN, `${names.length} model(s) did not become available: {${reasons.join('')}}`);
}
