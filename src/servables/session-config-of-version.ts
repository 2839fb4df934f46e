/** The ConfigProto that a version brings along: for one model what --tensorflow_session_config_file is for all. */
import { join } from 'node:path';
import { readTextProtoFileIfAny } from '../formats/text-proto.js';
import { ConfigProto } from '../gen/messages.js';

const FILE_NAME = 'session_config.pbtxt';

/**
 * What session_config.pbtxt in the version's folder says; `otherwise` if there is none. Rejects with a ServingError that names
 * the file, if it cannot be read or parsed.
 */
export async function sessionConfigOfVersion(
  versionPath: string,
  otherwise: ConfigProto | undefined,
): Promise<ConfigProto | undefined> {
  return (await readTextProtoFileIfAny(ConfigProto, join(versionPath, FILE_NAME))) ?? otherwise;
}
