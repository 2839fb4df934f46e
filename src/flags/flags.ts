/**
 * The command line: one table of all flags, and its parser. Names and grammar are tensorflow_model_server's, so that its
 * start scripts carry over: `--name=value` or `-name=value`; a boolean may stand bare. Ours besides: `--name value`.
 */
import { availableParallelism } from 'node:os';
import { invalidArgument, type ServingError } from '../errors.js';
import { LOG_LEVELS } from '../log.js';
import { nearest } from './nearest.js';

interface FlagBase {
  /** As on the command line, without dashes. */
  readonly name: string;
  readonly group: 'Model' | 'Doors' | 'Execution' | 'Operation';
  /** One line. Says the meaning of values that do not speak for themselves; the default is printed behind it. */
  readonly help: string;
  /** For a flag of tensorflow_model_server that changes nothing here: why, as a sentence for the log. */
  readonly noEffect?: string;
}

interface IntFlag extends FlagBase {
  readonly type: 'int';
  readonly default: number;
  /** In the plural, e.g. `seconds`. */
  readonly unit: string;
  readonly min: number;
  readonly max: number;
}

interface FloatFlag extends FlagBase {
  readonly type: 'float';
  readonly default: number;
  readonly unit: string;
  readonly min: number;
  readonly max: number;
}

interface BoolFlag extends FlagBase {
  readonly type: 'bool';
  readonly default: boolean;
}

interface StringFlag extends FlagBase {
  readonly type: 'string';
  readonly default: string;
  /** What the value is, e.g. `DIR`. */
  readonly unit: string;
}

interface ChoiceFlag extends FlagBase {
  readonly type: 'choice';
  readonly default: string;
  readonly choices: readonly string[];
  /** What the flag means where it stands without a value; undefined: it must have one. */
  readonly bare?: string;
  /** Other ways to write the choices. */
  readonly aliases?: Readonly<Record<string, string>>;
}

export type Flag = IntFlag | FloatFlag | BoolFlag | StringFlag | ChoiceFlag;

const MAX_INT32 = 2 ** 31 - 1;
/** The longest whole number that is exact here; int64 flags take no more. */
const MAX_INT = Number.MAX_SAFE_INTEGER;
const PORT = { type: 'int', unit: 'port', min: 0, max: 65535 } as const;
const INT32 = { type: 'int', min: -MAX_INT32 - 1, max: MAX_INT32 } as const;
const THREADS = { ...INT32, unit: 'threads' } as const;
const THREADS64 = { type: 'int', unit: 'threads', min: -MAX_INT, max: MAX_INT } as const;
const MILLIS = { ...INT32, unit: 'milliseconds' } as const;
const SECONDS = { ...INT32, unit: 'seconds' } as const;
const FILE = { type: 'string', unit: 'FILE', default: '' } as const;

const CPUS = availableParallelism();

