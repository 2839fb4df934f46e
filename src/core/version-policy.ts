/**
 * Decisions about versions as pure functions of a snapshot: which of the versions found should be served
 * (selectVersions), and which single step brings a model closer to that (the transition policies). They hold no state and
 * may be asked again at any time.
 */
import { ManagerState } from './servable-state.js';

/** Which of a model's versions are served (FileSystemStoragePathSourceConfig.ServableVersionPolicy). */
export type VersionPolicy =
  /** The `numVersions` newest ones; default 1, and 0 counts as 1. */
  | { readonly kind: 'latest'; readonly numVersions?: number }
  | { readonly kind: 'all' }
  /** These, as far as they are there. */
  | { readonly kind: 'specific'; readonly versions: readonly bigint[] };

/** The versions to aspire out of those found, newest first, each once. */
export function selectVersions(found: Iterable<bigint>, policy: VersionPolicy): bigint[] {
  const newestFirst = [...new Set(found)].sort(compareNewestFirst);
  switch (policy.kind) {
    case 'latest':
      return newestFirst.slice(0, Math.max(1, policy.numVersions ?? 1));
    case 'all':
      return newestFirst;
    case 'specific': {
      const wanted = new Set(policy.versions);
      return newestFirst.filter((version) => wanted.has(version));
    }
  }
}

/** For sort(): the higher version number comes first. */
export function compareNewestFirst(a: bigint, b: bigint): number {
  return a === b ? 0 : a > b ? -1 : 1;
}

/** All that the transition policy looks at of one version. */
export interface VersionSnapshot {
  readonly version: bigint;
  readonly state: ManagerState;
  /** Whether the source wants this version served. */
  readonly aspired: boolean;
  /**
   * Whether requests for this number get another version of the same number, which lies at another place. Default: false.
   */
  readonly isReplaced?: boolean;
  /** Whether a label still needs this version although it is not wanted. Default: false. */
  readonly isHeld?: boolean;
}

export interface VersionAction<V extends VersionSnapshot = VersionSnapshot> {
  readonly kind: 'load' | 'unload';
  /** One of the versions that the policy was asked about. */
  readonly entry: V;
}

/**
 * The next step for one model under TF Serving's availability-preserving policy, or undefined if there is none for now.
 * A model that is served stays served: the last versions nobody wants any more are unloaded only once a wanted one is
 * available, or when none is wanted at all. Until then both are in memory at once. A version whose number is wanted at
 * another place stays until the other one is available. Versions are loaded one at a time, newest first, and a version that
 * failed to load (END) is not tried again.
 */
export function nextAction<V extends VersionSnapshot>(versions: readonly V[]): VersionAction<V> | undefined {
  const unload = nextUnload(versions);
  if (unload !== undefined) return { kind: 'unload', entry: unload };
  const load = nextLoad(versions);
  return load === undefined ? undefined : { kind: 'load', entry: load };
}

/**
 * The next step under TF Serving's resource-preserving policy: never two versions in memory that need not be. What nobody
 * wants any more is unloaded first, and nothing is loaded until it is gone; in between the model is not served.
 */
export function nextActionSavingMemory<V extends VersionSnapshot>(
  versions: readonly V[],
): VersionAction<V> | undefined {
  const unwanted = versions.filter((entry) => !entry.aspired && entry.state !== ManagerState.END);
  const unload = newestFirst(unwanted.filter((entry) => entry.state === ManagerState.AVAILABLE)).at(-1);
  if (unload !== undefined) return { kind: 'unload', entry: unload };
  const load = unwanted.length > 0 ? undefined : nextLoad(versions);
  return load === undefined ? undefined : { kind: 'load', entry: load };
}

export type TransitionPolicy = <V extends VersionSnapshot>(versions: readonly V[]) => VersionAction<V> | undefined;

/** By the names that --aspired_version_policy takes. */
export const TRANSITION_POLICIES = {
  availability_preserving: nextAction,
  resource_preserving: nextActionSavingMemory,
} as const satisfies Record<string, TransitionPolicy>;

/** The oldest available version that is not wanted, if it may go. */
function nextUnload<V extends VersionSnapshot>(versions: readonly V[]): V | undefined {
  const aspired = versions.filter((entry) => entry.aspired);
  const isServed = aspired.some((entry) => entry.state === ManagerState.AVAILABLE);
  const numbers = new Set(aspired.map((entry) => entry.version));
  const mayGo = (entry: V) =>
    aspired.length === 0 || (!entry.isHeld && (entry.isReplaced || (isServed && !numbers.has(entry.version))));
  const unwanted = versions.filter((entry) => !entry.aspired && entry.state === ManagerState.AVAILABLE);
  return newestFirst(unwanted.filter(mayGo)).at(-1);
}

/** The newest wanted version that waits, unless another one of this model is being loaded. */
function nextLoad<V extends VersionSnapshot>(versions: readonly V[]): V | undefined {
  if (versions.some((entry) => entry.state === ManagerState.LOADING)) return undefined;
  return newestFirst(versions.filter((entry) => entry.aspired && entry.state === ManagerState.START))[0];
}

function newestFirst<V extends VersionSnapshot>(versions: readonly V[]): V[] {
  return [...versions].sort((a, b) => compareNewestFirst(a.version, b.version));
}
