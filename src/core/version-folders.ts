import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { log } from '../log.js';

const INTEGER = /^-?\d+$/;

/**
 * The version folders in `basePath`: sub-folders (or links to some) whose whole name is an int64 in decimal, leading zeros
 * allowed. Rejects with the file system's error if the base folder cannot be read.
 */
export async function findVersionFolders(basePath: string): Promise<ReadonlyMap<bigint, string>> {
  const folders = new Map<bigint, string>();
  const base = resolve(basePath);
  const entries = await readdir(base, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const version = parseVersion(entry.name);
    if (version === undefined || !(await isFolder(base, entry))) continue;
    const path = join(base, entry.name);
    const other = folders.get(version);
    if (other === undefined) folders.set(version, path);
    else log.warn(`Version ${version} is there twice: ${other} is used, ${path} is not. Remove or rename one of them.`);
  }
  return folders;
}

/** What a version folder has, one of them. */
const MODEL_FILES: ReadonlySet<string> = new Set(['saved_model.pb', 'saved_model.pbtxt', 'model.tflite']);

/** The model file that lies in the base folder itself, in a version folder's place; undefined if there is none. */
export async function findMisplacedModel(basePath: string): Promise<string | undefined> {
  const names = await readdir(resolve(basePath)).catch(() => []);
  return names.find((name) => MODEL_FILES.has(name));
}

/** The version a folder of this name would be, or undefined for a name that is no int64. */
export function parseVersion(folderName: string): bigint | undefined {
  if (!INTEGER.test(folderName)) return undefined;
  const version = BigInt(folderName);
  return BigInt.asIntN(64, version) === version ? version : undefined;
}

async function isFolder(base: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(join(base, entry.name)).then(
    (target) => target.isDirectory(),
    () => false,
  );
}
