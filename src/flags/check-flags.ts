/** Combinations of flags that tensorflow_model_server refuses at start, and the one that it puts right by itself. */
import { Code, invalidArgument, ServingError } from '../errors.js';
import { type CommandLine, describeUnknown, type FlagName, type Flags, nearestFlag } from './flags.js';

interface Refusal {
  readonly applies: (flags: Flags, given: ReadonlySet<FlagName>) => boolean;
  readonly error: () => ServingError;
}

const REFUSALS: readonly Refusal[] = [
  {
    // A REST or GraphPipe port that was asked for is a server, too: TensorFlow Serving insists on gRPC.
    applies: ({ port, grpcSocketPath, restApiPort, graphpipePort }, given) =>
      port === 0 &&
      grpcSocketPath === '' &&
      !(given.has('rest_api_port') && restApiPort !== 0) &&
      !(given.has('graphpipe_port') && graphpipePort !== 0),
    error: () =>
      invalidArgument(
        'At least one of --port and --grpc_socket_path must be set. For a server without gRPC, give --rest_api_port or ' +
          '--graphpipe_port.',
      ),
  },
  {
    // With no model named at all the bundled ones are served.
    applies: ({ modelBasePath, modelConfigFile }, given) =>
      modelBasePath === '' && modelConfigFile === '' && given.has('model_name'),
    error: () =>
      invalidArgument(
        'Both --model_base_path and --model_config_file are empty, so it is not known where the model of --model_name ' +
          'lies. Give one of them.',
      ),
  },
  {
    applies: ({ batchingParametersFile, enableBatching }, given) =>
      batchingParametersFile !== '' && (enableBatching === 'false' || !given.has('enable_batching')),
    error: () =>
      invalidArgument('--batching_parameters_file is set without --enable_batching. Add --enable_batching=true.'),
  },
  {
    applies: ({ tensorflowSessionParallelism, tensorflowIntraOpParallelism, tensorflowInterOpParallelism }) =>
      tensorflowSessionParallelism > 0 && tensorflowIntraOpParallelism > 0 && tensorflowInterOpParallelism > 0,
    error: () =>
      invalidArgument(
        '--tensorflow_session_parallelism is set together with --tensorflow_intra_op_parallelism and ' +
          '--tensorflow_inter_op_parallelism, which leave nothing for it to say. Remove it, or both of them.',
      ),
  },
  {
    applies: ({ sessionTarget }) => sessionTarget !== '' && !/^grpc:\/\/[^/]+:\d+$/.test(sessionTarget),
    error: () =>
      invalidArgument('The session_target is not an address of a TensorFlow server. Write it as grpc://HOST:PORT.'),
  },
  {
    applies: ({ sessionTarget }, given) =>
      sessionTarget !== '' && (given.has('devices') || given.has('model_devices') || given.has('gpu_memory_limit_mb')),
    error: () =>
      invalidArgument(
        'With a session_target the graphs run on that server, which has devices of its own. Remove --devices, ' +
          '--model_devices and --gpu_memory_limit_mb, or the session_target.',
      ),
  },
  {
    applies: ({ gpuMemoryLimitMb, perProcessGpuMemoryFraction }) =>
      gpuMemoryLimitMb > 0 && perProcessGpuMemoryFraction > 0,
    error: () =>
      invalidArgument(
        '--gpu_memory_limit_mb and --per_process_gpu_memory_fraction both say how much of each GPU is taken. Give one of ' +
          'them.',
      ),
  },
  {
    applies: ({ useAltsCredentials, sslConfigFile }) => useAltsCredentials && sslConfigFile !== '',
    error: () =>
      invalidArgument('--use_alts_credentials and --ssl_config_file cannot both be set. Remove one of them.'),
  },
  {
    // Accepting it would serve in plain text what was to be encrypted.
    applies: ({ useAltsCredentials }) => useAltsCredentials,
    error: () =>
      new ServingError(
        Code.UNIMPLEMENTED,
        '--use_alts_credentials asks for ALTS, which exists only within Google Cloud and which this server does not ' +
          'speak. Remove the flag, or use TLS with --ssl_config_file.',
      ),
  },
];

const MODEL_FLAGS: ReadonlySet<FlagName | undefined> = new Set(['model_base_path', 'model_config_file']);

/** Throws a ServingError for flags that contradict each other: flags.md's start errors that need no look at a file. */
export function checkFlags({ flags, given, unknown }: CommandLine): void {
  checkModelFlags(flags, unknown);
  for (const { applies, error } of REFUSALS) {
    if (applies(flags, given)) throw error();
  }
}

/** A misspelt --model_base_path must not bring up the bundled models in the place of one's own. */
function checkModelFlags({ modelBasePath, modelConfigFile }: Flags, unknown: readonly string[]): void {
  if (modelBasePath !== '' || modelConfigFile !== '') return;
  const misspelt = unknown.find((argument) => MODEL_FLAGS.has(nearestFlag(argument)));
  if (misspelt === undefined) return;
  throw invalidArgument(`Both --model_base_path and --model_config_file are empty; ${describeUnknown(misspelt)}`);
}

/** Whether REST stays off because gRPC has its port: TensorFlow Serving logs an error and runs without REST. */
export function isRestPortTaken({ port, restApiPort }: Flags): boolean {
  return port !== 0 && port === restApiPort;
}
