/** The text-proto files that flags name, read and checked before the server starts. Part of the composition root. */
import { checkBatchingParameters } from './batching/batching-parameters.js';
import type { Flags } from './flags.js';
import { BatchingParameters, ConfigProto, MonitoringConfig } from './gen/messages.js';
import type { MessageType } from './protobuf.js';
import { readTextProtoFile } from './text-proto.js';

export interface ConfigFiles {
  /** Paths on the REST port that answer with the metrics. */
  readonly metricsPaths: readonly string[];
  /** What sessions are made with, beside the flags. */
  readonly session: ConfigProto | undefined;
  /** Undefined without --batching_parameters_file. */
  readonly batching: BatchingParameters | undefined;
}

/** TensorFlow Serving's path where MonitoringConfig enables the metrics and names none. */
const DEFAULT_MONITORING_PATH = '/monitoring/prometheus/metrics';

/** Rejects with a ServingError that names the file, if one cannot be read, parsed, or makes no sense. */
export async function readConfigFiles(flags: Flags): Promise<ConfigFiles> {
  const monitoring = await read(MonitoringConfig, flags.monitoringConfigFile);
  const session = await read(ConfigProto, flags.tensorflowSessionConfigFile);
  const batching = await read(BatchingParameters, flags.batchingParametersFile);
  if (batching !== undefined) checkBatchingParameters(batching, flags.batchingParametersFile);
  return { metricsPaths: metricsPaths(flags.metricsPath, monitoring), session, batching };
}

async function read<T extends object>(type: MessageType<T>, path: string): Promise<T | undefined> {
  return path === '' ? undefined : readTextProtoFile(type, path);
}

function metricsPaths(ours: string, monitoring: MonitoringConfig | undefined): string[] {
  const paths = ours === '' ? [] : [ours];
  const { enable = false, path = '' } = monitoring?.prometheus_config ?? {};
  return enable ? [...paths, path || DEFAULT_MONITORING_PATH] : paths;
}
