/** The signatures of a TensorFlow Lite model: what TensorFlow Serving takes, and the file's own table, which it does not read. */
import { invalidArgument, toServingError } from '../errors.js';
import { decodeMessage, encodeMessage, type Init } from '../formats/protobuf.js';
import { SignatureDef, type TensorInfo as TensorInfoMessage } from '../gen/messages.js';
import type { TfliteGraph, TfliteSignature, TfliteSignatureTensor, TfliteTensor } from '../native/binding.js';
import { readFlexbufferMap } from './flexbuffer-map.js';
import type { SignatureInfo, TensorInfo } from './signature-info.js';

const DEFAULT_NAME = 'serving_default';
const PREDICT_METHOD = 'tensorflow/serving/predict';

/**
 * Those of the metadata entry `signature_defs_metadata`: a FlexBuffer, a map of names to serialized SignatureDefs. A model
 * without them has those of the file's own table that can be run, and serving_default where that has none, with its tensors'
 * names as aliases. Throws INVALID_ARGUMENT for an entry that is none.
 */
export function tfliteSignatures(graph: TfliteGraph): ReadonlyMap<string, SignatureDef> {
  const declared = graph.signatureDefs.length === 0 ? new Map() : readSignatureDefs(graph.signatureDefs);
  if (declared.size > 0) return declared;
  const served = graph.signatures.filter((signature) => whyUnserved(signature) === undefined);
  const own = new Map(served.map((signature) => [nameOf(signature), signatureOf(signature, graph)]));
  return graph.signatures.some((signature) => nameOf(signature) === DEFAULT_NAME)
    ? own
    : own.set(DEFAULT_NAME, signatureOfAll(graph));
}

/** Why signatures of the file's own table are left out: a sentence for each. */
export function unservedSignatures(graph: TfliteGraph): string[] {
  return graph.signatures.flatMap((signature) => {
    const reason = whyUnserved(signature);
    return reason === undefined ? [] : [`Signature '${nameOf(signature)}' of model.tflite is not served: ${reason}.`];
  });
}

function whyUnserved({ subgraph, inputs, outputs }: TfliteSignature): string | undefined {
  if (subgraph !== 0) return `it is subgraph ${subgraph}, and TensorFlow Lite 2.9.0 runs the first one alone`;
  const stranger = [...inputs, ...outputs].find(({ place }) => place < 0);
  return stranger && `its '${stranger.alias}' is neither an input nor an output of the model`;
}

function nameOf({ name }: TfliteSignature): string {
  return name || DEFAULT_NAME;
}

/**
 * The signature, with the names of its tensors as further names that requests may use, with `:0` and without: TensorFlow
 * Serving, which does not read the file's table, has clients use those.
 */
export function withTensorNames(signature: SignatureInfo): SignatureInfo {
  const { inputs, outputs } = signature;
  return { ...signature, inputs: inputs.map(namedIn(inputs)), outputs: outputs.map(namedIn(outputs)) };
}

function namedIn(tensors: readonly TensorInfo[]): (tensor: TensorInfo) => TensorInfo {
  return (tensor) => {
    const bare = withoutIndex(tensor.tensorName);
    const isTaken = (name: string) =>
      tensors.some((other) => other.alias === name || (other !== tensor && withoutIndex(other.tensorName) === bare));
    const otherNames = [bare, `${bare}:0`].filter((name) => !isTaken(name));
    return otherNames.length === 0 ? tensor : { ...tensor, otherNames };
  };
}

function withoutIndex(name: string): string {
  return name.replace(/:0$/, '');
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
  return signatureDef(byName(inputs), byName(outputs));
}

function signatureOf({ inputs, outputs }: TfliteSignature, graph: TfliteGraph): SignatureDef {
  const tensorsOf = (named: readonly TfliteSignatureTensor[], tensors: readonly TfliteTensor[]) =>
    new Map(named.map(({ alias, place }) => [alias, tensorInfo(tensors[place] as TfliteTensor)]));
  return signatureDef(tensorsOf(inputs, graph.inputs), tensorsOf(outputs, graph.outputs));
}

type TensorInfos = ReadonlyMap<string, Init<TensorInfoMessage>>;

function signatureDef(inputs: TensorInfos, outputs: TensorInfos): SignatureDef {
  return decodeMessage(SignatureDef, encodeMessage(SignatureDef, { inputs, outputs, method_name: PREDICT_METHOD }));
}

/** Without `:0`, as TensorFlow Serving names them, unless two tensors would have one name then. */
function byName(tensors: readonly TfliteTensor[]): TensorInfos {
  const isAlone = (name: string) => tensors.filter((tensor) => withoutIndex(tensor.name) === name).length === 1;
  return new Map(
    tensors.map((tensor) => {
      const bare = withoutIndex(tensor.name);
      return [isAlone(bare) ? bare : tensor.name, tensorInfo(tensor)];
    }),
  );
}

function tensorInfo({ name, dtype, shape }: TfliteTensor): Init<TensorInfoMessage> {
  return { name, dtype, tensor_shape: { dim: shape.map((size) => ({ size: BigInt(size) })) } };
}
