/**
 * TensorFlow's element types: one table for the whole of the TypeScript side, tested equal to the addon's.
 * Numbers and names: tensorflow/core/framework/types.proto.
 */

/** DataType numbers of the types that the C API can run. RESOURCE and VARIANT are known so that they can be refused. */
export const DataType = {
  FLOAT: 1,
  DOUBLE: 2,
  INT32: 3,
  UINT8: 4,
  INT16: 5,
  INT8: 6,
  STRING: 7,
  COMPLEX64: 8,
  INT64: 9,
  BOOL: 10,
  QINT8: 11,
  QUINT8: 12,
  QINT32: 13,
  BFLOAT16: 14,
  QINT16: 15,
  QUINT16: 16,
  UINT16: 17,
  COMPLEX128: 18,
  HALF: 19,
  RESOURCE: 20,
  VARIANT: 21,
  UINT32: 22,
  UINT64: 23,
} as const;

export type DataType = (typeof DataType)[keyof typeof DataType];

export interface DataTypeInfo {
  readonly dtype: DataType;
  /** The enum's name in TensorFlow's protos, e.g. `DT_FLOAT`. */
  readonly name: string;
  /** Bytes of one element; 0 for STRING (elements of any length) and for RESOURCE and VARIANT (not serialisable). */
  readonly byteSize: number;
}

const BYTE_SIZES: Record<keyof typeof DataType, number> = {
  FLOAT: 4,
  DOUBLE: 8,
  INT32: 4,
  UINT8: 1,
  INT16: 2,
  INT8: 1,
  STRING: 0,
  COMPLEX64: 8,
  INT64: 8,
  BOOL: 1,
  QINT8: 1,
  QUINT8: 1,
  QINT32: 4,
  BFLOAT16: 2,
  QINT16: 2,
  QUINT16: 2,
  UINT16: 2,
  COMPLEX128: 16,
  HALF: 2,
  RESOURCE: 0,
  VARIANT: 0,
  UINT32: 4,
  UINT64: 8,
};

const TABLE: (DataTypeInfo | undefined)[] = [];
for (const [name, dtype] of Object.entries(DataType)) {
  TABLE[dtype] = { dtype, name: `DT_${name}`, byteSize: BYTE_SIZES[name as keyof typeof DataType] };
}

/** What is known of a DataType number, or undefined for one that this server does not know. */
export function dataTypeInfo(dtype: number): DataTypeInfo | undefined {
  return TABLE[dtype];
}

/** `DT_FLOAT` for 1; `DataType 99` for a number without a name here. 0 stands where a tensor is only a name. */
export function dataTypeName(dtype: number): string {
  if (dtype === 0) return 'DT_INVALID';
  return TABLE[dtype]?.name ?? `DataType ${dtype}`;
}

/** Bytes of one element; 0 where elements have no fixed size or the type is unknown. */
export function byteSizeOf(dtype: number): number {
  return TABLE[dtype]?.byteSize ?? 0;
}
