/** LoggingConfig (tensorflow_serving/config/logging_config.proto) as the options of a request log. */
import { invalidArgument } from '../errors.js';
import type { LoggingConfig } from '../gen/messages.js';
import type { RequestLogOptions } from '../request-log.js';

/** The one kind of collector there is; an empty type stands for it. */
const COLLECTOR_TYPE = 'tfrecord';

/**
 * Undefined for a configuration that logs nothing. Throws INVALID_ARGUMENT, naming the model, for one that cannot be:
 * TensorFlow Serving's stock build refuses them all, having no request logger.
 */
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
    throw invalidArgument(`sampling_rate in the ${where} is ${samplingRate}, but it must be from 0 to 1.`);
  }
  const { type = '', filename_prefix: filenamePrefix = '' } = config.log_collector_config ?? {};
  if (type !== '' && type !== COLLECTOR_TYPE) {
    throw invalidArgument(`The ${where} asks for the log collector "${type}". There is only "${COLLECTOR_TYPE}".`);
  }
  if (samplingRate === 0) return undefined;
  if (filenamePrefix === '') {
    throw invalidArgument(`The ${where} has no filename_prefix. Give folder and beginning of the files' names.`);
  }
  return { filenamePrefix, samplingRate, savedModelTags };
}
