/** GetModelMetadata (tensorflow_serving/apis/get_model_metadata.proto). */
import type { Api, SignatureInfo } from '../../api/api.js';
import { invalidArgument } from '../../errors.js';
import { decodeMessage, encodeMessage, type MessageType } from '../../formats/protobuf.js';
import { GetModelMetadataRequest, GetModelMetadataResponse } from '../../gen/messages.js';
import { fromWireModelSpec } from './model-spec.js';

const SIGNATURE_DEF = 'signature_def';
const TYPE_URL = 'type.googleapis.com/tensorflow.serving.SignatureDefMap';

/** SignatureDefMap with its values as bytes: a message field and a bytes field are the same on the wire. */
const SignatureDefBytesMap: MessageType<{ readonly signature_def: ReadonlyMap<string, Uint8Array> }> = {
  name: 'tensorflow.serving.SignatureDefMap',
  fields: [{ name: 'signature_def', number: 1, type: 'bytes', key: 'string' }],
};

/** Throws INVALID_ARGUMENT for malformed bytes and fields other than `signature_def`, and what the Api throws. */
export function getModelMetadata(api: Api, message: Uint8Array): Uint8Array {
  const request = decodeMessage(GetModelMetadataRequest, message);
  const spec = fromWireModelSpec(request.model_spec);
  checkFields(request.metadata_field);
  const { id, signatures } = api.modelMetadata(spec);
  return encodeMessage(GetModelMetadataResponse, {
    model_spec: { name: id.name, version: { value: id.version } },
    metadata: new Map([[SIGNATURE_DEF, { type_url: TYPE_URL, value: signatureDefMap(signatures) }]]),
  });
}

function checkFields(fields: readonly string[]): void {
  if (fields.length === 0)
    throw invalidArgument(
      `GetModelMetadataRequest must specify at least one metadata_field: ask for "${SIGNATURE_DEF}".`,
    );
  for (const field of fields) {
    if (field !== SIGNATURE_DEF)
      throw invalidArgument(`Metadata field ${field} is not supported. Ask for "${SIGNATURE_DEF}".`);
  }
}

function signatureDefMap(signatures: readonly SignatureInfo[]): Uint8Array {
  const map = new Map(signatures.map(({ name, signatureDef }) => [name, signatureDef]));
  return encodeMessage(SignatureDefBytesMap, { signature_def: map });
}
