/** Replies of the REST API, in the layout that TF Serving prints them in (clients compare texts more often than they should). */
import type { ModelMetadata, ModelStates } from '../../api/api.js';
import { ManagerState, type ServableState } from '../../core/servable-state.js';
import { Code, codeName } from '../../errors.js';
import { protoJson } from '../../formats/proto-json-printer.js';
import { decodeMessage } from '../../formats/protobuf.js';
import { SignatureDef } from '../../gen/messages.js';
import type { Outputs } from '../../tensor/predict-request.js';
import type { ReusedBuffer } from '../http.js';

const STATE_NAMES = new Map<ManagerState, string>(Object.entries(ManagerState).map(([name, state]) => [state, name]));

/** The text of a JSON predict's reply, in memory that the next call overwrites. */
export function encodePredictReply(outputs: Outputs, buffer: ReusedBuffer): Uint8Array {
  const text = buffer.take(outputs.byteLength(0));
  outputs.copyTo(0, text, 0);
  return text;
}

/** `{"error": "<message>"}`, laid out as the answers of :predict are. */
export function encodeError(message: string): string {
  return `{\n    "error": ${JSON.stringify(message)}\n}`;
}

/** GetModelStatusResponse as protobuf's JSON: original field names, defaults printed, int64 as strings, one blank of indent. */
export function encodeModelStatus(states: readonly ServableState[]): string {
  return `${indented({ model_version_status: states.map(versionStatus) })}\n`;
}

/** Ours: `{"models": [{"name", "model_version_status"}]}`, each as its status is printed. */
export function encodeModelList(models: readonly ModelStates[]): string {
  const list = models.map(({ name, states }) => ({ name, model_version_status: states.map(versionStatus) }));
  return `${indented({ models: list })}\n`;
}

function versionStatus({ id, state, error }: ServableState): object {
  return {
    version: String(id.version),
    state: STATE_NAMES.get(state),
    status: { error_code: codeName(error?.code ?? Code.OK), error_message: error?.message ?? '' },
  };
}

/** The configuration in force, laid out as the other answers are. */
export function encodeConfig(config: object): string {
  return `${indented(config)}\n`;
}

/** GetModelMetadataResponse: two pieces of protobuf JSON in a frame without indent, which is how TF Serving prints it. */
export function encodeModelMetadata({ id, signatures }: ModelMetadata): string {
  const modelSpec = indented({ name: id.name, signature_name: '', version: String(id.version) });
  const signatureDefs = Object.fromEntries(
    signatures.map(({ name, signatureDef }) => [
      name,
      protoJson(SignatureDef, decodeMessage(SignatureDef, signatureDef)),
    ]),
  );
  const signatureDefMap = indented({ signature_def: signatureDefs });
  return `{\n"model_spec":${modelSpec}\n,\n"metadata": {"signature_def": ${signatureDefMap}\n}\n}\n`;
}

function indented(message: object): string {
  return JSON.stringify(message, null, 1);
}

/** What stands in the way of requests. */
export function encodeReadiness(obstacles: readonly string[]): string {
  return `${JSON.stringify({ status: obstacles.length === 0 ? 'ok' : 'not ready', reasons: obstacles }, null, 1)}\n`;
}
