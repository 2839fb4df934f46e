/** What the server itself reads of a SavedModel, without TensorFlow: signatures, and whether all its parts are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition, invalidArgument, notFound, toServingError } from '../errors.js';
import { decodeMessage, encodeMessage, type MessageType } from '../formats/protobuf.js';
import { parseTextProto } from '../formats/text-proto.js';
import { MetaGraphDef_MetaInfoDef, SaverDef, SignatureDef } from '../gen/messages.js';
import type { SignatureInfo } from './signature-info.js';
import { compareBytes, tensorInfos } from './tensor-infos.js';

/** MetaGraphDef without its graph, which can be large and which only TensorFlow needs. */
interface MetaGraphSummary {
  readonly meta_info_def: MetaGraphDef_MetaInfoDef | undefined;
  readonly saver_def: SaverDef | undefined;
  readonly signature_def: ReadonlyMap<string, SignatureDef>;
}

const MetaGraphSummary: MessageType<MetaGraphSummary> = {
  name: 'tensorflow.MetaGraphDef',
  fields: [
    { name: 'meta_info_def', number: 1, type: () => MetaGraphDef_MetaInfoDef },
    { name: 'saver_def', number: 3, type: () => SaverDef },
    { name: 'signature_def', number: 5, type: () => SignatureDef, key: 'string' },
  ],
};

interface SavedModelSummary {
  readonly meta_graphs: readonly MetaGraphSummary[];
}

const SavedModelSummary: MessageType<SavedModelSummary> = {
  name: 'tensorflow.SavedModel',
  fields: [{ name: 'meta_graphs', number: 2, type: () => MetaGraphSummary, rule: 'repeated' }],
};

const PROTO_FILE = 'saved_model.pb';
/** The same as text. TensorFlow reads it only where there is no PROTO_FILE. */
const TEXT_FILE = 'saved_model.pbtxt';

/** TF2 keeps its initialiser as a signature: shown to clients, as TF Serving does, but none that they could run. */
const INTERNAL_SIGNATURES = new Set(['__saved_model_init_op', '__saved_model_train_op']);

/** Whether the folder holds a SavedModel, in either of its forms. */
export function isSavedModel(directory: string): boolean {
  return existsSync(join(directory, PROTO_FILE)) || existsSync(join(directory, TEXT_FILE));
}

/** Throws NOT_FOUND if the folder holds no SavedModel. */
export function checkIsSavedModel(directory: string): void {
  if (isSavedModel(directory)) return;
  if (existsSync(join(directory, 'model.tflite'))) {
    throw notFound(
      `The folder ${directory} has no saved_model.pb, only model.tflite, which is not run without --prefer_tflite_model.`,
    );
  }
  throw notFound(
    `The folder ${directory} has no saved_model.pb: it is no SavedModel, or it is still being copied. Export the model ` +
      'with tf.saved_model.save or model.export.',
  );
}

export interface MetaGraph {
  /** In the order of the names' bytes. */
  readonly signatures: readonly SignatureInfo[];
  /** Whether weights are restored from `variables/`. */
  readonly hasVariables: boolean;
}

/** Throws INVALID_ARGUMENT if the bytes are no MetaGraphDef. */
export function readMetaGraph(metaGraph: Uint8Array): MetaGraph {
  return summarize(decodeMessage(MetaGraphSummary, metaGraph));
}

function summarize(summary: MetaGraphSummary): MetaGraph {
  return { signatures: signatureInfos(summary.signature_def), hasVariables: summary.saver_def !== undefined };
}

/** Signatures by name as metadata is made of them, in the order of the names' bytes. */
export function signatureInfos(defs: ReadonlyMap<string, SignatureDef>): SignatureInfo[] {
  return [...defs].map(([name, def]) => signatureInfo(name, def)).sort((a, b) => compareBytes(a.name, b.name));
}

/** TensorFlow loads a SavedModel whose weights are missing, and fails at every run. Throws FAILED_PRECONDITION instead. */
export function checkVariables(directory: string): void {
  const index = join(directory, 'variables', 'variables.index');
  if (existsSync(index)) return;
  throw failedPrecondition(
    `The model's weights are missing: there is no ${index}. Copy the whole version folder again.`,
  );
}

/**
 * For a SavedModel that TensorFlow could not load: throws what it does not say. INVALID_ARGUMENT if the file is broken,
 * NOT_FOUND if no meta graph has exactly these tags.
 */
export function checkHasTags(directory: string, tags: readonly string[]): void {
  const found = readSavedModel(directory).map((metaGraph) => metaGraph.tags);
  const wanted = new Set(tags);
  if (found.some((those) => those.length === wanted.size && those.every((tag) => wanted.has(tag)))) return;
  const list = found.map((those) => `"${those.join(',')}"`).join(', ') || 'none';
  throw notFound(
    `No meta graph in ${directory} has the tags "${tags.join(',')}". Those of its meta graphs: ${list}. See --saved_model_tags.`,
  );
}

function readFile(directory: string): SavedModelSummary {
  const isBinary = existsSync(join(directory, PROTO_FILE));
  const path = join(directory, isBinary ? PROTO_FILE : TEXT_FILE);
  const content = readFileSync(path);
  try {
    return isBinary
      ? decodeMessage(SavedModelSummary, content)
      : parseTextProto(SavedModelSummary, content.toString('utf8'), { skipUnknownFields: true });
  } catch (error) {
    throw invalidArgument(`${path} is damaged: ${toServingError(error).message} Copy or export the model again.`);
  }
}

const MetaGraphs: MessageType<{ readonly meta_graphs: readonly Uint8Array[] }> = {
  name: 'tensorflow.SavedModel',
  fields: [{ name: 'meta_graphs', number: 2, type: 'bytes', rule: 'repeated' }],
};

/** The serialized MetaGraphDefs, in the order of readSavedModel(); undefined for a SavedModel as text. */
export function readMetaGraphDefs(directory: string): readonly Uint8Array[] | undefined {
  const path = join(directory, PROTO_FILE);
  return existsSync(path) ? decodeMessage(MetaGraphs, readFileSync(path)).meta_graphs : undefined;
}

function signatureInfo(name: string, def: SignatureDef): SignatureInfo {
  return {
    name,
    isInternal: INTERNAL_SIGNATURES.has(name),
    methodName: def.method_name,
    inputs: tensorInfos(def.inputs),
    outputs: tensorInfos(def.outputs),
    ...(def.defaults.size === 0 ? {} : { defaults: def.defaults }),
    signatureDef: encodeMessage(SignatureDef, def),
  };
}

/** A meta graph of a SavedModel: its tags, and the TensorFlow that wrote it. */
export interface MetaGraphInfo extends MetaGraph {
  readonly tags: readonly string[];
  readonly tensorflowVersion: string;
}

/** All meta graphs of the SavedModel in `directory`. Throws NOT_FOUND if there is none, INVALID_ARGUMENT if it is broken. */
export function readSavedModel(directory: string): MetaGraphInfo[] {
  checkIsSavedModel(directory);
  return readFile(directory).meta_graphs.map((summary) => ({
    ...summarize(summary),
    tags: summary.meta_info_def?.tags ?? [],
    tensorflowVersion: summary.meta_info_def?.tensorflow_version ?? '',
  }));
}
