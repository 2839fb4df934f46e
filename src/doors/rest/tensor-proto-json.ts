/** A TensorProto as protobuf's JSON prints it: all fields, int64 as strings, bytes in base64, enums by name. */
import type { TensorProto } from '../../gen/messages.js';
import { dataTypeName } from '../../tensor/dtype.js';

/** The fields in the order in which tensorflow/core/framework/tensor.proto declares them. */
export function tensorProtoJson(tensor: TensorProto): object {
  const { tensor_shape: shape } = tensor;
  return {
    dtype: dataTypeName(tensor.dtype),
    tensor_shape: {
      dim: (shape?.dim ?? []).map(({ size, name }) => ({ size: String(size), name: name ?? '' })),
      unknown_rank: shape?.unknown_rank ?? false,
    },
    version_number: tensor.version_number,
    tensor_content: base64(tensor.tensor_content),
    half_val: tensor.half_val,
    float_val: tensor.float_val.map(floatJson),
    double_val: tensor.double_val.map(numberJson),
    int_val: tensor.int_val,
    string_val: tensor.string_val.map(base64),
    scomplex_val: tensor.scomplex_val.map(floatJson),
    int64_val: tensor.int64_val.map(String),
    bool_val: tensor.bool_val,
    dcomplex_val: tensor.dcomplex_val.map(numberJson),
    resource_handle_val: [],
    variant_val: [],
    uint32_val: tensor.uint32_val,
    uint64_val: tensor.uint64_val.map(String),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function numberJson(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** The shortest text that is the same float. */
function floatJson(value: number): number | string {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return numberJson(Number.isFinite(value) ? Number(value.toPrecision(9)) : value);
}
