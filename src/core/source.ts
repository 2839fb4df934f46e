import type { ServableId } from './servable-id.js';

/** A version that a Source wants to see served, and where it lies. */
export interface AspiredVersion {
  readonly id: ServableId;
  /** The version's folder. */
  readonly path: string;
  /** Differs when the version's files do: a version that failed to load is tried again then. */
  readonly stamp?: string;
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
