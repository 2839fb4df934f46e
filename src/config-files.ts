/** The text-proto files that flags name, read and checked before the server starts. Part of the composition root. */
import { createSecureContext } from 'node:tls';
import { checkBatchingParameters } from './batching/batching-parameters.js';
import type { GrpcTls } from './doors/grpc.js';
import { invalidArgument } from './errors.js';
import type { Flags } from './flags/flags.js';
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
  const session = platform?.session_config ?? (await read(ConfigProto, flags.tensorflowSessionConfigFile));
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

function metricsPaths(ours: string, monitoring: MonitoringConfig | undefined): string[] {
  const paths = ours === '' ? [] : [rooted(ours)];
  const { enable = false, path = '' } = monitoring?.prometheus_config ?? {};
  return enable ? [...paths, rooted(path || DEFAULT_MONITORING_PATH)] : paths;
}

/** No request has a path that does not begin with a slash: one that was forgotten must not cost the metrics. */
function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
