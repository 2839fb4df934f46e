/** Sessions of model.tflite, which --prefer_tflite_model has run in place of the SavedModel in the same folder. */
import { toServingError } from '../errors.js';
import { log } from '../log.js';
import type { LoadedSession } from '../native/binding.js';
import { openTensorFlowLite } from '../workers/tensorflow.js';
import { loadSession } from './load-session.js';
import type { ModelFiles } from './model-files.js';
import { unservedSignatures } from './tflite-signatures.js';

export interface TfliteOptions {
  /** Interpreters per model: so many runs of it go on at the same time at the most. */
  readonly interpreters: number;
  /** The full path of TensorFlow Lite's library; rejects with the remedy if there is none. */
  findLibrary(): Promise<string>;
}

/**
 * Rejects with FAILED_PRECONDITION if there is no library to run it with, INVALID_ARGUMENT if the file is damaged or needs
 * what the library does not have.
 */
export async function loadTfliteSession(
  { directory, stamp: files }: Pick<ModelFiles, 'directory' | 'stamp'>,
  options: TfliteOptions,
): Promise<LoadedSession> {
  openTensorFlowLite(await options.findLibrary());
  const { interpreters: tfliteInterpreters } = options;
  try {
    const session = { directory, files, tags: [], config: new Uint8Array(), interruptible: false, tfliteInterpreters };
    const loaded = await loadSession(session);
    if (loaded.tflite !== undefined)
      for (const reason of unservedSignatures(loaded.tflite)) log.warn(reason, { directory });
    return loaded;
  } catch (error) {
    throw toServingError(error);
  }
}
