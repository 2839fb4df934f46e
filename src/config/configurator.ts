import type { MonitoredModel } from '../core/file-system-source.js';
import type { VersionLabels } from '../core/manager.js';
import { formatServableId, type ServableId } from '../core/servable-id.js';
import { Code, failedPrecondition, ServingError, toServingError } from '../errors.js';
import type { ModelServerConfig } from '../gen/messages.js';
import { log } from '../log.js';
import { checkLogging } from './logging-config.js';
import { type ModelEntry, toModelEntries } from './model-entries.js';

/** What a configuration needs of the Manager. */
export interface ConfiguredManager {
  setVersionLabels(labels: VersionLabels): void;
  labelledVersion(name: string, label: string): bigint | undefined;
  isAvailable(name: string, version: bigint): boolean;
  hasAvailable(name: string): boolean;
  settled(names: ReadonlySet<string>): Promise<void>;
  failures(): readonly { readonly id: ServableId; readonly error: ServingError }[];
}

export interface ConfiguratorOptions {
  readonly manager: ConfiguredManager;
  readonly source: { update(models: readonly MonitoredModel[]): Promise<void> };
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
   * Resolves when all models that are new are available. Rejects with UNKNOWN if some of them cannot be loaded, or have been
   * taken out again before they were.
   */
  readonly available: Promise<void>;
}

/**
 * Holds the configuration in force and moves the server to another one: names, platforms, logging and labels are checked
 * first, and if they are wrong nothing changes. Configurations are put in force one after the other, as in TF Serving; but
 * while one of them waits for its models, which with all retries may take minutes, another one may come: the way back from
 * a model that cannot be loaded must be open.
 */
export class Configurator {
  readonly #options: ConfiguratorOptions;
  #state: ConfigState;
  #reloads: Promise<unknown> = Promise.resolve();
  /** Names of models that reloads wait for, by reload. */
  readonly #awaited = new Set<ReadonlySet<string>>();

  constructor(options: ConfiguratorOptions) {
    this.#options = options;
    this.#state = { models: options.models, origin: options.origin, since: new Date(), lastError: undefined };
    options.manager.setVersionLabels(labelsOf(options.models));
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
   * Puts `config` in force and resolves when all models that are new are available. Rejects with INVALID_ARGUMENT or
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
    const { manager, source } = this.#options;
    const before = new Set(this.#state.models.map(({ name }) => name));
    const models = toModelEntries(config, this.#state.models);
    if (models === undefined) {
      log.info('Taking no action for empty config.', { origin });
      return { available: Promise.resolve() };
    }
    await checkLogging(models);
    this.#checkLabels(models);
    const since = new Date();
    this.#state = { models, origin, since, lastError: undefined };
    // All that a label may point to now is available, or was asked for in spite of that: requests follow it at once.
    manager.setVersionLabels(labelsOf(models));
    this.#options.onChange?.(models);
    await source.update(models);
    const names = models.map(({ name }) => name);
    const available = this.#untilAvailable(new Set(names.filter((name) => !before.has(name) || this.#isAwaited(name))));
    available.then(
      () => log.info('Finished adding/updating models', { origin, models: models.length }),
      (error: unknown) => {
        if (this.#state.since === since) this.#noteError(error);
      },
    );
    return { available };
  }

  async #untilAvailable(names: ReadonlySet<string>): Promise<void> {
    this.#awaited.add(names);
    await this.#options.manager.settled(names);
    this.#awaited.delete(names);
    this.#checkAvailable(names);
  }

  #isAwaited(name: string): boolean {
    return [...this.#awaited].some((names) => names.has(name));
  }

  #checkLabels(models: readonly ModelEntry[]): void {
    for (const { name, versionLabels } of models) {
      for (const [label, version] of versionLabels ?? []) {
        if (!this.#mayLabel(name, label, version)) throw labelRefused(name, version);
      }
    }
  }

  /** Only a label that does not point elsewhere already may go to a version that is not available, and only by a flag. */
  #mayLabel(name: string, label: string, version: bigint): boolean {
    const { manager, allowLabelsForUnavailable = false } = this.#options;
    if (manager.isAvailable(name, version)) return true;
    const current = manager.labelledVersion(name, label);
    return allowLabelsForUnavailable && (current === undefined || current === version);
  }

  #checkAvailable(names: ReadonlySet<string>): void {
    const { manager } = this.#options;
    const missing = [...names].filter((name) => !manager.hasAvailable(name));
    if (missing.length > 0) throw unavailableModels(missing, [...manager.failures(), ...this.#takenOut(missing)]);
  }

  #takenOut(names: readonly string[]): ModelFailure[] {
    const { models } = this.#state;
    const gone = names.filter((name) => !models.some((model) => model.name === name));
    const error = new ServingError(Code.ABORTED, 'A later configuration has taken it out.');
    return gone.map((name) => ({ id: { name }, error }));
  }
}

function labelsOf(models: readonly ModelEntry[]): VersionLabels {
  return new Map(models.map(({ name, versionLabels }) => [name, versionLabels ?? new Map()]));
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
