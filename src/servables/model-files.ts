/** The files that a version is loaded from, held to be the same from the first one that is read to the last. */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ServingError } from '../errors.js';
import { log } from '../log.js';

/** What a load reads in a version's folder. What else a graph may write there itself does not change the version. */
const PARTS = [
  'saved_model.pb',
  'saved_model.pbtxt',
  'saved_model.cpb',
  'model.tflite',
  'variables',
  'assets',
  'assets.extra',
  'batching_params.pbtxt',
  'session_config.pbtxt',
  'session_config.json',
];

/** No SavedModel is deeper; keeps a link that leads back up from being followed for ever. */
const MAX_DEPTH = 6;

/** File systems date changes by a clock that stands still for some milliseconds: two changes soon after each other can look like one. */
const CLOCK_MILLIS = 50;

/** How often a load is begun whose files change meanwhile, and how long it waits for them to be left alone. */
const MAX_TRIES = 3;
const WAIT_MILLIS = 1000;

export class ModelFiles {
  readonly directory: string;
  #stamp = '';

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Says in a few words which files these are: sessions of a folder are shared only where it is the same. */
  get stamp(): string {
    return this.#stamp;
  }

  /** From now on the files are to stay as they are. Never rejects: what cannot be read is for the load to say. */
  async note(): Promise<void> {
    this.#stamp = await stampParts(this.directory);
  }

  async haveChanged(): Promise<boolean> {
    return (await stampParts(this.directory)) !== this.#stamp;
  }

  /** Rejects with UNAVAILABLE if they have not stayed as they were. */
  async check(): Promise<void> {
    if (await this.haveChanged()) throw filesChanged(this.directory);
  }
}

/**
 * What `load` resolves with, once it has run while the files stayed the same: one that reads parts of two models must not be
 * served. Rejects with UNAVAILABLE if they change each time.
 */
export async function loadUnchanged<T>(
  files: ModelFiles,
  load: () => Promise<T>,
  isWanted: () => boolean = () => true,
): Promise<T> {
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    await files.note();
    try {
      return await load();
    } catch (error) {
      if (!isWanted() || !(await files.haveChanged())) throw error;
      if (triesLeft === 0) throw filesChanged(files.directory, error);
      log.warn(`The files in ${files.directory} changed while they were loaded. The load is begun again.`);
      await sleep(WAIT_MILLIS);
    }
  }
}

function filesChanged(directory: string, cause?: unknown): ServingError {
  return new ServingError(
    Code.UNAVAILABLE,
    `The files in ${directory} have changed since the load of this version began, so that it could be made of parts of two ` +
      'models. Copy a model to a folder of another name, and rename the folder to its version number when all is there.',
    { cause },
  );
}

async function stampParts(directory: string): Promise<string> {
  const first = await lookAtParts(directory);
  if (Date.now() - first.changedMillis > CLOCK_MILLIS) return first.text;
  await sleep(CLOCK_MILLIS);
  return (await lookAtParts(directory)).text;
}

async function lookAtParts(directory: string): Promise<{ readonly text: string; readonly changedMillis: number }> {
  const lines: string[] = [];
  let changedMillis = 0;
  const visit = async (path: string, name: string, depth: number): Promise<void> => {
    const entry: BigIntStats | undefined = await stat(path, { bigint: true }).catch(() => undefined);
    if (entry === undefined) return;
    if (entry.isDirectory()) {
      const children = depth === MAX_DEPTH ? [] : await readdir(path).catch(() => []);
      for (const child of children.sort()) await visit(join(path, child), `${name}/${child}`, depth + 1);
      return;
    }
    const { size, mtimeNs, ctimeNs, ino } = entry;
    changedMillis = Math.max(changedMillis, Number(ctimeNs / 1_000_000n));
    lines.push(`${name} ${size} ${mtimeNs} ${ctimeNs} ${ino}`);
  };
  for (const part of PARTS) await visit(join(directory, part), part, 0);
  return { text: createHash('sha256').update(lines.join('\n')).digest('hex'), changedMillis };
}
