/** Whether requests of a signature share runs: what is asked for, what its graph proves, and what has been found out since. */
import { type BatchPolicy, binding, type RowProof, type SignatureId } from '../native/binding.js';
import { type SignatureInfo, whyNotBatchable } from './signature-info.js';

/** --enable_batching. */
export type BatchingMode = 'auto' | 'true' | 'false';

/** What rows of a version are trusted to be independent by: the proof, or the shapes that its signatures declare. */
export type BatchingOfVersion =
  | { readonly kind: 'proven' }
  | { readonly kind: 'declared'; readonly policy?: BatchPolicy | undefined }
  | { readonly kind: 'off'; readonly reason: string };

export interface RunSharing {
  readonly kind: 'proven' | 'declared' | 'off';
  /** Why not: a clause. Set if and only if it is off. */
  readonly reason?: string;
  /** Whether it is off for want of a proof alone. */
  readonly isUnproven?: boolean;
}

function off(reason: string): RunSharing {
  return { kind: 'off', reason };
}

/** `proof`: undefined where the graph has not been analysed. */
export function runSharingOf(
  info: SignatureInfo,
  batching: BatchingOfVersion,
  proof: RowProof | undefined,
): RunSharing {
  if (batching.kind === 'off') return off(batching.reason);
  const obstacle = whyNotBatchable(info);
  if (obstacle !== undefined) return off(obstacle);
  if (batching.kind === 'declared') return { kind: 'declared' };
  if (proof?.proven) return { kind: 'proven' };
  return { ...off(proof?.reason ?? 'graphs of TensorFlow Lite are not analysed'), isUnproven: true };
}

/** `proven`, `declared` or `off (reason)`. */
export function formatRunSharing({ kind, reason }: RunSharing): string {
  return reason === undefined ? kind : `${kind} (${reason})`;
}

const NO_ROWS = 'in a run, an output did not have the rows of the inputs';

interface Entry {
  readonly id: SignatureId;
  sharing: RunSharing;
}

/** The signatures of one servable on one device. */
export class SharedRuns {
  readonly #entries = new Map<string, Entry>();

  add(name: string, id: SignatureId, sharing: RunSharing): void {
    this.#entries.set(name, { id, sharing });
  }

  /** Off for a signature that is not there. To be asked for while the servable is loaded. */
  of(name: string): RunSharing {
    const entry = this.#entries.get(name);
    if (entry === undefined) return off('there is no such signature');
    if (entry.sharing.kind !== 'off' && !binding.sharesRuns(entry.id)) entry.sharing = off(NO_ROWS);
    return entry.sharing;
  }

  stop(name: string, reason: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    binding.stopSharing(entry.id);
    entry.sharing = off(reason);
  }
}
