/**
 * --platform_config_file: a PlatformConfigMap in place of the built-in platform "tensorflow". What it says becomes values of
 * the flags with the same meaning, so whoever reads flags needs to know nothing of it. Part of the composition root.
 */
import { invalidArgument, toServingError } from './errors.js';
import { type CommandLine, type FlagName, type Flags, parseFlags } from './flags/flags.js';
import { decodeMessage } from './formats/protobuf.js';
import { parseTextProtoFile, readTextFile } from './formats/text-proto.js';
import { PlatformConfigMap, SavedModelBundleSourceAdapterConfig, SessionBundleConfig } from './gen/messages.js';

/** The only platform there is. */
const TENSORFLOW = 'tensorflow';

const EXAMPLE =
  'Write it as platform_configs { key: "tensorflow" value { source_adapter_config { ' +
  `[type.googleapis.com/${SavedModelBundleSourceAdapterConfig.name}] { legacy_config { … } } } } }.`;

/** flags.md: "then enable_batching, session, tag, warmup and TFLite flags have no effect". */
const TAKEN_OVER: readonly FlagName[] = [
  'enable_batching',
  'batching_parameters_file',
  'enable_per_model_batching_parameters',
  'tensorflow_session_parallelism',
  'tensorflow_intra_op_parallelism',
  'tensorflow_inter_op_parallelism',
  'tensorflow_session_config_file',
  'per_process_gpu_memory_fraction',
  'session_target',
  'saved_model_tags',
  'enable_model_warmup',
  'num_request_iterations_for_warmup',
  'remove_unused_fields_from_bundle_metagraph',
  'prefer_tflite_model',
  'num_tflite_pools',
  'num_tflite_interpreters_per_pool',
  'mixed_precision',
];

/**
 * What the file says of the platform "tensorflow"; undefined for no file. Rejects with a ServingError that names the file
 * and the remedy: it cannot be read or parsed, it has another platform or none, or another message than a
 * SavedModelBundleSourceAdapterConfig.
 */
export async function readPlatformConfig(path: string): Promise<SessionBundleConfig | undefined> {
  if (path === '') return undefined;
  return bundleConfig(parse(await readTextFile(path), path), path);
}

function parse(text: string, path: string): PlatformConfigMap {
  try {
    return parseTextProtoFile(PlatformConfigMap, text, path, { anyTypes: [SavedModelBundleSourceAdapterConfig] });
  } catch (error) {
    throw invalidArgument(`${toServingError(error).message} ${EXAMPLE}`);
  }
}

function bundleConfig({ platform_configs: platforms }: PlatformConfigMap, path: string): SessionBundleConfig {
  const other = [...platforms.keys()].find((name) => name !== TENSORFLOW);
  if (other !== undefined)
    throw invalidArgument(`${path} configures the platform "${other}", but "${TENSORFLOW}" is the only one here.`);
  const any = platforms.get(TENSORFLOW)?.source_adapter_config;
  if (any === undefined) throw invalidArgument(`${path} says nothing of the platform "${TENSORFLOW}". ${EXAMPLE}`);
  const type = any.type_url.slice(any.type_url.lastIndexOf('/') + 1);
  if (type !== SavedModelBundleSourceAdapterConfig.name) {
    throw invalidArgument(
      `source_adapter_config of the platform "${TENSORFLOW}" in ${path} is a message of type "${type}". ${EXAMPLE}`,
    );
  }
  const { legacy_config } = decodeMessage(SavedModelBundleSourceAdapterConfig, any.value);
  return legacy_config ?? decodeMessage(SessionBundleConfig, new Uint8Array());
}

/** The command line with the file's word in place of the flags that it rules over. */
export function applyPlatformConfig({ flags, given, unknown }: CommandLine, config: SessionBundleConfig): CommandLine {
  const kept = [...given].filter((name) => !TAKEN_OVER.includes(name));
  return { flags: { ...flags, ...flagsOf(config) }, given: new Set([...kept, ...saidBy(config)]), unknown };
}

/** What the file leaves out is as its message has it: no batching, no warm-up; of TFLite as the flags have it. */
function flagsOf(config: SessionBundleConfig): Partial<Flags> {
  const { flags: defaults } = parseFlags([]);
  const threads = config.session_config;
  return {
    enableBatching: config.batching_parameters === undefined ? 'false' : 'true',
    batchingParametersFile: '',
    enablePerModelBatchingParameters:
      config.batching_parameters !== undefined && config.enable_per_model_batching_params,
    tensorflowSessionParallelism: 0,
    tensorflowIntraOpParallelism: threads?.intra_op_parallelism_threads ?? 0,
    tensorflowInterOpParallelism: threads?.inter_op_parallelism_threads ?? 0,
    tensorflowSessionConfigFile: '',
    perProcessGpuMemoryFraction: 0, // session_config has one of its own
    sessionTarget: config.session_target,
    savedModelTags: config.saved_model_tags.join(',') || defaults.savedModelTags,
    enableModelWarmup: config.enable_model_warmup,
    numRequestIterationsForWarmup: config.model_warmup_options?.num_request_iterations?.value ?? 0,
    preferTfliteModel: config.prefer_tflite_model,
    numTflitePools: config.num_tflite_pools || defaults.numTflitePools,
    numTfliteInterpretersPerPool: config.num_tflite_interpreters_per_pool || defaults.numTfliteInterpretersPerPool,
    mixedPrecision: config.mixed_precision,
  };
}

/** The flags that the file stands for as if they had been given. */
function saidBy(config: SessionBundleConfig): FlagName[] {
  const said: Partial<Record<FlagName, boolean>> = {
    enable_batching: true,
    enable_per_model_batching_parameters: config.enable_per_model_batching_params,
    session_target: config.session_target !== '',
    saved_model_tags: config.saved_model_tags.length > 0,
    enable_model_warmup: config.enable_model_warmup,
    num_request_iterations_for_warmup: config.model_warmup_options?.num_request_iterations !== undefined,
    prefer_tflite_model: config.prefer_tflite_model,
    num_tflite_pools: config.num_tflite_pools !== 0,
    num_tflite_interpreters_per_pool: config.num_tflite_interpreters_per_pool !== 0,
    mixed_precision: config.mixed_precision !== '',
  };
  return (Object.keys(said) as FlagName[]).filter((name) => said[name]);
}

/** For the log: which of the given flags the file leaves without effect, and which of its own fields have none here. */
export function describePlatformConfig(given: ReadonlySet<FlagName>, config: SessionBundleConfig): string[] {
  const idle = TAKEN_OVER.filter((name) => given.has(name)).map((name) => `--${name}`);
  const fields = {
    session_run_load_threadpool_index: config.session_run_load_threadpool_index,
    num_model_warmup_threads: config.model_warmup_options?.num_model_warmup_threads,
  };
  const unused = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  return [
    ...(idle.length > 0 ? [`No effect beside --platform_config_file: ${idle.join(', ')}.`] : []),
    ...unused.map((name) => `${name} of --platform_config_file has no effect: loads have no thread pool of their own.`),
  ];
}
