import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { log } from '../log.js';
import { MAX_TIMER_MILLIS } from '../timer-limit.js';
import type { ServableId } from './servable-id.js';
import { type AspiredVersion, type AspiredVersionsCallback, identityOf, type Source } from './source.js';
import { findMisplacedModel, findVersionFolders } from './version-folders.js';
import { STABLE_MILLIS, VersionGate, type VersionGateOptions } from './version-gate.js';
import { selectVersions, type VersionPolicy } from './version-policy.js';

/** A model whose versions lie in numbered sub-folders of one base folder. */
export interface MonitoredModel {
  readonly name: string;
  /** Absolute, or relative to the working directory. */
  readonly basePath: string;
  readonly versionPolicy: VersionPolicy;
}

export interface FileSystemSourceOptions extends VersionGateOptions {
  readonly models: readonly MonitoredModel[];
  /**
   * Seconds from the end of one look at the folders to the next; default 0: look only once, at start(), and take what is
   * there; negative: never look.
   */
  readonly pollWaitSeconds?: number;
  /** Whether the version could not be loaded: its files are then watched for a change. Default: never. */
  hasFailed?(id: ServableId): boolean;
}

/** A model under watch: what was aspired of it last, which may lie below the base path that it had before. */
interface Watched {
  readonly model: MonitoredModel;
  readonly aspired: Map<bigint, AspiredVersion>;
}

/** What one look has found of a model. */
interface Found {
  /** What to aspire; undefined: leave things as they are. */
  readonly versions: readonly AspiredVersion[] | undefined;
  /** Whether another look is worth waiting for: a version is being copied that nothing, or an older place, stands in for. */
  readonly waits: boolean;
}

/** While a first version is being copied, start() and update() look again so often, and not longer than the limit. */
const LOOK_AGAIN_MILLIS = 500;
const COPY_LIMIT_MILLIS = 30_000;

/**
 * Finds the versions of each model on disk. A base folder that cannot be read leaves the model's last aspired list as it
 * is (at first: none is aspired); one without any version folder aspires none, so that the model is unloaded. A model that
 * gets another base path keeps its versions until something is found there. A version's place is its folder with all links
 * followed, so that a link which leads elsewhere now moves the version. One that is still being copied waits
 * (version-gate.ts), and the model stays as it is for so long. All this is said in the log, once for as long as it lasts.
 */
export class FileSystemSource implements Source {
  #watched: Watched[];
  readonly #options: FileSystemSourceOptions;
  readonly #pollWaitMillis: number;
  readonly #gate: VersionGate;
  readonly #lastWarnings = new Map<string, string>();
  #aspire: AspiredVersionsCallback = () => {};
  /** Looks come one after the other: each one builds on what the last one aspired. */
  #looks: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: FileSystemSourceOptions) {
    this.#options = options;
    this.#watched = options.models.map(watch);
    this.#pollWaitMillis = Math.min((options.pollWaitSeconds ?? 0) * 1000, MAX_TIMER_MILLIS);
    const stableMillis = Math.min(STABLE_MILLIS, 0.9 * this.#pollWaitMillis);
    this.#gate = new VersionGate({ stableMillis, ...options });
  }

  /** Has aspired what is there now when it resolves. Never rejects. */
  async start(aspire: AspiredVersionsCallback): Promise<void> {
    this.#aspire = aspire;
    await this.#lookUntilWhole();
    this.#schedule();
  }

