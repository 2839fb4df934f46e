import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder with package.json, wherever the compiled tests lie below it. */
export const PROJECT_ROOT = findUp('package.json', dirname(fileURLToPath(import.meta.url)));

function findUp(name: string, folder: string): string {
  if (existsSync(join(folder, name))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error(`No folder above ${fileURLToPath(import.meta.url)} has a ${name}.`);
  return findUp(name, parent);
}