// biome-ignore format: a table, one flag a paragraph
export const FLAGS = [
  { name: 'model_base_path', group: 'Model', type: 'string', unit: 'DIR', default: '',
    help: 'Base folder of the model: one sub-folder per version, named by its number. Empty: the bundled example models.' },
  { name: 'model_name', group: 'Model', type: 'string', unit: 'NAME', default: 'default',
    help: 'Name under which clients ask for the model.' },
  { name: 'model_config_file', group: 'Model', ...FILE,
    help: 'ModelServerConfig (text proto): several models, their versions and labels, in place of --model_name and --model_base_path.' },
  { name: 'model_config_file_poll_wait_seconds', group: 'Model', ...SECONDS, default: 0,
    help: 'Wait between two looks at --model_config_file for changes; 0 or less reads it once.' },
  { name: 'graphpipe_model', group: 'Model', type: 'string', unit: 'NAME', default: '',
    help: 'Model served to GraphPipe clients, who cannot name one. Empty: the one of --model_name.' },
  { name: 'saved_model_tags', group: 'Model', type: 'string', unit: 'TAG,...', default: 'serve',
    help: 'Tags of the meta graph to load from the SavedModel, all of them and no others.' },
  { name: 'file_system_poll_wait_seconds', group: 'Model', ...SECONDS, default: 1,
    help: 'Wait between two looks into the base folder for new versions; 0 looks once, at start; less than 0 never.' },
  { name: 'allow_version_labels_for_unavailable_models', group: 'Model', type: 'bool', default: false,
    help: 'A label may name a version that is not loaded yet, as long as it does not point elsewhere already.' },
  { name: 'max_num_load_retries', group: 'Model', ...INT32, unit: 'tries', default: 5,
    help: 'Further tries after the first failed load of a version.' },
  { name: 'load_retry_interval_micros', group: 'Model', type: 'int', unit: 'microseconds', min: -MAX_INT, max: MAX_INT,
    default: 60_000_000, help: 'Wait between those tries; less than 0 is none.' },
  { name: 'aspired_version_policy', group: 'Model', type: 'choice',
    choices: ['availability_preserving', 'resource_preserving'], default: 'availability_preserving',
    help: 'Whether a new version is loaded before the old one is dropped, or after, which saves memory.' },
  { name: 'strict', group: 'Model', type: 'bool', default: false,
    help: 'Do not start unless every model is available, as tensorflow_model_server does.' },
  { name: 'num_load_threads', group: 'Model', ...THREADS, default: 0,
    help: 'Versions that may load at the same time, of all models together, after the first loads; 0: no limit.' },
  { name: 'num_unload_threads', group: 'Model', ...THREADS, default: 0,
    help: 'Versions that may be unloaded at the same time, of all models together; 0: no limit.' },
  { name: 'enable_model_warmup', group: 'Model', type: 'bool', default: true,
    help: 'Run requests before a version becomes available: those of its assets.extra/tf_serving_warmup_requests, if there are any.' },
  { name: 'num_request_iterations_for_warmup', group: 'Model', ...INT32, unit: 'times', default: 0,
    help: 'How often each warm-up record is replayed; 0 or less is once.' },
  { name: 'synthetic_warmup', group: 'Model', type: 'bool', default: true,
    help: 'Where a version has no such file, run each of its signatures that keeps no state with ones, for ten seconds at the most.' },
  { name: 'enable_signature_method_name_check', group: 'Model', type: 'bool', default: false,
    help: "Predict, Classify, Regress and MultiInference insist on the signature's method name." },
  { name: 'remove_unused_fields_from_bundle_metagraph', group: 'Model', type: 'bool', default: true,
    help: 'Keep only the signatures of a loaded meta graph, to save memory.',
    noEffect: 'Nothing but the signatures of a loaded meta graph is ever kept.' },
  { name: 'prefer_tflite_model', group: 'Model', type: 'bool', default: false,
    help: 'Run model.tflite in place of saved_model.pb where a version folder has one.' },
  { name: 'num_tflite_pools', group: 'Model', ...INT32, unit: 'interpreters', default: CPUS,
    help: 'Interpreters per TensorFlow Lite model; 0 or less is one per CPU.' },
  { name: 'num_tflite_interpreters_per_pool', group: 'Model', ...INT32, unit: 'interpreters', default: 1,
    help: 'More than 1 splits and batches inside a TensorFlow Lite session.',
    noEffect: 'Requests to a TensorFlow Lite model share runs as those to others do (--enable_batching), and none is split.' },
  { name: 'platform_config_file', group: 'Model', ...FILE,
    help: 'PlatformConfigMap (text proto) for the platform "tensorflow", in place of the flags for batching, sessions, tags, warm-up and TFLite.' },
  { name: 'flush_filesystem_caches', group: 'Model', type: 'bool', default: true,
    help: 'Drop file caches after loads.',
    noEffect: 'File caches are left to the operating system, which drops them when memory is wanted.' },
  { name: 'custom_op_paths', group: 'Model', type: 'string', unit: 'FILE,...', default: '',
    help: 'Libraries with custom operations, loaded before any model.' },

  { name: 'host', group: 'Doors', type: 'string', unit: 'ADDRESS', default: '0.0.0.0',
    help: 'Address that all doors listen on; 127.0.0.1 lets in nobody from outside.' },
  { name: 'port', group: 'Doors', ...PORT, default: 8500,
    help: "TensorFlow Serving's gRPC API over TCP; 0 turns it off." },
  { name: 'grpc_socket_path', group: 'Doors', type: 'string', unit: 'PATH', default: '',
    help: 'Unix socket to listen on for gRPC too; a socket file that is there is taken over.' },
  { name: 'rest_api_port', group: 'Doors', ...PORT, default: 8501,
    help: "TensorFlow Serving's REST API; 0 turns it off." },
  { name: 'graphpipe_port', group: 'Doors', ...PORT, default: 9000,
    help: 'GraphPipe over HTTP; 0 turns it off.' },
  { name: 'rest_api_timeout_in_ms', group: 'Doors', ...MILLIS, default: 30000,
    help: 'Time limit of a request that came in over REST or GraphPipe; 0 or less is none.' },
  { name: 'rest_api_num_threads', group: 'Doors', ...THREADS, default: 4 * CPUS,
    help: 'Threads that handle HTTP requests.',
    noEffect: 'HTTP is handled by one event loop, and JSON by the threads of --num_workers.' },
  { name: 'rest_api_enable_cors_support', group: 'Doors', type: 'bool', default: false,
    help: 'Lets pages of all origins call the REST API: adds Access-Control-Allow-* headers to its answers.' },
  { name: 'max_unpacked_request_bytes', group: 'Doors', type: 'int', unit: 'bytes', min: 1, max: MAX_INT32,
    default: 512 * 1024 * 1024,
    help: 'Longest REST body that one packed with gzip may unpack to; never more than --max_request_bytes.' },
  { name: 'max_unpack_ratio', group: 'Doors', type: 'int', unit: 'times', min: 0, max: MAX_INT32, default: 200,
    help: 'How many times its own length a packed request may become beyond its first MiB; 0: any.' },
  { name: 'max_request_bytes', group: 'Doors', type: 'int', unit: 'bytes', min: 1, max: MAX_INT32,
    default: MAX_INT32,
    help: 'Longest request body that any door accepts.' },
  { name: 'grpc_max_threads', group: 'Doors', ...INT32, unit: 'requests', default: 4 * CPUS,
    help: 'Where given: gRPC requests that may be worked on at the same time; further ones fail with RESOURCE_EXHAUSTED.' },
  { name: 'grpc_channel_arguments', group: 'Doors', type: 'string', unit: 'KEY=VALUE,...', default: '',
    help: 'Settings of gRPC: grpc.max_connection_age_ms, …_age_grace_ms, …_idle_ms and grpc.server_handshake_timeout_ms have an effect; others do no harm.' },
  { name: 'ssl_config_file', group: 'Doors', ...FILE,
    help: 'SSLConfig (text proto) with key and certificates: TLS for gRPC.' },
  { name: 'use_alts_credentials', group: 'Doors', type: 'bool', default: false,
    help: 'ALTS for gRPC. Refused: it exists only within Google Cloud.' },
  { name: 'enable_serialization_as_tensor_content', group: 'Doors', type: 'bool', default: false,
    help: 'Predict answers gRPC clients with tensor_content in place of the typed value fields.' },
  { name: 'enable_grpc_healthcheck_service', group: 'Doors', type: 'bool', default: false,
    help: 'The service grpc.health.v1.Health.',
    noEffect: 'grpc.health.v1.Health is always offered.' },
  { name: 'enable_profiler', group: 'Doors', type: 'bool', default: true,
    help: "TensorFlow's ProfilerService on the gRPC port: what the server did, request by request and run by run." },

  { name: 'num_workers', group: 'Execution', type: 'int', unit: 'threads', min: 0, max: 4096, default: 0,
    help: 'Worker threads for each device, each running one batch at a time; 0 takes the number from the cores.' },
  { name: 'devices', group: 'Execution', type: 'string', unit: 'DEVICE,...', default: 'all',
    help: 'Devices that each model has a replica on, as in GPU:0,GPU:1; all: every GPU, or the CPU where there is none.' },
  { name: 'model_devices', group: 'Execution', type: 'string', unit: 'NAME=DEVICE+...,...', default: '',
    help: 'Models that have other devices than --devices, as in small=CPU:0,large=GPU:0+GPU:1.' },
  { name: 'gpu_memory_limit_mb', group: 'Execution', type: 'int', unit: 'megabytes', min: 0, max: MAX_INT32, default: 0,
    help: 'The most that is taken of the memory of each GPU; 0: no limit.' },
  { name: 'gpu_memory_growth', group: 'Execution', type: 'bool', default: true,
    help: 'Take the memory of GPUs as it is needed; false: all that is allowed at the start. Not asked where a file has gpu_options.' },
  { name: 'session_target', group: 'Execution', type: 'string', unit: 'grpc://HOST:PORT', default: '',
    help: 'TensorFlow server that runs the graphs, for models placed on a cluster. Empty: they run in this process.' },
  { name: 'enable_batching', group: 'Execution', type: 'choice', choices: ['auto', 'true', 'false'], default: 'auto',
    bare: 'true', aliases: { 1: 'true', 0: 'false' },
    help: 'Requests that wait for a worker share a run: where the graph proves that rows are independent, wherever the declared shapes allow it (also bare --enable_batching), or never. Nothing waits to be joined.' },
  { name: 'batching_parameters_file', group: 'Execution', ...FILE,
    help: 'BatchingParameters (text proto), which rule how requests share runs; needs --enable_batching to be given.' },
  { name: 'enable_per_model_batching_parameters', group: 'Execution', type: 'bool', default: false,
    help: "Take the settings of batching from each version folder's batching_params.pbtxt; without one only what is proven is batched, and nothing with --enable_batching=true." },
  { name: 'max_queued_requests_per_model', group: 'Execution', type: 'int', unit: 'requests', min: 0, max: MAX_INT32,
    default: 10_000, help: 'Requests of a model that may wait for a worker; further ones fail with RESOURCE_EXHAUSTED. 0 is any number.' },
  { name: 'max_queue_wait_in_ms', group: 'Execution', type: 'int', unit: 'milliseconds', min: 0, max: MAX_INT32,
    default: 10_000, help: 'Requests that are expected to wait for longer fail at once with RESOURCE_EXHAUSTED; 0: only those whose deadline comes first.' },
  { name: 'max_run_time_in_ms', group: 'Execution', type: 'int', unit: 'milliseconds', min: 0, max: MAX_INT32, default: 300_000,
    help: 'A run that takes longer is given up, and its model is loaded anew once the run has ended; 0 is any time.' },
  { name: 'max_concurrent_runs_per_model', group: 'Execution', type: 'int', unit: 'runs', min: 0, max: 4096, default: 0,
    help: 'Runs of a model that may go on at the same time; 0: as many as there are workers.' },
  { name: 'tensorflow_session_parallelism', group: 'Execution', ...THREADS64, default: 0,
    help: "Threads of TensorFlow's intra-op and inter-op pools alike; 0 is automatic." },
  { name: 'tensorflow_intra_op_parallelism', group: 'Execution', ...THREADS64, default: 0,
    help: 'Threads that share the work of one operation; more than 0 wins over --tensorflow_session_parallelism.' },
  { name: 'tensorflow_inter_op_parallelism', group: 'Execution', ...THREADS64, default: 0,
    help: 'Threads that run operations side by side; more than 0 wins over --tensorflow_session_parallelism.' },
  { name: 'tensorflow_session_config_file', group: 'Execution', ...FILE,
    help: 'ConfigProto (text proto, or JSON in *.json) for the sessions; the flags above win over what it says.' },
  { name: 'per_process_gpu_memory_fraction', group: 'Execution', type: 'float', unit: 'share', min: 0, max: 1, default: 0,
    help: 'Share of the memory of each GPU that is taken; 0: as much as is needed.' },
  { name: 'thread_pool_factory_config_file', group: 'Execution', ...FILE,
    help: 'ThreadPoolFactoryConfig (text proto) for the thread pools of requests.',
    noEffect: "Requests run in the worker's own thread: see --num_workers." },
  { name: 'mixed_precision', group: 'Execution', type: 'string', unit: 'bfloat16', default: '',
    help: 'Automatic mixed precision of oneDNN.',
    noEffect: 'Models run in the precision that they were saved with.' },
  { name: 'xla_cpu_compilation_enabled', group: 'Execution', type: 'bool', default: false,
    help: 'Allow just-in-time compilation by XLA on the CPU.',
    noEffect: 'XLA compiles what a model itself asks to have compiled, and nothing else.' },
  { name: 'xla_gpu_compilation_enabled', group: 'Execution', type: 'bool', default: false,
    help: 'Allow just-in-time compilation by XLA on GPUs.',
    noEffect: 'XLA compiles what a model itself asks to have compiled, and nothing else.' },
  { name: 'skip_initialize_tpu', group: 'Execution', type: 'bool', default: false,
    help: 'Do not initialise the TPU system.',
    noEffect: 'This server knows no TPUs.' },
  { name: 'libtensorflow_dir', group: 'Execution', type: 'string', unit: 'DIR', default: '',
    help: 'Folder with libtensorflow_cc.so.2 or libtensorflow.so.2. Empty: found as the installation does.' },
  { name: 'libtensorflowlite_dir', group: 'Execution', type: 'string', unit: 'DIR', default: '',
    help: 'Folder with libtensorflowlite_c.so, for model.tflite. Empty: LIBTENSORFLOWLITE_DIR, or what was fetched.' },

  { name: 'monitoring_config_file', group: 'Operation', ...FILE,
    help: 'MonitoringConfig (text proto): the path of the metrics on the REST port that TensorFlow Serving has.' },
  { name: 'metrics_path', group: 'Operation', type: 'string', unit: 'PATH', default: '/metrics',
    help: 'Path of the metrics (Prometheus) on the REST port; empty turns it off.' },
  { name: 'drain_timeout_seconds', group: 'Operation', type: 'int', unit: 'seconds', min: 0, max: 86400, default: 30,
    help: 'Time that requests under way get to finish when the server is told to stop.' },
  { name: 'log_level', group: 'Operation', type: 'choice', choices: LOG_LEVELS, default: 'info',
    help: 'Least severe events to log, on stderr.' },
  { name: 'version', group: 'Operation', type: 'bool', default: false,
    help: 'Print the versions of the server and of TensorFlow, and end.' },
  { name: 'help', group: 'Operation', type: 'bool', default: false,
    help: 'Print this text, and end.' },
] as const satisfies readonly Flag[];

