/** The ConfigProto that a version brings along: for one model what --tensorflow_session_config_file is for all. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidArgument } from '../errors.js';
import { readMessageFile } from '../formats/message-file.js';
import { ConfigProto } from '../gen/messages.js';
import { log } from '../log.js';

/** The same message, as a text proto or in JSON. */
const FILE_NAMES = ['session_config.pbtxt', 'session_config.json'];

/** TensorFlow makes its devices once, for all sessions of the process: of these, what the process has counts. */
const OF_THE_PROCESS = ['device_count', 'gpu_options', 'pluggable_device_options'] as const;

/**
 * What session_config.pbtxt or session_config.json in the version's folder says, but of devices what `ofProcess` does, with a
 * warning; `ofProcess` if there is none. Rejects with INVALID_ARGUMENT if there are both, and with a ServingError that names
 * the file, if it cannot be read or parsed.
 */
export async function sessionConfigOfVersion(
  versionPath: string,
  ofProcess: ConfigProto | undefined,
): Promise<ConfigProto | undefined> {
  const path = await findFile(versionPath);
  return path === undefined ? ofProcess : withDevicesOf(ofProcess, await readMessageFile(ConfigProto, path), path);
}

/** Undefined also where the folder cannot be read: what is wrong with it is for the load to say. */
async function findFile(versionPath: string): Promise<string | undefined> {
  const files = await readdir(versionPath).catch((): string[] => []);
  const [name, other] = FILE_NAMES.filter((each) => files.includes(each));
  if (other !== undefined)
    throw invalidArgument(
      `${versionPath} has both ${name} and ${other}, which say the same thing. Remove one of them.`,
    );
  return name && join(versionPath, name);
}

function withDevicesOf(ofProcess: ConfigProto | undefined, own: ConfigProto, path: string): ConfigProto {
  const ignored = OF_THE_PROCESS.filter((name) => saysSomething(own[name]));
  if (ignored.length > 0) {
    log.warn(
      `${ignored.join(', ')} of ${path} have no effect: devices are the same for all models. Say it in the file of ` +
        '--tensorflow_session_config_file.',
    );
  }
  const { device_count = new Map(), gpu_options, pluggable_device_options } = ofProcess ?? {};
  return { ...own, device_count, gpu_options, pluggable_device_options };
}

function saysSomething(value: ConfigProto[(typeof OF_THE_PROCESS)[number]]): boolean {
  return value instanceof Map ? value.size > 0 : value !== undefined;
}
