import { join } from 'node:path';
import { PROJECT_ROOT } from '../../test/support/project-root.js';

/** Folders of libtensorflow and of its C headers. */
export interface LibtensorflowFolders {
  readonly directory: string;
  readonly includeDirectory: string;
}

interface Finder {
  findLibtensorflow(
    env: NodeJS.ProcessEnv,
    options: { needHeaders: boolean },
  ): { readonly directory: string; readonly includeDirectory?: string } | undefined;
}

/** Undefined if the library or its headers are not on this machine. */
export async function findLibtensorflowWithHeaders(): Promise<LibtensorflowFolders | undefined> {
  const finder = (await import(join(PROJECT_ROOT, 'scripts/libtensorflow/find.mjs'))) as Finder;
  const found = finder.findLibtensorflow(process.env, { needHeaders: true });
  if (found?.includeDirectory === undefined) return undefined;
  return { directory: found.directory, includeDirectory: found.includeDirectory };
}
