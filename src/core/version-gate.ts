import { type FolderStamp, stampFolder } from './folder-stamp.js';

export interface VersionGateOptions {
  /** Files that have not changed for so long are taken as they are at the first look. Default 2000. */
  readonly settledMillis?: number;
  /** A version that lacks a part and has not changed for so long is let through: its load says what is wrong. Default 5000. */
  readonly patienceMillis?: number;
  /** What a version's folder lacks, as the end of a sentence; undefined if it is whole. Default: nothing is asked for. */
  findMissingPart?(path: string): Promise<string | undefined>;
}

export type Verdict =
  | { readonly kind: 'whole'; readonly stamp: string }
  /** `reason` is the end of a sentence; undefined if it is only for a second look to say whether the files still change. */
  | { readonly kind: 'waits'; readonly reason: string | undefined };

const SETTLED_MILLIS = 2000;
const PATIENCE_MILLIS = 5000;

/**
 * Keeps back version folders that are still being copied: until no part is missing and the files are the same at two looks
 * in a row, or have not been touched for a while.
 */
export class VersionGate {
  readonly #options: VersionGateOptions;
  readonly #lastLooks = new Map<string, string>();

  constructor(options: VersionGateOptions = {}) {
    this.#options = options;
  }

  /** One look at a version's folder. Never rejects. */
  async look(path: string): Promise<Verdict> {
    const last = this.#lastLooks.get(path);
    this.#lastLooks.delete(path);
    try {
      const stamp = await stampFolder(path);
      const missing = await this.#missingPart(path, stamp);
      if (missing === undefined && this.#isStable(stamp, last)) return { kind: 'whole', stamp: stamp.text };
      this.#lastLooks.set(path, stamp.text);
      const stillChanges = last === undefined ? undefined : 'its files are still changing';
      return { kind: 'waits', reason: missing ?? stillChanges };
    } catch (error) {
      return { kind: 'waits', reason: `it cannot be read (${(error as NodeJS.ErrnoException).code ?? error})` };
    }
  }

  #isStable({ text, changedMillis }: FolderStamp, last: string | undefined): boolean {
    return text === last || Date.now() - changedMillis >= (this.#options.settledMillis ?? SETTLED_MILLIS);
  }

  async #missingPart(path: string, { changedMillis }: FolderStamp): Promise<string | undefined> {
    const quietMillis = Date.now() - changedMillis;
    if (quietMillis >= (this.#options.patienceMillis ?? PATIENCE_MILLIS)) return undefined;
    return this.#options.findMissingPart?.(path);
  }
}
