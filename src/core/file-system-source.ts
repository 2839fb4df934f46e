import { resolve } from 'node:path';
import { log } from '../log.js';
import type { AspiredVersion, AspiredVersionsCallback, Source } from './source.js';
import { findVersionFolders } from './version-folders.js';
import { selectVersions, type VersionPolicy } from './version-policy.js';

/** A model whose versions lie in numbered sub-folders of one base folder. */
export interface MonitoredModel {
  readonly name: string;
  /** Absolute, or relative to the working directory. */
  readonly basePath: string;
  readonly versionPolicy: VersionPolicy;
}

export interface FileSystemSourceOptions {
  readonly models: readonly MonitoredModel[];
  /** Seconds from the end of one look at the folders to the next; default 0: look only once, at start(). */
  readonly pollWaitSeconds?: number;
}

/**
 * Finds the versions of each model on disk. A base folder that cannot be read leaves the model's last aspired list as it
 * is (at first: none is aspired); one without any version folder aspires none, so that the model is unloaded. Both are
 * said in the log, once for as long as they last.
 */
export class FileSystemSource implements Source {
  readonly #models: readonly MonitoredModel[];
  readonly #pollWaitMillis: number;
  readonly #lastWarnings = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: FileSystemSourceOptions) {
    this.#models = options.models;
    this.#pollWaitMillis = (options.pollWaitSeconds ?? 0) * 1000;
  }

  /** Has aspired what is there now when it resolves. Never rejects. */
  async start(aspire: AspiredVersionsCallback): Promise<void> {
    await this.#lookOnce(aspire);
    if (this.#closed || this.#pollWaitMillis <= 0) return;
    this.#timer = setTimeout(() => void this.start(aspire), this.#pollWaitMillis).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #lookOnce(aspire: AspiredVersionsCallback): Promise<void> {
    for (const model of this.#models) {
      const versions = await this.#findVersions(model);
      if (this.#closed) return;
      if (versions !== undefined) aspire(model.name, versions);
    }
  }

  /** What to aspire, or undefined if the base folder cannot be read. */
  async #findVersions(model: MonitoredModel): Promise<AspiredVersion[] | undefined> {
    let folders: ReadonlyMap<bigint, string>;
    try {
      folders = await findVersionFolders(model.basePath);
    } catch (error) {
      this.#warn(model.name, describeUnreadable(model, error));
      return undefined;
    }
    this.#warn(model.name, describeMissing(model, folders));
    const selected = selectVersions(folders.keys(), model.versionPolicy);
    return selected.map((version) => ({ id: { name: model.name, version }, path: folders.get(version) as string }));
  }

  /** Logs the warning unless it is still the last one of this model; undefined: all is well again. */
  #warn(name: string, warning: string | undefined): void {
    if (warning !== undefined && this.#lastWarnings.get(name) !== warning) log.warn(warning);
    if (warning === undefined) this.#lastWarnings.delete(name);
    else this.#lastWarnings.set(name, warning);
  }
}

const EXPECTED = 'Expected there: one sub-folder for each version, named by its number, such as 1.';

function describeUnreadable({ name, basePath }: MonitoredModel, error: unknown): string {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  return `The base folder of model ${name}, ${resolve(basePath)}, cannot be read (${reason}). ${EXPECTED}`;
}

/** What the version policy asks for and the folders do not have, or undefined if nothing is missing. */
function describeMissing(model: MonitoredModel, folders: ReadonlyMap<bigint, string>): string | undefined {
  const { name, basePath, versionPolicy } = model;
  if (folders.size === 0) return `No version of model ${name} was found in ${resolve(basePath)}. ${EXPECTED}`;
  if (versionPolicy.kind !== 'specific') return undefined;
  const missing = versionPolicy.versions.filter((version) => !folders.has(version));
  if (missing.length === 0) return undefined;
  const found = [...folders.keys()].join(', ');
  return `Versions ${missing.join(', ')} of model ${name} are wanted but not in ${resolve(basePath)}, which has ${found}.`;
}
