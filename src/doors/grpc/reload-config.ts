/** ModelService.HandleReloadConfigRequest (tensorflow_serving/apis/model_management.proto). */
import type { Api } from '../../api/api.js';
import { Code } from '../../errors.js';
import { decodeMessage, encodeMessage } from '../../formats/protobuf.js';
import { ReloadConfigRequest, ReloadConfigResponse } from '../../gen/messages.js';

/** Rejects with INVALID_ARGUMENT for malformed bytes, and with what the Api rejects with. */
export async function handleReloadConfigRequest(api: Api, message: Uint8Array): Promise<Uint8Array> {
  // Copied: the message's memory is lent, and the configuration is kept.
  const request = decodeMessage(ReloadConfigRequest, Uint8Array.from(message));
  const increases = await api.reloadConfig(request.config, request.metric_names);
  return encodeMessage(ReloadConfigResponse, {
    status: { error_code: Code.OK, error_message: '' },
    metric: increases.map(({ name, increase }) => ({ name, int64_value_increase: increase })),
  });
}
