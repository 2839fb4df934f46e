/** Requests made up from what a signature declares: ones, in the smallest shapes that it allows. */

import { decodeMessage } from '../formats/protobuf.js';
import { TensorProto } from '../gen/messages.js';
import { defaultInput } from '../servables/default-input.js';
import { type SignatureInfo, sendableFilter, type TensorInfo } from '../servables/signature-info.js';
import { byteSizeOf, DataType, dataTypeName } from '../tensor/dtype.js';
import { type InputTensor, OutputFormat, type TensorPredictRequest } from '../tensor/predict-request.js';
import { elementCount, type Shape } from '../tensor/shape.js';

/** Made-up tensors larger than this together cost more than they tell. */
const MOST_BYTES = 64 * 1024 * 1024;
/** What an empty string takes in a tensor (TF_TString). */
const STRING_BYTES = 24;

const HALF_ONE = 0x3c00;
const BFLOAT16_ONE = 0x3f80;

/** The numbers of rows that a signature is to be warmed up with whose runs have at most so many, ascending. */
export function warmupBatchSizes(largestBatch: number): readonly number[] {
  return largestBatch > 1 ? [1, largestBatch] : [1];
}

/** Why no request can be made up, as the end of a sentence. */
export interface CannotBeMade {
  readonly reason: string;
}

/**
 * A request with `rows` in each unknown first dimension and 1 in other unknown ones, all values one: true, empty strings (which
 * are tf.Examples without features, too). Inputs with a declared default are left out, and so are outputs that cannot be sent.
 */
export function syntheticRequest(signature: SignatureInfo, rows: number): TensorPredictRequest | CannotBeMade {
  const inputs: InputTensor[] = [];
  const pieces: Uint8Array[] = [];
  let length = 0;
  let room = MOST_BYTES;
  for (const info of signature.inputs) {
    if (signature.defaults?.has(info.alias)) continue;
    if (info.composite !== undefined) return { reason: `its input '${info.composite.alias}' is not one tensor` };
    const shape = shapeWith(info, rows);
    if (shape === undefined) return { reason: `the rank of its input '${info.alias}' is not declared` };
    room -= byteLength(info.dtype, shape);
    if (!(room >= 0)) return { reason: `with its input '${info.alias}' it would be larger than ${MOST_BYTES} bytes` };
    const made = oneOf(info, shape);
    if ('reason' in made) return made;
    inputs.push(made.at(length));
    pieces.push(made.bytes);
    length += made.bytes.length;
  }
  return {
    kind: 'tensors',
    modelSpec: { name: '' },
    signatureName: signature.name,
    inputs,
    body: Buffer.concat(pieces),
    outputFilter: sendableFilter(signature),
    outputFormat: OutputFormat.TYPED_FIELDS,
    deadlineMillis: Number.POSITIVE_INFINITY,
  };
}

/** Undefined where the rank is not declared. */
function shapeWith({ shape }: TensorInfo, rows: number): Shape | undefined {
  return shape?.map((dim, axis) => (dim >= 0 ? dim : axis === 0 ? rows : 1));
}

/** In TensorFlow's memory; NaN for more elements than a tensor can have. */
function byteLength(dtype: DataType, shape: Shape): number {
  return elementCount(shape) * (dtype === DataType.STRING ? STRING_BYTES : Math.max(1, byteSizeOf(dtype)));
}

/** One value, which the addon repeats as often as the shape asks for. */
function oneOf({ alias, dtype }: TensorInfo, shape: Shape) {
  const made = defaultInput(alias, onesProto(dtype, shape));
  return made ?? { reason: `nothing can be made up for ${dataTypeName(dtype)}, the type of its input '${alias}'` };
}

/** Each typed field has a one: the dtype says which of them counts. */
function onesProto(dtype: DataType, shape: Shape): TensorProto {
  return {
    ...decodeMessage(TensorProto, new Uint8Array()),
    dtype,
    tensor_shape: { dim: shape.map((size) => ({ size: BigInt(size), name: '' })), unknown_rank: false },
    float_val: [1],
    double_val: [1],
    int_val: [1],
    string_val: [new Uint8Array()],
    scomplex_val: [1, 0],
    int64_val: [1n],
    bool_val: [true],
    dcomplex_val: [1, 0],
    half_val: [dtype === DataType.BFLOAT16 ? BFLOAT16_ONE : HALF_ONE],
    uint32_val: [1],
    uint64_val: [1n],
  };
}
