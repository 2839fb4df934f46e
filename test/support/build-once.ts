import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_AGAIN_MILLIS = 250;

/**
 * Makes `folder` unless it exists. `build` fills a folder beside it that takes its name only when it is complete, so an
 * interrupted build leaves nothing that looks whole; of several processes one builds and the others wait for it.
 */
export async function buildOnce(folder: string, build: (aside: string) => Promise<void>): Promise<void> {
  const lock = `${folder}.lock`;
  mkdirSync(dirname(folder), { recursive: true });
  while (!existsSync(folder)) {
    if (takeLock(lock)) {
      try {
        if (!existsSync(folder)) await buildAside(folder, build);
      } finally {
        rmSync(lock, { force: true });
      }
    } else {
      await sleep(LOOK_AGAIN_MILLIS);
    }
  }
}

async function buildAside(folder: string, build: (aside: string) => Promise<void>): Promise<void> {
  const aside = `${folder}.building`;
  rmSync(aside, { recursive: true, force: true });
  try {
    await build(aside);
    renameSync(aside, folder);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    throw error;
  }
}

/** The lock is a file with its owner's process id; one whose owner is gone is removed, to be taken at the next try. */
function takeLock(lock: string): boolean {
  try {
    const file = openSync(lock, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!ownerLives(lock)) rmSync(lock, { force: true });
    return false;
  }
}

function ownerLives(lock: string): boolean {
  try {
    const owner = Number(readFileSync(lock, 'utf8'));
    // 0: its owner has made the file and is about to write its id.
    if (owner !== 0) process.kill(owner, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