  /**
   * Watches these models from now on, and no others: of a model that is not among them any more nothing is aspired. Has
   * aspired what is there when it resolves: with the models, by name, whose base folder has nothing to serve, and why. Never
   * rejects.
   */
  async update(models: readonly MonitoredModel[]): Promise<ReadonlyMap<string, string>> {
    const names = new Set(models.map(({ name }) => name));
    const gone = this.#watched.map(({ model }) => model.name).filter((name) => !names.has(name));
    const before = new Map(this.#watched.map((watched) => [watched.model.name, watched]));
    this.#watched = models.map((model) => ({ model, aspired: before.get(model.name)?.aspired ?? new Map() }));
    this.forget(new Set(gone));
    await this.#lookUntilWhole();
    return this.#problems(models);
  }

  #problems(models: readonly MonitoredModel[]): ReadonlyMap<string, string> {
    const unfollowed = this.#watched.filter(({ model, aspired }) => aspired.size === 0 || !isAllBelow(aspired, model));
    const concerned = unfollowed.filter(({ model }) => models.includes(model));
    return new Map(concerned.map(({ model: { name } }) => [name, this.#lastWarningOf(name)]));
  }

  /** About the model or a version of it. */
  #lastWarningOf(name: string): string {
    const about = [...this.#lastWarnings].find(([key]) => key === name || key.startsWith(`${name} `));
    return about?.[1] ?? 'Its files are still changing.';
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#closed || this.#pollWaitMillis <= 0) return;
    const look = () => this.#lookOnce().then(() => this.#schedule());
    this.#timer = setTimeout(() => void look(), this.#pollWaitMillis).unref();
  }

  /** Aspires nothing of these models any more, and does not watch them. */
  forget(names: ReadonlySet<string>): void {
    this.#watched = this.#watched.filter(({ model }) => !names.has(model.name));
    for (const name of names) {
      this.#lastWarnings.delete(name);
      if (!this.#closed) this.#aspire(name, []);
    }
  }

  /** Looks until no model is left for which a look is worth waiting for. */
  async #lookUntilWhole(): Promise<void> {
    if (this.#pollWaitMillis < 0) return;
    const deadline = Date.now() + COPY_LIMIT_MILLIS;
    while (await this.#lookOnce()) {
      if (this.#closed || Date.now() > deadline) return;
      await sleep(Math.min(LOOK_AGAIN_MILLIS, this.#pollWaitMillis));
    }
  }

  /** Resolves with whether another look is worth waiting for. */
  #lookOnce(): Promise<boolean> {
    const look = this.#looks.then(() => this.#look());
    this.#looks = look;
    return look;
  }

  async #look(): Promise<boolean> {
    let waits = false;
    for (const watched of this.#watched) {
      const found = await this.#findVersions(watched);
      if (this.#closed) return false;
      // Taken out by update() in the meantime.
      if (!this.#watched.includes(watched)) continue;
      waits ||= found.waits;
      if (found.versions !== undefined) this.#tell(watched, found.versions);
    }
    return waits;
  }

  #tell({ model, aspired }: Watched, versions: readonly AspiredVersion[]): void {
    aspired.clear();
    for (const version of versions) aspired.set(version.id.version, version);
    this.#aspire(model.name, versions);
  }

  async #findVersions(watched: Watched): Promise<Found> {
    const { model } = watched;
    let folders: ReadonlyMap<bigint, string>;
    try {
      folders = await findVersionFolders(model.basePath);
    } catch (error) {
      this.#warn(model.name, describeUnreadable(model, error));
      return { versions: undefined, waits: false };
    }
    this.#warn(model.name, folders.size === 0 ? await describeNone(model) : describeMissing(model, folders));
    return this.#selectWhole(watched, new Map(folders));
  }

  /** What the policy selects of the versions that are whole, or that stand in for one that is not. */
  async #selectWhole(watched: Watched, folders: Map<bigint, string>): Promise<Found> {
    const { model, aspired } = watched;
    for (let someWait = false, someStandIn = false; ; someWait = true) {
      const versions: AspiredVersion[] = [];
      const selected = selectVersions(folders.keys(), model.versionPolicy);
      for (const number of selected) {
        const version = await describeVersion(model, number, folders.get(number) as string);
        const before = aspired.get(number);
        const whole = await this.#letThrough(version, before);
        const standIn = whole === undefined && isElsewhere(before, version) ? before : undefined;
        someStandIn ||= standIn !== undefined;
        const taken = whole ?? standIn;
        if (taken === undefined) folders.delete(number);
        else versions.push(taken);
      }
      if (versions.length < selected.length) continue;
      return versions.length > 0 ? { versions, waits: someStandIn } : foundNothing(watched, someWait);
    }
  }

  /**
   * The version, if it is whole; `before` is what was let through of its number. That stays so, unless its load failed and
   * its files have changed, or it lies at another place now.
   */
  async #letThrough(version: AspiredVersion, before: AspiredVersion | undefined): Promise<AspiredVersion | undefined> {
    const { id, path } = version;
    if (this.#pollWaitMillis <= 0) return version;
    const stamp = isElsewhere(before, version) ? undefined : before?.stamp;
    if (stamp !== undefined && this.#options.hasFailed?.(id) !== true) return { ...version, stamp };
    const verdict = await this.#gate.look(path);
    const key = `${id.name} ${id.version}`;
    if (stamp !== undefined && verdict.stamp === stamp) return { ...version, stamp };
    if (verdict.kind === 'whole') {
      this.#warn(key, undefined);
      return { ...version, stamp: verdict.stamp };
    }
    if (verdict.reason !== undefined)
      this.#warn(key, `Version ${id.version} of model ${id.name} is not loaded yet: ${verdict.reason}.`);
    return undefined;
  }

  /** Logs the warning unless it is still the last one of this model; undefined: all is well again. */
  #warn(name: string, warning: string | undefined): void {
    if (warning !== undefined && this.#lastWarnings.get(name) !== warning) log.warn(warning);
    if (warning === undefined) this.#lastWarnings.delete(name);
    else this.#lastWarnings.set(name, warning);
  }
}

/** The versions that are to be served of a model; undefined if its base folder cannot be read. */
export async function findSelectedVersions(model: MonitoredModel): Promise<ReadonlySet<bigint> | undefined> {
  const folders = await findVersionFolders(model.basePath).catch(() => undefined);
  return folders && new Set(selectVersions(folders.keys(), model.versionPolicy));
}

/** Whether the version has moved since it was let through. */
function isElsewhere(before: AspiredVersion | undefined, version: AspiredVersion): boolean {
  return before !== undefined && identityOf(before) !== identityOf(version);
}

/** A model that has another base path now keeps what it has. */
function foundNothing({ model, aspired }: Watched, someWait: boolean): Found {
  const moves = !isAllBelow(aspired, model);
  if (moves || someWait) return { versions: undefined, waits: someWait && (moves || aspired.size === 0) };
  return { versions: [], waits: false };
}

function isAllBelow(aspired: Watched['aspired'], model: MonitoredModel): boolean {
  return [...aspired.values()].every(({ basePath }) => basePath === resolve(model.basePath));
}

/** A folder that has gone in the meantime is its own place: its load says so. */
async function describeVersion(model: MonitoredModel, number: bigint, path: string): Promise<AspiredVersion> {
  const place = await realpath(path).catch(() => path);
  return { id: { name: model.name, version: number }, path, place, basePath: resolve(model.basePath) };
}

function watch(model: MonitoredModel): Watched {
  return { model, aspired: new Map() };
}

const EXPECTED = 'Expected there: one sub-folder for each version, named by its number, such as 1.';

function describeUnreadable({ name, basePath }: MonitoredModel, error: unknown): string {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  return `The base folder of model ${name}, ${resolve(basePath)}, cannot be read (${reason}). ${EXPECTED}`;
}

async function describeNone({ name, basePath }: MonitoredModel): Promise<string> {
  const none = `No version of model ${name} was found in ${resolve(basePath)}`;
  const misplaced = await findMisplacedModel(basePath);
  if (misplaced === undefined) return `${none}. ${EXPECTED}`;
  return `${none}, but ${misplaced} lies in the folder itself. Move all of that into ${resolve(basePath, '1')}, with the version for its name.`;
}

/** What the version policy asks for and the folders do not have, or undefined if nothing is missing. */
function describeMissing(model: MonitoredModel, folders: ReadonlyMap<bigint, string>): string | undefined {
  const { name, basePath, versionPolicy } = model;
  if (versionPolicy.kind !== 'specific') return undefined;
  const missing = versionPolicy.versions.filter((version) => !folders.has(version));
  if (missing.length === 0) return undefined;
  const found = [...folders.keys()].join(', ');
  return `Versions ${missing.join(', ')} of model ${name} are wanted but not in ${resolve(basePath)}, which has ${found}.`;
}
