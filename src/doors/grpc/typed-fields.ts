/** Which field of a TensorProto holds the values of a dtype (tensorflow/core/framework/tensor.proto). */

import { WireType } from '../../formats/wire-reader.js';
import { DataType } from '../../tensor/dtype.js';

export interface TypedField {
  readonly name: string;
  readonly number: number;
  /** Wire type of one value where the list is not packed. */
  readonly wireType: number;
}

export const TENSOR_CONTENT = 4;

const FLOAT_VAL: TypedField = { name: 'float_val', number: 5, wireType: WireType.FIXED32 };
const DOUBLE_VAL: TypedField = { name: 'double_val', number: 6, wireType: WireType.FIXED64 };
const INT_VAL: TypedField = { name: 'int_val', number: 7, wireType: WireType.VARINT };
const STRING_VAL: TypedField = { name: 'string_val', number: 8, wireType: WireType.LENGTH_DELIMITED };
const SCOMPLEX_VAL: TypedField = { name: 'scomplex_val', number: 9, wireType: WireType.FIXED32 };
const INT64_VAL: TypedField = { name: 'int64_val', number: 10, wireType: WireType.VARINT };
const BOOL_VAL: TypedField = { name: 'bool_val', number: 11, wireType: WireType.VARINT };
const DCOMPLEX_VAL: TypedField = { name: 'dcomplex_val', number: 12, wireType: WireType.FIXED64 };
const HALF_VAL: TypedField = { name: 'half_val', number: 13, wireType: WireType.VARINT };
const UINT32_VAL: TypedField = { name: 'uint32_val', number: 16, wireType: WireType.VARINT };
const UINT64_VAL: TypedField = { name: 'uint64_val', number: 17, wireType: WireType.VARINT };

const BY_DTYPE: readonly [DataType, TypedField][] = [
  [DataType.FLOAT, FLOAT_VAL],
  [DataType.DOUBLE, DOUBLE_VAL],
  [DataType.INT32, INT_VAL],
  [DataType.INT16, INT_VAL],
  [DataType.INT8, INT_VAL],
  [DataType.UINT16, INT_VAL],
  [DataType.UINT8, INT_VAL],
  [DataType.QINT8, INT_VAL],
  [DataType.QUINT8, INT_VAL],
  [DataType.QINT16, INT_VAL],
  [DataType.QUINT16, INT_VAL],
  [DataType.QINT32, INT_VAL],
  [DataType.STRING, STRING_VAL],
  [DataType.COMPLEX64, SCOMPLEX_VAL],
  [DataType.INT64, INT64_VAL],
  [DataType.BOOL, BOOL_VAL],
  [DataType.COMPLEX128, DCOMPLEX_VAL],
  [DataType.HALF, HALF_VAL],
  [DataType.BFLOAT16, HALF_VAL],
  [DataType.UINT32, UINT32_VAL],
  [DataType.UINT64, UINT64_VAL],
];

const TABLE: (TypedField | undefined)[] = [];
for (const [dtype, field] of BY_DTYPE) TABLE[dtype] = field;

/** The typed field of a dtype; undefined for types that cannot be served (and for numbers that are no dtype). */
export function typedFieldOf(dtype: number): TypedField | undefined {
  return TABLE[dtype];
}
