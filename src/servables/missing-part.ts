import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** One of these must be there. */
const MODEL_FILES = ['saved_model.pb', 'saved_model.pbtxt', 'saved_model.cpb', 'model.tflite'];
const INDEX = 'variables.index';
const SHARD = /^variables\.data-(\d{5})-of-(\d{5})$/;

/**
 * What a version's folder lacks to be a model, as the end of a sentence: the model's file, the weights' index, or some of
 * the shards that their names announce. Undefined if nothing can be seen to be missing. Rejects with the file system's error.
 */
export async function findMissingPart(directory: string): Promise<string | undefined> {
  const files = new Set(await readdir(directory));
  if (!MODEL_FILES.some((name) => files.has(name))) return `there is no ${MODEL_FILES[0]} in ${directory}`;
  if (!files.has('variables')) return undefined;
  const variables = join(directory, 'variables');
  return missingVariables(variables, new Set(await readdir(variables)));
}

/** An empty folder is what a model without weights has. */
function missingVariables(folder: string, files: ReadonlySet<string>): string | undefined {
  const shards = [...files].flatMap((name) => {
    const match = SHARD.exec(name);
    return match === null ? [] : [match[2] as string];
  });
  if (shards.length === 0) return files.has(INDEX) ? `there is no shard of the weights in ${folder}` : undefined;
  if (!files.has(INDEX)) return `there is no ${INDEX} in ${folder}`;
  const count = Number(shards[0]);
  return shards.length >= count ? undefined : `${folder} has ${shards.length} of ${count} shards of the weights`;
}
