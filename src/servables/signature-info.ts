/** Signatures as the SavedModel declares them: what metadata is made of. */
import type { TensorProto } from '../gen/messages.js';
import type { DataType } from '../tensor/dtype.js';
import type { Shape } from '../tensor/shape.js';

/** The signature that runs where none is asked for. */
export const DEFAULT_SIGNATURE = 'serving_default';

/** An input or output of a signature as the SavedModel declares it. */
export interface TensorInfo {
  readonly alias: string;
  /** The graph tensor it stands for, e.g. `serving_default_x:0`. */
  readonly tensorName: string;
  /** What requests may call it as well. */
  readonly otherNames?: readonly string[];
  readonly dtype: DataType;
  /** -1: unknown dimension; undefined: unknown rank. */
  readonly shape: Shape | undefined;
}

export interface SignatureInfo {
  readonly name: string;
  /** The SavedModel's own, such as its initialiser: declared, but not to be run by clients. */
  readonly isInternal: boolean;
  /** E.g. `tensorflow/serving/predict`. */
  readonly methodName: string;
  /** In the order of the aliases' bytes; the order of GraphPipe's default inputs and outputs. */
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
export function isBatchable({ inputs, outputs }: SignatureInfo): boolean {
  const countsRows = ({ shape }: TensorInfo) => shape?.[0] === -1;
  return inputs.length > 0 && outputs.length > 0 && inputs.every(countsRows) && outputs.every(countsRows);
}
