import type { ModelMetadata, SignatureInfo, TensorInfo } from '../../src/api/api.js';
import { DataType } from '../../src/tensor/dtype.js';

function signature(name: string, inputs: TensorInfo[], outputs: TensorInfo[]): SignatureInfo {
  return {
    name,
    isInternal: false,
    methodName: 'tensorflow/serving/predict',
    inputs,
    outputs,
    signatureDef: new Uint8Array(),
  };
}

/** A model with two signatures, and with shapes and types of each kind that metadata tells apart. */
export const EXAMPLE_MODEL: ModelMetadata = {
  id: { name: 'example', version: 7n },
  signatures: [
    signature('other', [{ alias: 'z', tensorName: 'z:0', dtype: DataType.INT64, shape: [] }], []),
    signature(
      'serving_default',
      [
        { alias: 'ids', tensorName: 'ids_feed:0', dtype: DataType.INT64, shape: [-1, 3] },
        { alias: 'text', tensorName: 'text_feed:0', dtype: DataType.STRING, shape: undefined },
      ],
      [
        { alias: 'flag', tensorName: 'PartitionedCall:0', dtype: DataType.BOOL, shape: [] },
        { alias: 'scores', tensorName: 'PartitionedCall:1', dtype: DataType.FLOAT, shape: [-1] },
      ],
    ),
  ],
};
