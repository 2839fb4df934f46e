import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from './project-root.js';

/** The committed test models, made by scripts/models: one base folder each, with numbered version folders. */
export const MODELS_DIR = join(PROJECT_ROOT, 'test/models');

/** Base folder of a test model; throws an Error that lists the models if there is none of this name. */
export function modelPath(name: string): string {
  const path = join(MODELS_DIR, name);
  if (!existsSync(path)) throw new Error(`No test model ${name}. There are: ${readdirSync(MODELS_DIR).join(', ')}.`);
  return path;
}

/** Runs `fn` with an empty folder that is removed afterwards. */
export async function withTempDir<T>(fn: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tensorgate-'));
  try {
    return await fn(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs `fn` with the base folder of a copy that it may change: add versions, damage files. */
export async function withModelCopy<T>(name: string, fn: (basePath: string) => Promise<T>): Promise<T> {
  return withTempDir(async (folder) => {
    const basePath = join(folder, name);
    await cp(modelPath(name), basePath, { recursive: true });
    return fn(basePath);
  });
}
