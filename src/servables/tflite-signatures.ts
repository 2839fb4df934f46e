/** The signatures of a TensorFlow Lite model, as TensorFlow Serving takes them. */
import { invalidArgument, toServingError } from '../errors.js';
import { decodeMessage, encodeMessage, type Init } from '../formats/protobuf.js';
import { SignatureDef, type TensorInfo } from '../gen/messages.js';
import type { TfliteGraph, TfliteTensor } from '../native/binding.js';
import { readFlexbufferMap } from './flexbuffer-map.js';

const DEFAULT_NAME = 'serving_default';
const PREDICT_METHOD = 'tensorflow/serving/predict';

/**
 * Those of the metadata entry `signature_defs_metadata`: a FlexBuffer, a map of names to serialized SignatureDefs. A model
 * without them gets one, with its tensors' names as aliases. The file's own table of signatures is not looked at. Throws
 * INVALID_ARGUMENT for an entry that is none.
 */
export function tfliteSignatures(graph: TfliteGraph): ReadonlyMap<string, SignatureDef> {
  const declared = graph.signatureDefs.length === 0 ? new Map() : readSignatureDefs(graph.signatureDefs);
  return declared.size > 0 ? declared : new Map([[DEFAULT_NAME, signatureOfAll(graph)]]);
}

function readSignatureDefs(metadata: Uint8Array): Map<string, SignatureDef> {
  try {
    return new Map([...readFlexbufferMap(metadata)].map(([name, def]) => [name, decodeMessage(SignatureDef, def)]));
  } catch (error) {
    throw invalidArgument(
      `The metadata entry signature_defs_metadata of model.tflite cannot be read: ${toServingError(error).message} ` +
        'Write it anew, or remove it.',
    );
  }
}

function signatureOfAll({ inputs, outputs }: TfliteGraph): SignatureDef {
  const def = { inputs: byName(inputs), outputs: byName(outputs), method_name: PREDICT_METHOD };
  return decodeMessage(SignatureDef, encodeMessage(SignatureDef, def));
}

function byName(tensors: readonly TfliteTensor[]): Map<string, Init<TensorInfo>> {
  return new Map(
    tensors.map(({ name, dtype, shape }) => [
      name,
      { name, dtype, tensor_shape: { dim: shape.map((size) => ({ size: BigInt(size) })) } },
    ]),
  );
}
