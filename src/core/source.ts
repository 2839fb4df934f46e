import type { ServableId } from './servable-id.js';

/** A version that a Source wants to see served, and where it lies. */
export interface AspiredVersion {
  readonly id: ServableId;
  /** The version's folder, under the model's base path. */
  readonly path: string;
  /** The folder that `path` leads to once links are followed. Default: `path`. */
  readonly place?: string | undefined;
  /** The model's base path as it is configured, absolute: it tells to which configuration the version belongs. */
  readonly basePath?: string | undefined;
  /** Differs when the version's files do: a version that failed to load is tried again then. */
  readonly stamp?: string | undefined;
}

/**
 * What a version is, beside its model's name: its number and its place. A version of the same number at another place is
 * another version. Version policies, labels and logging do not change what a version is.
 */
export function identityOf(version: AspiredVersion): string {
  return `${version.id.version} ${placeOf(version)}`;
}

/** The folder to load the version from. */
export function placeOf({ path, place }: AspiredVersion): string {
  return place ?? path;
}

/**
 * Told the whole set of versions of one model that should be served from now on: a version that is missing from the list
 * is to be unloaded. The same list may come again; receivers treat it as idempotent.
 */
export type AspiredVersionsCallback = (name: string, versions: readonly AspiredVersion[]) => void;

/**
 * Watches something (a folder) and aspires versions of it. After close() the callback is not called again.
 */
export interface Source {
  /** Starts the watch; may call `aspire` before it returns. Called once. */
  start(aspire: AspiredVersionsCallback): Promise<void>;
  close(): void;
}
