import { type FolderStamp, stampFolder } from './folder-stamp.js';

export interface VersionGateOptions {
  /** How far apart two looks must be at least for the files to count as unchanged. Default 900. */
  readonly stableMillis?: number;
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
  | { readonly kind: 'waits'; readonly reason: string | undefined; readonly stamp?: string };

/** Somewhat below a second, so that polls a second apart are far enough. */
export const STABLE_MILLIS = 900;
const SETTLED_MILLIS = 2000;
const PATIENCE_MILLIS = 5000;

interface Look {
  readonly text: string;
  readonly sinceMillis: number;
}

/**
 * Keeps back version folders that are still being copied: until no part is missing and the files have been the same at all
 * looks of about a second, or have not been touched for a while.
 */
export class VersionGate {
  readonly #options: VersionGateOptions;
  /** What each folder has looked like since when. */
  readonly #lastLooks = new Map<string, Look>();

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
      this.#lastLooks.set(path, stamp.text === last?.text ? last : { text: stamp.text, sinceMillis: Date.now() });
      const stillChanges = last === undefined || last.text === stamp.text ? undefined : 'its files are still changing';
      return { kind: 'waits', reason: missing ?? stillChanges, stamp: stamp.text };
    } catch (error) {
      return { kind: 'waits', reason: `it cannot be read (${(error as NodeJS.ErrnoException).code ?? error})` };
    }
  }

  #isStable({ text, changedMillis }: FolderStamp, last: Look | undefined): boolean {
    const { settledMillis = SETTLED_MILLIS, stableMillis = STABLE_MILLIS } = this.#options;
    if (Date.now() - changedMillis >= settledMillis) return true;
    return text === last?.text && Date.now() - last.sinceMillis >= stableMillis;
  }

  async #missingPart(path: string, { changedMillis }: FolderStamp): Promise<string | undefined> {
    const quietMillis = Date.now() - changedMillis;
    if (quietMillis >= (this.#options.patienceMillis ?? PATIENCE_MILLIS)) return undefined;
    return this.#options.findMissingPart?.(path);
  }
}
