/** The files of messages that flags name, read and checked before the server starts. Part of the composition root. */
import { createSecureContext } from 'node:tls';
import { checkBatchingParameters } from './batching/batching-parameters.js';
import type { GrpcTls } from './doors/grpc.js';
import { invalidArgument } from './errors.js';
import type { Flags } from './flags/flags.js';
import { readMessageFile } from './formats/message-file.js';
import type { MessageType } from './formats/protobuf.js';
import { readTextProtoFile } from './formats/text-proto.js';
import {
  BatchingParameters,
  ConfigProto,
  MonitoringConfig,
  type SessionBundleConfig,
  SSLConfig,
} from './gen/messages.js';

export interface ConfigFiles {
  /** Paths on the REST port that answer with the metrics. */
  readonly metricsPaths: readonly string[];
  /** What sessions are made with, beside the flags. */
  readonly session: ConfigProto | undefined;
  /** Undefined without --ssl_config_file. */
  readonly tls: GrpcTls | undefined;
  /** Undefined without --batching_parameters_file, or batching_parameters of --platform_config_file. */
  readonly batching: BatchingParameters | undefined;
}

/** TensorFlow Serving's path where MonitoringConfig enables the metrics and names none. */
const DEFAULT_MONITORING_PATH = '/monitoring/prometheus/metrics';

/**
 * Rejects with a ServingError that names the file, if one cannot be read, parsed, or makes no sense. `platform`: what
 * --platform_config_file says, in place of the files for sessions and batching.
 */
export async function readConfigFiles(flags: Flags, platform?: SessionBundleConfig): Promise<ConfigFiles> {
  const monitoring = await read(MonitoringConfig, flags.monitoringConfigFile);
  const session = platform?.session_config ?? (await readSessionConfig(flags.tensorflowSessionConfigFile));
  checkGpuMemory(flags, session);
  const batching = platform?.batching_parameters ?? (await read(BatchingParameters, flags.batchingParametersFile));
  if (batching !== undefined)
    checkBatchingParameters(batching, platform === undefined ? flags.batchingParametersFile : flags.platformConfigFile);
  const ssl = await read(SSLConfig, flags.sslConfigFile);
  const tls = ssl && tlsOf(ssl, flags.sslConfigFile);
  return { metricsPaths: metricsPaths(flags.metricsPath, monitoring), session, tls, batching };
}

/** Throws INVALID_ARGUMENT if key and certificates are none, or do not belong together. */
function tlsOf(config: SSLConfig, path: string): GrpcTls {
  const { server_key: key, server_cert: certificate, custom_ca: ca, client_verify: verifyClients } = config;
  const authorities = ca === '' ? undefined : ca;
  try {
    if (key === '' || certificate === '') throw new Error('server_key and server_cert must both be there');
    createSecureContext({ key, cert: certificate, ca: authorities });
  } catch (error) {
    throw invalidArgument(
      `The SSL config file ${path} is of no use: ${(error as Error).message}. Its server_key, server_cert and custom_ca hold ` +
        'PEM texts themselves, not the paths of files.',
    );
  }
  return { key, certificate, authorities, verifyClients };
}

async function read<T extends object>(type: MessageType<T>, path: string): Promise<T | undefined> {
  return path === '' ? undefined : readTextProtoFile(type, path);
}

async function readSessionConfig(path: string): Promise<ConfigProto | undefined> {
  return path === '' ? undefined : readMessageFile(ConfigProto, path);
}

/** TensorFlow has one or the other, and would refuse both in words of its own. */
function checkGpuMemory({ gpuMemoryLimitMb, perProcessGpuMemoryFraction }: Flags, session?: ConfigProto): void {
  const { per_process_gpu_memory_fraction: fraction = 0, experimental } = session?.gpu_options ?? {};
  const virtual = (experimental?.virtual_devices.length ?? 0) > 0;
  const flag = gpuMemoryLimitMb > 0 ? '--gpu_memory_limit_mb' : '--per_process_gpu_memory_fraction';
  if (gpuMemoryLimitMb > 0 ? fraction === 0 && !virtual : perProcessGpuMemoryFraction === 0 || !virtual) return;
  throw invalidArgument(
    `${flag} and gpu_options of --tensorflow_session_config_file, or of session_config in --platform_config_file, both say ` +
      'how much of each GPU is taken. Give one of them.',
  );
}

function metricsPaths(ours: string, monitoring: MonitoringConfig | undefined): string[] {
  const paths = ours === '' ? [] : [rooted(ours)];
  const { enable = false, path = '' } = monitoring?.prometheus_config ?? {};
  return enable ? [...paths, rooted(path || DEFAULT_MONITORING_PATH)] : paths;
}

/** No request has a path that does not begin with a slash: one that was forgotten must not cost the metrics. */
function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
