/** GraphPipe's element types beside TensorFlow's (protos/graphpipe/graphpipe.fbs, enum Type). */
import { Type } from '../../gen/graphpipe/type.js';
import { DataType } from '../../tensor/dtype.js';

const PAIRS: readonly (readonly [Type, DataType])[] = [
  [Type.Uint8, DataType.UINT8],
  [Type.Int8, DataType.INT8],
  [Type.Uint16, DataType.UINT16],
  [Type.Int16, DataType.INT16],
  [Type.Uint32, DataType.UINT32],
  [Type.Int32, DataType.INT32],
  [Type.Uint64, DataType.UINT64],
  [Type.Int64, DataType.INT64],
  [Type.Float16, DataType.HALF],
  [Type.Float32, DataType.FLOAT],
  [Type.Float64, DataType.DOUBLE],
  [Type.String, DataType.STRING],
];

const DATA_TYPES = new Map<number, DataType>(PAIRS);
const GRAPHPIPE_TYPES = new Map<number, Type>(PAIRS.map(([type, dtype]) => [dtype, type]));

/** The DataType of a GraphPipe type number; undefined for Null and for numbers that GraphPipe does not define. */
export function toDataType(graphPipeType: number): DataType | undefined {
  return DATA_TYPES.get(graphPipeType);
}

/** The GraphPipe type of a DataType; Null for those that GraphPipe cannot carry (bool, complex, bfloat16, quantized). */
export function toGraphPipeType(dtype: DataType): Type {
  return GRAPHPIPE_TYPES.get(dtype) ?? Type.Null;
}
