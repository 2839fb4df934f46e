/** Models loaded and unloaded while the server runs. */

import { decodeMessage, encodeMessage } from '../../src/formats/protobuf.js';
import { ReloadConfigRequest, ReloadConfigResponse } from '../../src/gen/messages.js';
import { type ConfiguredModel, modelServerConfig } from '../../test/support/model-config.js';
import { frame } from '../load/grpc-frame.js';
import type { Connection } from '../trials/connection.js';

const PATH = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';

/** Resolves when all the models are available and others have begun to go. Rejects with the server's sentence. */
export async function reload(grpc: Connection, models: readonly ConfiguredModel[]): Promise<void> {
  const body = frame(encodeMessage(ReloadConfigRequest, { config: modelServerConfig(...models) }));
  const reply = await grpc.send({ path: PATH, contentType: 'application/grpc', body });
  const { status } = decodeMessage(ReloadConfigResponse, reply);
  if (status !== undefined && status.error_code !== 0) throw new Error(`The reload failed: ${status.error_message}`);
}
