/** The composition root: Source → Manager → doors. start(), drain() and stop(), in the order they are called. */
import { availableParallelism, totalmem } from 'node:os';
import type { Api } from './api/api.js';
import { createApi } from './api/create-api.js';
import { limitInFlight } from './api/in-flight-limit.js';
import { logRequests } from './api/log-requests.js';
import { batchPolicyOf, threadPoolName } from './batching/batch-policy.js';
import { ConfigFileWatch } from './config/config-file-watch.js';
import { Configurator, unavailableModels } from './config/configurator.js';
import { requestLogOptions } from './config/logging-config.js';
import type { ModelEntry } from './config/model-entries.js';
import type { ConfigFiles } from './config-files.js';
import { FileSystemSource } from './core/file-system-source.js';
import { Manager } from './core/manager.js';
import { ModelMetrics } from './core/model-metrics.js';
import { TRANSITION_POLICIES } from './core/version-policy.js';
import type { Door } from './doors/door.js';
import { createGraphPipeDoor } from './doors/graphpipe/index.js';
import { createGrpcDoor } from './doors/grpc/index.js';
import { createRestDoor } from './doors/rest/index.js';
import { Code, ServingError, toServingError } from './errors.js';
import { isRestPortTaken } from './flags/check-flags.js';
import type { FlagName, Flags } from './flags/flags.js';
import { parseGrpcChannelArguments } from './flags/grpc-channel-arguments.js';
import { findLibtensorflowLite } from './libtensorflowlite.js';
import { type LogFields, log } from './log.js';
import { metrics } from './metrics/metrics.js';
import { Unpacker } from './ports/unpacker.js';
import { Profiler } from './profiling/profiler.js';
import { type RequestLogOptions, RequestLogs } from './request-log/request-log.js';
import { batchPolicyOfVersion } from './servables/batching-of-version.js';
import { findMissingPart } from './servables/missing-part.js';
import type { SavedModel } from './servables/saved-model.js';
import { SavedModelLoader, type SavedModelLoaderOptions } from './servables/saved-model-loader.js';
import { generalSessionConfig, type SessionParallelism, threadsOf } from './servables/session-config.js';
import type { TfliteOptions } from './servables/tflite-session.js';
import { lostWrites } from './standard-streams.js';
import { OutputFormat } from './tensor/predict-request.js';
import { VERSION } from './version.js';
import { createWarmUp } from './warmup/warm-up.js';
import { WarmUpMetrics } from './warmup/warm-up-metrics.js';
import { type DeviceFlags, parseDeviceFlags } from './workers/device-names.js';
import { Devices } from './workers/devices.js';
import { loadOpLibraries } from './workers/op-libraries.js';
import { openTensorFlow, tensorMemory } from './workers/tensorflow.js';

export interface ServerOptions {
  readonly flags: Flags;
  /** What to serve until a configuration comes that says otherwise. */
  readonly models: readonly ModelEntry[];
  /** The model of GraphPipe's clients, who cannot name one. */
  readonly graphpipeModel: string;
  /** Read from the files that the flags name; default none. */
  readonly configFiles?: ConfigFiles;
  /** The folder of libtensorflow. */
  readonly libtensorflow: string;
  /** Whether a door's port was asked for: one that was not is left closed if its port is taken. */
  readonly isPortGiven: (door: DoorName) => boolean;
  /** Whether a flag stood on the command line. */
  readonly isGiven?: (flag: FlagName) => boolean;
}

export type DoorName = 'grpc' | 'rest' | 'graphpipe';

/** The ports that are open; 0 for a door that is off. */
export type Ports = Record<DoorName, number>;

/** The share of the machine's memory that the tensors of requests may hold together. */
const TENSOR_MEMORY_SHARE = 0.5;

/** Errors of a load that lie in the model's files. */
const WRONG_FILES: ReadonlySet<Code> = new Set([
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.FAILED_PRECONDITION,
  Code.UNIMPLEMENTED,
  Code.DATA_LOSS,
]);

export class Server {
  readonly #options: ServerOptions;
  readonly #devices: Devices;
  readonly #manager: Manager<SavedModel>;
  readonly #source: FileSystemSource;
  readonly #configurator: Configurator;
  readonly #configFile: ConfigFileWatch | undefined;
  readonly #modelMetrics = new ModelMetrics();
  readonly #warmUpMetrics = new WarmUpMetrics();
  readonly #requestLogs = new RequestLogs();
  readonly #profiler = new Profiler();
  readonly #unpacker: Unpacker;
  readonly #doors: Partial<Record<DoorName, Door>> = {};
  #ready = false;
  #stopping = false;