type Row = (typeof FLAGS)[number];
export type FlagName = Row['name'];

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

type ValueOf<F extends Flag> = F extends { type: 'int' | 'float' }
  ? number
  : F extends { type: 'bool' }
    ? boolean
    : F extends { type: 'choice'; choices: readonly (infer Choice)[] }
      ? Choice
      : string;

/** Values of all flags, given or default: `--rest_api_port` is `restApiPort`. */
export type Flags = { readonly [F in Row as CamelCase<F['name']>]: ValueOf<F> };

export interface CommandLine {
  readonly flags: Flags;
  /** The flags that stood on the command line, whatever their value. */
  readonly given: ReadonlySet<FlagName>;
  /** Arguments that are no flag of this server, as they stood: tensorflow_model_server reports them and starts. */
  readonly unknown: readonly string[];
}

const BY_NAME = new Map<string, Flag>(FLAGS.map((flag) => [flag.name, flag]));

/**
 * Parses the arguments behind the program's name. Of a flag that is given twice the last one counts. Throws
 * INVALID_ARGUMENT for a value of the wrong kind and a missing value.
 */
export function parseFlags(args: readonly string[]): CommandLine {
  const values = new Map<string, string | number | boolean>(FLAGS.map((flag) => [flag.name, flag.default]));
  const given = new Set<FlagName>();
  const unknown: string[] = [];
  for (let i = 0; i < args.length; ) {
    const argument = parseArgument(args, i);
    if (argument === undefined) {
      unknown.push(args[i] as string);
      i += 1;
      continue;
    }
    const { flag, text, taken } = argument;
    values.set(flag.name, parseValue(flag, text));
    given.add(flag.name as FlagName);
    i += taken;
  }
  const flags = Object.fromEntries([...values].map(([name, value]) => [camelCase(name), value]));
  return { flags: flags as unknown as Flags, given, unknown };
}

