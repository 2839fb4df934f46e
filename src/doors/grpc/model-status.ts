/** ModelService.GetModelStatus (tensorflow_serving/apis/get_model_status.proto). */
import type { Api } from '../../api/api.js';
import type { ServableState } from '../../core/servable-state.js';
import { Code } from '../../errors.js';
import { decodeMessage, encodeMessage, type Init } from '../../formats/protobuf.js';
import { GetModelStatusRequest, GetModelStatusResponse, type ModelVersionStatus } from '../../gen/messages.js';
import { fromWireModelSpec } from './model-spec.js';

/** Throws INVALID_ARGUMENT for malformed bytes and a missing or nameless model_spec, and what the Api throws. */
export function getModelStatus(api: Api, message: Uint8Array): Uint8Array {
  const request = decodeMessage(GetModelStatusRequest, message);
  const states = api.modelStatus(fromWireModelSpec(request.model_spec));
  return encodeMessage(GetModelStatusResponse, { model_version_status: states.map(versionStatus) });
}

function versionStatus({ id, state, error }: ServableState): Init<ModelVersionStatus> {
  const status = { error_code: error?.code ?? Code.OK, error_message: error?.message ?? '' };
  return { version: id.version, state, status };
}
