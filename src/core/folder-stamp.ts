import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What a folder looked like. */
export interface FolderStamp {
  /** Differs when a file below was added, removed, or changed in size or time. */
  readonly text: string;
  /** Milliseconds since the epoch of the last change; change time counts too, which copying tools cannot set back. */
  readonly changedMillis: number;
}

/** No SavedModel is deeper; keeps a link that leads back up from being followed for ever. */
const MAX_DEPTH = 6;

/** Looks at all files below `folder`, following links. Rejects with the file system's error. */
export async function stampFolder(folder: string): Promise<FolderStamp> {
  const lines: string[] = [];
  let changedMillis = 0;
  const visit = async (path: string, name: string, depth: number): Promise<void> => {
    const entry = await stat(path);
    const { size, mtimeMs, ctimeMs } = entry;
    const isFolder = entry.isDirectory();
    changedMillis = Math.max(changedMillis, mtimeMs, ctimeMs);
    lines.push(`${name} ${isFolder ? 'folder' : size} ${mtimeMs} ${ctimeMs}`);
    if (!isFolder || depth === MAX_DEPTH) return;
    for (const child of (await readdir(path)).sort()) await visit(join(path, child), `${name}/${child}`, depth + 1);
  };
  await visit(folder, '', 0);
  return { text: lines.join('\n'), changedMillis };
}
