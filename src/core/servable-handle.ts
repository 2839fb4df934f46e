import type { ServableId } from './servable-id.js';

/**
 * A claim on an available servable: it is not unloaded while a handle to it is held. Release each handle exactly once, in
 * a `finally`; later releases of the same handle do nothing.
 */
export interface ServableHandle<S> {
  readonly id: ServableId;
  readonly servable: S;
  release(): void;
}

/** Which version of a model a request wants. Neither field: the newest available one. */
export interface ServableRequest {
  /** Empty: the only model there is; INVALID_ARGUMENT if there are several. */
  readonly name: string;
  readonly version?: bigint;
  readonly versionLabel?: string;
}
