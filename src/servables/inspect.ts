/** `tensorgate inspect DIR`: what a model offers, as text for people. Reads the files alone, without TensorFlow. */
import { binding, type RowProof } from '../native/binding.js';
import { dataTypeName } from '../tensor/dtype.js';
import { formatShape } from '../tensor/shape.js';
import { formatRunSharing, runSharingOf } from './run-sharing.js';
import {
  isSavedModel,
  type MetaGraphInfo,
  readMetaGraphDefs,
  readSavedModel,
  signatureInfos,
} from './saved-model-file.js';
import { isSendable, type SignatureInfo, type TensorInfo } from './signature-info.js';
import { hasTfliteModel, readTfliteFile } from './tflite-file.js';
import { tfliteSignatures, unservedSignatures } from './tflite-signatures.js';

/**
 * Signatures with dtypes and shapes, of the SavedModel, the TensorFlow Lite model or both. Throws NOT_FOUND or INVALID_ARGUMENT
 * if the folder holds none that can be read.
 */
export function inspectModel(directory: string): string {
  const isLite = hasTfliteModel(directory);
  const parts = isLite && !isSavedModel(directory) ? [] : [inspectSavedModel(directory)];
  if (isLite) parts.push(inspectTfliteModel(directory));
  return parts.join('\n');
}

function inspectTfliteModel(directory: string): string {
  const graph = readTfliteFile(directory);
  const signatures = signatureInfos(tfliteSignatures(graph));
  const texts = signatures.map((signature) => formatSignature(signature, batchingOf(signature, undefined)));
  const unserved = unservedSignatures(graph).map((reason) => `\n  ${reason}\n`);
  return ['TensorFlow Lite model (model.tflite)\n', ...texts, ...unserved].join('');
}

/** Of the SavedModel alone. */
export function inspectSavedModel(directory: string): string {
  const metaGraphs = readSavedModel(directory);
  const defs = readMetaGraphDefs(directory);
  const proofs = defs?.map((def) => binding.proveRows(def));
  return metaGraphs.map((metaGraph, index) => formatMetaGraph(metaGraph, proofs?.[index])).join('\n');
}

const UNKNOWN_BATCHING =
  'not known: saved_model.pbtxt is only read by TensorFlow; a server that has loaded it says so in GET /v1/config';

/** What --enable_batching=auto makes of it. */
function batchingOf(signature: SignatureInfo, proof: RowProof | undefined): string {
  return formatRunSharing(runSharingOf(signature, { kind: 'proven' }, proof));
}

/** `proofs`: undefined where the graph cannot be read. */
function formatMetaGraph(metaGraph: MetaGraphInfo, proofs: readonly RowProof[] | undefined): string {
  const head = `Meta graph with tags: ${metaGraph.tags.join(', ')} (TensorFlow ${metaGraph.tensorflowVersion || 'unknown'})\n`;
  return (
    head +
    metaGraph.signatures
      .filter(({ isInternal }) => !isInternal)
      .map((signature) => {
        const proof = proofs?.find((each) => each.signature === signature.name);
        return formatSignature(signature, proofs === undefined ? UNKNOWN_BATCHING : batchingOf(signature, proof));
      })
      .join('')
  );
}

function formatSignature(signature: SignatureInfo, batching: string): string {
  const tensors = [...signature.inputs, ...signature.outputs];
  const width = Math.max(...tensors.map(({ alias }) => alias.length), 0);
  const list = (infos: readonly TensorInfo[]) =>
    infos
      .flatMap((info, i) => [...formatComposite(info, infos[i - 1], width), formatTensor(info, width)])
      .map((line) => `      ${line}\n`)
      .join('');
  return (
    `\n  Signature ${signature.name} (${signature.methodName || 'no method name'})\n` +
    `    inputs\n${list(signature.inputs)}    outputs\n${list(signature.outputs)}` +
    `    batching: ${batching}\n`
  );
}

function formatTensor(info: TensorInfo, width: number): string {
  const dtype = dataTypeName(info.dtype).padEnd(10);
  const note = isSendable(info) ? '' : '  (stays in the process)';
  return `${info.alias.padEnd(width)}  ${dtype}  ${formatShape(info.shape)}  ${info.tensorName}${note}`;
}

/** A line of its own before the first of the components. */
function formatComposite({ composite }: TensorInfo, before: TensorInfo | undefined, width: number): string[] {
  if (composite === undefined || composite.alias === before?.composite?.alias) return [];
  return [`${composite.alias.padEnd(width)}  ${composite.kind} of`];
}
