/** Signatures as the SavedModel declares them: what metadata is made of. */
import type { TensorProto } from '../gen/messages.js';
import { DataType, dataTypeName } from '../tensor/dtype.js';
import type { Shape } from '../tensor/shape.js';

/** The signature that runs where none is asked for. */
export const DEFAULT_SIGNATURE = 'serving_default';

/** An input or output that is no tensor itself, but made of several. */
export interface Composite {
  readonly alias: string;
  /** For people, e.g. `sparse tensor`. */
  readonly kind: string;
}

/** An input or output of a signature as the SavedModel declares it, or a component of one. */
export interface TensorInfo {
  readonly alias: string;
  /** The graph tensor it stands for, e.g. `serving_default_x:0`. */
  readonly tensorName: string;
  /** What requests may call it as well. */
  readonly otherNames?: readonly string[];
  readonly dtype: DataType;
  /** -1: unknown dimension; undefined: unknown rank. */
  readonly shape: Shape | undefined;
  /** Of a component: what it belongs to. */
  readonly composite?: Composite;
}

export interface SignatureInfo {
  readonly name: string;
  /** The SavedModel's own, such as its initialiser: declared, but not to be run by clients. */
  readonly isInternal: boolean;
  /** E.g. `tensorflow/serving/predict`. */
  readonly methodName: string;
  /** In the order of the declared aliases' bytes; the order of GraphPipe's default inputs and outputs. */
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Values of inputs that a request may leave out, by alias; undefined: there are none. */
  readonly defaults?: ReadonlyMap<string, TensorProto>;
  /** The SignatureDef as it stood in the SavedModel, for GetModelMetadata. */
  readonly signatureDef: Uint8Array;
}

/**
 * Whether requests of the signature may share a run: each of its inputs and outputs has a first dimension of unknown size,
 * which then counts rows. That rows do not depend on each other is the model's promise, as with TF Serving's batching.
 */
export function isBatchable(signature: SignatureInfo): boolean {
  return whyNotBatchable(signature) === undefined;
}

/** A clause; undefined for a signature that is batchable. */
export function whyNotBatchable({ inputs, outputs }: SignatureInfo): string | undefined {
  if (inputs.length === 0) return 'it has no inputs';
  if (outputs.length === 0) return 'it has no outputs';
  return whyWithoutRows('input', inputs) ?? whyWithoutRows('output', outputs);
}

/** The components of a sparse or ragged tensor may have a first dimension of unknown size, which counts something else. */
function whyWithoutRows(role: string, tensors: readonly TensorInfo[]): string | undefined {
  for (const { alias, composite, dtype, shape } of tensors) {
    if (composite !== undefined) return `${role} '${composite.alias}' is no plain tensor`;
    if (!isSendable({ dtype })) return `${role} '${alias}' is of type ${dataTypeName(dtype)}`;
    if (shape?.[0] !== -1) return `${role} '${alias}' is not declared with a first dimension of unknown size`;
  }
  return undefined;
}

/** Whether the values can leave the process, as far as is declared: handles and variants are pointers into its memory. */
export function isSendable({ dtype }: Pick<TensorInfo, 'dtype'>): boolean {
  return dtype !== DataType.RESOURCE && dtype !== DataType.VARIANT;
}

/** The output_filter of a request for all that can be sent: empty where that is everything. */
export function sendableFilter({ outputs }: SignatureInfo): readonly string[] {
  return outputs.every(isSendable) ? [] : outputs.filter(isSendable).map(({ alias }) => alias);
}

/** What the signature declares, each composite once. */
export function declaredAliases(tensors: readonly TensorInfo[]): readonly string[] {
  return [...new Set(tensors.map(({ alias, composite }) => composite?.alias ?? alias))];
}