/** The report of an argument that is no flag of this server, with the nearest one. */
export function describeUnknown(argument: string): string {
  const name = nearestFlag(argument);
  const hint = name === undefined ? 'Flags are written --name=value.' : `Did you mean --${name}?`;
  return `unknown argument: ${argument} (${hint})`;
}

/** The flag that was most likely meant; undefined for what does not look like one. */
export function nearestFlag(argument: string): FlagName | undefined {
  const name = /^--?([^-=][^=]*)/.exec(argument)?.[1];
  if (name === undefined) return undefined;
  // Most of all an ending is left out: `--model_config`.
  const longer = [...BY_NAME.keys()].filter((flag) => flag.startsWith(name.replaceAll('-', '_')));
  return nearest(name, longer.length > 0 ? longer : BY_NAME.keys()) as FlagName;
}

/** For the log: why each flag that was given and changes nothing here does not. */
export function describeWithoutEffect(given: ReadonlySet<FlagName>): string[] {
  const rows: readonly Flag[] = FLAGS;
  return rows
    .filter(({ name, noEffect }) => noEffect !== undefined && given.has(name as FlagName))
    .map(({ name, noEffect }) => `--${name} has no effect: ${noEffect}`);
}

/** The flag at args[index], the text of its value, and how many arguments that took; undefined if it is none of ours. */
function parseArgument(
  args: readonly string[],
  index: number,
): { flag: Flag; text: string; taken: number } | undefined {
  const [, name, inline] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(args[index] as string) ?? [];
  const flag = name === undefined ? undefined : BY_NAME.get(name);
  if (flag === undefined) return undefined;
  if (inline !== undefined) return { flag, text: inline, taken: 1 };
  const next = args[index + 1];
  const bare = bareValue(flag);
  if (bare !== undefined) {
    return next !== undefined && isValue(flag, next) ? { flag, text: next, taken: 2 } : { flag, text: bare, taken: 1 };
  }
  if (next === undefined || /^--?[a-z]/.test(next)) throw missingValue(flag);
  return { flag, text: next, taken: 2 };
}

