import { existsSync } from 'node:fs';
import { findVersionFolders } from '../core/version-folders.js';
import { selectVersions } from '../core/version-policy.js';
import { notFound } from '../errors.js';
import { isSavedModel } from './saved-model-file.js';

/** The folder of a SavedModel that somebody names: a base folder stands for the highest of its versions. Rejects with NOT_FOUND. */
export async function findSavedModelFolder(directory: string): Promise<string> {
  if (!existsSync(directory)) throw notFound(`The folder ${directory} does not exist.`);
  if (isSavedModel(directory)) return directory;
  const folders = await findVersionFolders(directory);
  const [newest] = selectVersions(folders.keys(), { kind: 'latest' });
  return newest === undefined ? directory : (folders.get(newest) as string);
}