  /**
   * Throws UNAVAILABLE if libtensorflow cannot be opened, INVALID_ARGUMENT if a library of --custom_op_paths cannot, or if a
   * flag names a device that there is not.
   */
  constructor(options: ServerOptions) {
    const { flags } = options;
    this.#options = options;
    const opLibraries = flags.customOpPaths.split(',').filter((path) => path !== '');
    const memory = memoryOfThisProcess() * TENSOR_MEMORY_SHARE;
    const version = openTensorFlow(options.libtensorflow, memory, opLibraries.length > 0);
    log.info('libtensorflow is open', { version, directory: options.libtensorflow });
    loadOpLibraries(opLibraries, version);
    this.#unpacker = new Unpacker({ budget: tensorMemory, maxRatio: flags.maxUnpackRatio });
    this.#devices = this.#openDevices(flags);
    const loaderOptions = this.#loaderOptions(flags);
    this.#manager = new Manager({
      createLoader: (aspired) => new SavedModelLoader(aspired, loaderOptions),
      retries: { max: flags.maxNumLoadRetries, intervalMillis: flags.loadRetryIntervalMicros / 1000 },
      transitionPolicy: TRANSITION_POLICIES[flags.aspiredVersionPolicy],
      onStateChange: (state, where) => this.#modelMetrics.onStateChange(state, where),
    });
    this.#startMetrics(version);
    this.#source = new FileSystemSource({
      models: options.models,
      pollWaitSeconds: flags.fileSystemPollWaitSeconds,
      findMissingPart,
      hasFailed: (id) => this.#manager.hasFailed(id),
    });
    this.#configurator = new Configurator({
      manager: this.#manager,
      source: this.#source,
      models: options.models,
      origin: flags.modelConfigFile || 'flags',
      allowLabelsForUnavailable: flags.allowVersionLabelsForUnavailableModels,
      onChange: (models) => this.#logRequestsOf(models),
    });
    this.#configFile = this.#watchConfigFile(flags);
  }

  /**
   * Loads the models, then opens the doors. Rejects with a ServingError if no version that was found can be loaded (with
   * --strict: if any model is not available), or if a door's port cannot be bound. Undefined if the server was told to stop
   * in the meantime.
   */
  async start(): Promise<Ports | undefined> {
    await this.#source.start((name, versions) => this.#manager.setAspiredVersions(name, versions));
    await this.#firstLoads();
    if (this.#stopping) return undefined;
    this.#manager.limitThreads(this.#options.flags.numLoadThreads, this.#options.flags.numUnloadThreads);
    this.#configurator.checkFirstLabels(this.#options.flags.strict);
    this.#logRequestsOf(this.#options.models);
    this.#createDoors();
    const ports = { grpc: 0, rest: 0, graphpipe: 0 };
    for (const [name, door] of this.#openDoors()) ports[name] = await this.#listen(name, door);
    if (this.#stopping) return undefined;
    this.#ready = true;
    this.#configFile?.start();
    return ports;
  }

  /** Stops accepting; resolves when all that was accepted has been answered. */
  async drain(): Promise<void> {
    this.#beginToStop();
    await Promise.all(this.#openDoors().map(([, door]) => door.drain()));
  }

  /** Drops what is left and gives everything back. */
  async stop(): Promise<void> {
    this.#beginToStop();
    for (const [, door] of this.#openDoors()) door.close();
    await this.#manager.close();
    await this.#devices.close();
    await this.#requestLogs.close();
  }

  #beginToStop(): void {
    this.#stopping = true;
    this.#ready = false;
    this.#source.close();
    this.#configFile?.close();
    this.#profiler.close();
  }

  /** Their logging_configs have been checked: wrong ones refuse the configuration. */
  #logRequestsOf(models: readonly ModelEntry[]): void {
    const logged = new Map<string, RequestLogOptions>();
    const tags = this.#options.flags.savedModelTags.split(',');
    for (const { name, loggingConfig } of models) {
      const options = loggingConfig && requestLogOptions(name, loggingConfig, tags);
      if (options !== undefined) logged.set(name, options);
    }
    this.#requestLogs.configure(logged);
  }

  #watchConfigFile({ modelConfigFile: path, modelConfigFilePollWaitSeconds: pollWaitSeconds }: Flags) {
    if (path === '' || pollWaitSeconds <= 0) return undefined;
    return new ConfigFileWatch({ path, configurator: this.#configurator, pollWaitSeconds });
  }

  #startMetrics(tensorflow: string): void {
    metrics.register((text) => {
      text.single('tensorgate_build_info', 'gauge', { version: VERSION, tensorflow }, 1);
      text.single('tensorgate_lost_log_lines_total', 'counter', {}, lostWrites());
      this.#modelMetrics.write(text);
      this.#warmUpMetrics.write(text);
    });
    metrics.process.watchEventLoop();
    const parameters = this.#options.configFiles?.batching;
    if (this.#options.flags.enableBatching !== 'false')
      metrics.requests.observeBatching(parameters && threadPoolName(parameters));
  }

  /** The first session sets devices and threads up for all: this one, which must not differ from those of models. */
  #openDevices(flags: Flags): Devices {
    const base = this.#options.configFiles?.session;
    const threads = threadsOf(sessionParallelism(flags), base);
    const gpuMemory = { gpuMemoryFraction: flags.perProcessGpuMemoryFraction, gpuMemoryGrowth: flags.gpuMemoryGrowth };
    const chosen = parseDeviceFlags(flags.devices, flags.modelDevices);
    this.#warnOfUnknownModels(chosen);
    return new Devices({
      ...chosen,
      target: flags.sessionTarget,
      workers: flags.numWorkers || availableParallelism(),
      maxRunMillis: flags.maxRunTimeInMs,
      gpuMemoryLimitMb: flags.gpuMemoryLimitMb,
      sessionConfig: (devices) => generalSessionConfig({ ...threads, ...gpuMemory, devices, base }),
    });
  }

  /** No error: a reload may bring the model yet. */
  #warnOfUnknownModels({ models }: DeviceFlags): void {
    const known = this.#options.models.map(({ name }) => name);
    for (const model of models.keys()) {
      if (known.includes(model)) continue;
      log.warn(
        `--model_devices names the model "${model}", which is not among those to be served: ${known.join(', ')}. It has no ` +
          'effect unless the configuration comes to have a model of that name.',
      );
    }
  }

  #loaderOptions(flags: Flags): SavedModelLoaderOptions {
    return {
      tags: flags.savedModelTags.split(','),
      parallelism: sessionParallelism(flags),
      gpuMemoryFraction: flags.perProcessGpuMemoryFraction,
      gpuMemoryGrowth: flags.gpuMemoryGrowth,
      sessionConfig: this.#options.configFiles?.session,
      batching: flags.enableBatching,
      tflite: flags.preferTfliteModel ? tfliteOptions(flags) : undefined,
      batchPolicy: this.#batchPolicy(flags),
      limits: {
        mostWaiting: flags.maxQueuedRequestsPerModel,
        mostRunning: flags.maxConcurrentRunsPerModel,
        longestWaitMicros: flags.maxQueueWaitInMs * 1000,
      },
      devices: (model) => this.#devices.of(model),
      deviceSetup: this.#devices.setup,
      sessionTarget: flags.sessionTarget || undefined,
      warmUp: createWarmUp({
        enabled: flags.enableModelWarmup,
        synthetic: flags.syntheticWarmup,
        iterations: flags.numRequestIterationsForWarmup,
        outputFormat: outputFormatOf(flags),
        checkMethodNames: flags.enableSignatureMethodNameCheck,
        metrics: this.#warmUpMetrics,
      }),
    };
  }

  #batchPolicy(flags: Flags): SavedModelLoaderOptions['batchPolicy'] {
    const parameters = this.#options.configFiles?.batching;
    if (flags.enablePerModelBatchingParameters) return (path) => batchPolicyOfVersion(path, parameters);
    return parameters && batchPolicyOf(parameters);
  }

  /**
   * One model that cannot be loaded must not keep the others from being served; it is tried again in the background. Where
   * there is nothing else, it is waited for only if another try may help.
   */
  async #firstLoads(): Promise<void> {
    if (this.#options.flags.strict) {
      await this.#manager.settled();
      if (!this.#stopping) this.#checkAllLoaded();
      return;
    }
    await this.#manager.tried();
    if (!this.#isSomethingLoaded() && this.#manager.failures().some(({ error }) => !WRONG_FILES.has(error.code)))
      await this.#manager.settled();
    const [failure] = this.#manager.failures();
    if (this.#stopping || failure === undefined || this.#isSomethingLoaded()) return;
    const { id, error } = failure;
    throw new ServingError(error.code, `Model ${id.name}, version ${id.version}: ${error.message}`);
  }

  #isSomethingLoaded(): boolean {
    return this.#manager.names().some((name) => this.#manager.hasAvailable(name));
  }

  #checkAllLoaded(): void {
    const missing = this.#options.models.map(({ name }) => name).filter((name) => !this.#manager.hasAvailable(name));
    if (missing.length > 0) throw unavailableModels(missing, this.#manager.failures());
  }

  #createDoors(): void {
    const { flags, graphpipeModel, isGiven = () => false } = this.#options;
    const { host, maxRequestBytes: maxBodyBytes, restApiTimeoutInMs: timeoutMillis } = flags;
    if (flags.port !== 0 || flags.grpcSocketPath !== '') this.#doors.grpc = this.#createGrpcDoor();
    if (isRestPortTaken(flags)) {
      log.error(`--rest_api_port cannot be the same as --port: REST stays off, and gRPC has port ${flags.port}.`);
    } else if (flags.restApiPort !== 0) {
      this.#doors.rest = createRestDoor(logRequests(this.#api('rest'), this.#requestLogs), {
        host: isGiven('host') ? host : '',
        port: flags.restApiPort,
        maxBodyBytes,
        maxUnpackedBytes: flags.maxUnpackedRequestBytes,
        unpacker: this.#unpacker,
        timeoutMillis,
        cors: flags.restApiEnableCorsSupport,
        metricsPaths: this.#options.configFiles?.metricsPaths ?? [],
      });
    }
    if (flags.graphpipePort !== 0) {
      this.#doors.graphpipe = createGraphPipeDoor(this.#api('graphpipe'), {
        host,
        port: flags.graphpipePort,
        maxBodyBytes,
        defaultModelName: graphpipeModel,
        serverVersion: VERSION,
        timeoutMillis: timeoutMillis > 0 ? timeoutMillis : Number.POSITIVE_INFINITY,
      });
    }
  }

  #api(door: DoorName): Api {
    const parts = {
      manager: this.#manager,
      describeDevices: (models: readonly string[]) => this.#devices.describe(models),
      reloading: { configurator: this.#configurator, metricValue: (name: string) => metrics.valueOf(name) },
      obstacles: () => this.#obstacles(),
      options: { checkMethodNames: this.#options.flags.enableSignatureMethodNameCheck },
    };
    return createApi(parts, door);
  }

  /** Why no load balancer had better send requests here; empty where it may. */
  #obstacles(): readonly string[] {
    if (!this.#ready) return [this.#stopping ? 'The server is stopping.' : 'The server is starting.'];
    return this.#devices.blocked().map((label) => `${label} is blocked by a run that has not ended in time.`);
  }

  #createGrpcDoor(): Door {
    const api = this.#api('grpc');
    const { flags, isGiven = () => false } = this.#options;
    const limited = isGiven('grpc_max_threads') && flags.grpcMaxThreads > 0;
    return createGrpcDoor(limited ? limitInFlight(api, flags.grpcMaxThreads) : api, {
      host: flags.host,
      port: flags.port === 0 ? undefined : flags.port,
      socketPath: flags.grpcSocketPath,
      tls: this.#options.configFiles?.tls,
      maxMessageBytes: flags.maxRequestBytes,
      unpacker: this.#unpacker,
      requestLogs: this.#requestLogs,
      profiler: flags.enableProfiler ? this.#profiler : undefined,
      channelArguments: parseGrpcChannelArguments(flags.grpcChannelArguments),
      outputFormat: outputFormatOf(flags),
    });
  }

  #openDoors(): [DoorName, Door][] {
    return Object.entries(this.#doors) as [DoorName, Door][];
  }

  /** For the log. */
  #address(name: DoorName, port: number): LogFields {
    const { host, grpcSocketPath } = this.#options.flags;
    const socket = name === 'grpc' && grpcSocketPath !== '' ? { socket: grpcSocketPath } : {};
    return port === 0 ? socket : { host, port, ...socket };
  }

  /** A port that nobody asked for and that is taken only costs its door: a drop-in must not fail over it. */
  async #listen(name: DoorName, door: Door): Promise<number> {
    try {
      const port = await door.listen();
      log.info(`${door.name} is open`, this.#address(name, port));
      return port;
    } catch (thrown) {
      if (this.#stopping) return 0; // the door was closed before it was open
      const error = toServingError(thrown);
      if (error.code !== Code.UNAVAILABLE || this.#options.isPortGiven(name)) throw error;
      log.warn(`${door.name} stays closed: ${error.message}`);
      delete this.#doors[name];
      return 0;
    }
  }
}

/** A number for either pool wins over the one for both: the other pool is then automatic. */
function sessionParallelism(flags: Flags): SessionParallelism {
  const both = Math.max(0, flags.tensorflowSessionParallelism);
  const intraOp = Math.max(0, flags.tensorflowIntraOpParallelism);
  const interOp = Math.max(0, flags.tensorflowInterOpParallelism);
  return intraOp > 0 || interOp > 0 ? { intraOp, interOp } : { intraOp: both, interOp: both };
}

/** Of answers to Predict over gRPC. */
function outputFormatOf({ enableSerializationAsTensorContent }: Flags): OutputFormat {
  return enableSerializationAsTensorContent ? OutputFormat.RAW : OutputFormat.TYPED_FIELDS;
}

/** Zero and less mean what not to give the flag does. */
function tfliteOptions({ numTflitePools, libtensorflowliteDir }: Flags): TfliteOptions {
  const interpreters = numTflitePools > 0 ? numTflitePools : availableParallelism();
  return { interpreters, findLibrary: () => findLibtensorflowLite(libtensorflowliteDir) };
}

/** A container's limit, if there is one, else the machine's memory. */
function memoryOfThisProcess(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}
