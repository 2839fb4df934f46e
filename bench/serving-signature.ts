import { readSavedModel } from '../src/servables/saved-model-file.js';
import type { SignatureInfo } from '../src/servables/signature-info.js';

/** The one that requests without a signature's name mean. */
export const SERVING_SIGNATURE = 'serving_default';

/** That of the SavedModel in a version's folder. Throws an Error if it has none. */
export function servingSignature(directory: string): SignatureInfo {
  const signatures = readSavedModel(directory).flatMap((metaGraph) => metaGraph.signatures);
  const signature = signatures.find(({ name }) => name === SERVING_SIGNATURE);
  if (signature === undefined) throw new Error(`The model in ${directory} has no signature ${SERVING_SIGNATURE}.`);
  return signature;
}