/** What a flag that may stand without a value then means. */
function bareValue(flag: Flag): string | undefined {
  if (flag.type === 'bool') return 'true';
  return flag.type === 'choice' ? flag.bare : undefined;
}

function isValue(flag: Flag, text: string): boolean {
  return flag.type === 'choice' ? choiceOf(flag, text) !== undefined : BOOLEANS.has(text);
}

function choiceOf({ choices, aliases = {} }: ChoiceFlag, text: string): string | undefined {
  const choice = Object.hasOwn(aliases, text) ? aliases[text] : text;
  return choices.find((each) => each === choice);
}

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

function parseValue(flag: Flag, text: string): string | number | boolean {
  switch (flag.type) {
    case 'int':
      return parseInteger(flag, text);
    case 'float':
      return parseFloatValue(flag, text);
    case 'bool':
      return BOOLEANS.get(text) ?? refuse(flag, text, 'true, false, 1 or 0');
    case 'choice':
      return choiceOf(flag, text) ?? refuse(flag, text, `one of ${flag.choices.join(', ')}`);
    case 'string':
      return text;
  }
}

function parseInteger(flag: IntFlag, text: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= flag.min && value <= flag.max) return value;
  return refuse(flag, text, `a whole number from ${flag.min} to ${flag.max}`);
}

function parseFloatValue(flag: FloatFlag, text: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (value >= flag.min && value <= flag.max) return value;
  return refuse(flag, text, `a number from ${flag.min} to ${flag.max}`);
}

function refuse(flag: Flag, text: string, expected: string): never {
  throw invalidArgument(
    `Flag --${flag.name} cannot be "${text}". Give it ${expected}, as in --${flag.name}=${flag.default}.`,
  );
}

function missingValue(flag: Flag): ServingError {
  return invalidArgument(`Flag --${flag.name} needs a value. Write it as --${flag.name}=${example(flag)}.`);
}

function example(flag: Flag): string {
  return flag.type === 'string' && flag.default === '' ? flag.unit : String(flag.default);
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
