/** What rivals are started with, and what a started one is. */
import { findVersionFolders } from '../../src/core/version-folders.js';

export interface RivalModel {
  readonly name: string;
  /** Folder of the numbered version folders. */
  readonly basePath: string;
}

export interface RivalServer {
  readonly pid: number;
  /** On 127.0.0.1. */
  readonly port: number;
}

/** The folder of the highest version below a base folder. Rejects if there is none. */
export async function newestVersionFolder(basePath: string): Promise<string> {
  const [newest] = [...(await findVersionFolders(basePath))].sort(([a], [b]) => (a < b ? 1 : -1));
  if (newest === undefined) throw new Error(`${basePath} has no numbered version folder.`);
  return newest[1];
}
