/** Defaults of a signature's inputs (SignatureDef.defaults, tensorflow/core/protobuf/meta_graph.proto). */
import type { TensorProto } from '../gen/messages.js';
import { DataType } from '../tensor/dtype.js';
import { Encoding, type InputTensor } from '../tensor/predict-request.js';

/** The value of an input that a request leaves out, ready to be put behind the request's body. */
export interface DefaultInput {
  readonly bytes: Uint8Array;
  /** The input as it is fed if `bytes` begin at `offset` of the body. */
  at(offset: number): InputTensor;
}

type Values = { readonly buffer: ArrayBufferLike };

/** The typed field of each dtype, as the bytes of its values in a tensor. */
const VALUES: Partial<Record<DataType, (tensor: TensorProto) => Values>> = {
  [DataType.FLOAT]: ({ float_val }) => Float32Array.from(float_val),
  [DataType.DOUBLE]: ({ double_val }) => Float64Array.from(double_val),
  [DataType.INT32]: ({ int_val }) => Int32Array.from(int_val),
  [DataType.INT16]: ({ int_val }) => Int16Array.from(int_val),
  [DataType.INT8]: ({ int_val }) => Int8Array.from(int_val),
  [DataType.UINT16]: ({ int_val }) => Uint16Array.from(int_val),
  [DataType.UINT8]: ({ int_val }) => Uint8Array.from(int_val),
  [DataType.INT64]: ({ int64_val }) => BigInt64Array.from(int64_val),
  [DataType.BOOL]: ({ bool_val }) => Uint8Array.from(bool_val, Number),
  [DataType.HALF]: ({ half_val }) => Uint16Array.from(half_val),
  [DataType.BFLOAT16]: ({ half_val }) => Uint16Array.from(half_val),
  [DataType.UINT32]: ({ uint32_val }) => Uint32Array.from(uint32_val),
  [DataType.UINT64]: ({ uint64_val }) => BigUint64Array.from(uint64_val),
  [DataType.COMPLEX64]: ({ scomplex_val }) => Float32Array.from(scomplex_val),
  [DataType.COMPLEX128]: ({ dcomplex_val }) => Float64Array.from(dcomplex_val),
};

/** Undefined for a dtype that has no values here, and for strings in tensor_content, which TensorFlow does not write. */
export function defaultInput(name: string, tensor: TensorProto): DefaultInput | undefined {
  const dtype = tensor.dtype as DataType;
  const base = { name, dtype, shape: tensor.tensor_shape?.dim.map(({ size }) => Number(size)) ?? [] };
  const content = tensor.tensor_content;
  if (dtype === DataType.STRING) return content.length > 0 ? undefined : stringDefault(base, tensor.string_val);
  const values = content.length > 0 ? content : bytesOf(VALUES[dtype]?.(tensor));
  if (values === undefined) return undefined;
  const raw = { ...base, encoding: Encoding.RAW, fill: content.length === 0 };
  return { bytes: values, at: (offset) => ({ ...raw, start: offset, end: offset + values.length }) };
}

type Base = Pick<InputTensor, 'name' | 'dtype' | 'shape'>;

function stringDefault(base: Base, strings: readonly Uint8Array[]): DefaultInput {
  const ends: number[] = [];
  for (const { length } of strings) ends.push((ends.at(-1) ?? 0) + length);
  const strung = { ...base, encoding: Encoding.STRINGS, start: 0, end: 0, fill: true };
  return {
    bytes: Buffer.concat(strings),
    at: (offset) => ({
      ...strung,
      stringRanges: ends.flatMap((end, i) => [offset + (ends[i - 1] ?? 0), offset + end]),
    }),
  };
}

function bytesOf(values: Values | undefined): Uint8Array | undefined {
  return values && new Uint8Array(values.buffer);
}
