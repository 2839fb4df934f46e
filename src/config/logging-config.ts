/**
 * LoggingConfig (tensorflow_serving/config/logging_config.proto) as the options of a request log. TensorFlow Serving's stock
 * build refuses them all, having no request logger.
 */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { invalidArgument, type ServingError } from '../errors.js';
import type { LoggingConfig } from '../gen/messages.js';
import type { RequestLogOptions } from '../request-log/request-log.js';
import type { ModelEntry } from './model-entries.js';

/** The one kind of collector there is; an empty type stands for it. */
const COLLECTOR_TYPE = 'tfrecord';

/** Undefined for a configuration that logs nothing. Throws INVALID_ARGUMENT, naming model and field, for one that cannot be. */
export function requestLogOptions(
  model: string,
  config: LoggingConfig,
  savedModelTags: readonly string[],
): RequestLogOptions | undefined {
  const where = `logging_config of model ${model}`;
  if (config.custom_logging_config !== undefined) {
    throw invalidArgument(`The ${where} has a custom_logging_config, which this server knows nothing of. Remove it.`);
  }
  const samplingRate = config.sampling_config?.sampling_rate ?? 0;
  if (!(samplingRate >= 0 && samplingRate <= 1)) {
    throw invalidArgument(
      `sampling_rate in the ${where} is ${samplingRate}. Give the share of requests to log, from 0 to 1.`,
    );
  }
  const { type = '', filename_prefix: filenamePrefix = '' } = config.log_collector_config ?? {};
  if (type !== '' && type !== COLLECTOR_TYPE) {
    throw invalidArgument(
      `type of log_collector_config in the ${where} is "${type}", but there is only "${COLLECTOR_TYPE}". Give that, or none.`,
    );
  }
  if (samplingRate === 0) return undefined;
  if (filenamePrefix === '') {
    throw invalidArgument(`The ${where} has no filename_prefix. Give folder and beginning of the files' names.`);
  }
  return { filenamePrefix, samplingRate, savedModelTags };
}

/**
 * Checks the logging of a configuration before it is put in force. Rejects with INVALID_ARGUMENT, naming model and field, for
 * the first one that is wrong or whose files could not be written.
 */
export async function checkLogging(models: readonly ModelEntry[]): Promise<void> {
  for (const { name, loggingConfig } of models) {
    const options = loggingConfig && requestLogOptions(name, loggingConfig, []);
    if (options !== undefined) await checkFolder(name, options.filenamePrefix);
  }
}

async function checkFolder(model: string, prefix: string): Promise<void> {
  const folder = resolve(dirname(`${prefix}-`));
  try {
    if (!(await stat(folder)).isDirectory()) throw folderRefused(model, prefix, `${folder} is no folder`);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code !== 'string') throw error;
    const problem = code === 'ENOENT' ? 'does not exist' : `cannot be written (${code})`;
    throw folderRefused(model, prefix, `the folder ${folder} ${problem}`);
  }
}

function folderRefused(model: string, prefix: string, problem: string): ServingError {
  return invalidArgument(
    `filename_prefix in the logging_config of model ${model} is ${prefix}, but ${problem}. Make the folder and let the ` +
      'server write there, or choose another filename_prefix.',
  );
}
