/** The composition root: Source → Manager → doors. start(), drain() and stop(), in the order they are called. */
import { availableParallelism, totalmem } from 'node:os';
import type { Api } from './api/api.js';
import { createApi } from './api/create-api.js';
import { ConfigFileWatch } from './config/config-file-watch.js';
import { Configurator, unavailableModels } from './config/configurator.js';
import type { ModelEntry } from './config/model-entries.js';
import { FileSystemSource } from './core/file-system-source.js';
import { Manager } from './core/manager.js';
import { TRANSITION_POLICIES } from './core/version-policy.js';
import type { Door } from './doors/door.js';
import { createGraphPipeDoor } from './doors/graphpipe/index.js';
import { createGrpcDoor } from './doors/grpc/index.js';
import { createRestDoor } from './doors/rest/index.js';
import { Code, ServingError, toServingError } from './errors.js';
import type { Flags } from './flags.js';
import { log } from './log.js';
import { findMissingPart } from './servables/missing-part.js';
import type { SavedModel } from './servables/saved-model.js';
import { SavedModelLoader, type SavedModelLoaderOptions } from './servables/saved-model-loader.js';
import { VERSION } from './version.js';
import { WorkerPool } from './workers/pool.js';
import { openTensorFlow } from './workers/tensorflow.js';

export interface ServerOptions {
  readonly flags: Flags;
  /** What to serve until a configuration comes that says otherwise. */
  readonly models: readonly ModelEntry[];
  /** The model of GraphPipe's clients, who cannot name one. */
  readonly graphpipeModel: string;
  /** The folder of libtensorflow. */
  readonly libtensorflow: string;
  /** Value of a metric by TF Serving's path of it, for the increases that HandleReloadConfigRequest reports; default: 0. */
  readonly metricValue?: (name: string) => number;
  /** Whether a door's port was asked for: one that was not is left closed if its port is taken. */
  readonly isPortGiven: (door: DoorName) => boolean;
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
]);

export class Server {
  readonly #options: ServerOptions;
  readonly #pool: WorkerPool;
  readonly #manager: Manager<SavedModel>;
  readonly #source: FileSystemSource;
  readonly #configurator: Configurator;
  readonly #configFile: ConfigFileWatch | undefined;
  readonly #doors: Partial<Record<DoorName, Door>> = {};
  #ready = false;
  #stopping = false;

  /** Throws UNAVAILABLE if libtensorflow cannot be opened. */
  constructor(options: ServerOptions) {
    const { flags } = options;
    this.#options = options;
    const version = openTensorFlow(options.libtensorflow, memoryOfThisProcess() * TENSOR_MEMORY_SHARE);
    log.info('libtensorflow is open', { version, directory: options.libtensorflow });
    this.#pool = new WorkerPool({ device: 'CPU:0', workers: flags.numWorkers || availableParallelism() });
    const loaderOptions = this.#loaderOptions(flags);
    this.#manager = new Manager({
      createLoader: (aspired) => new SavedModelLoader(aspired, loaderOptions),
      retries: { max: flags.maxNumLoadRetries, intervalMillis: flags.loadRetryIntervalMicros / 1000 },
      transitionPolicy: TRANSITION_POLICIES[flags.aspiredVersionPolicy],
    });
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
    this.#configurator.checkFirstLabels(this.#options.flags.strict);
    const reloading = { configurator: this.#configurator, metricValue: this.#options.metricValue ?? (() => 0) };
    const { enableSignatureMethodNameCheck: checkMethodNames } = this.#options.flags;
    this.#createDoors(createApi(this.#manager, reloading, () => this.#ready, { checkMethodNames }));
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
    await this.#pool.close();
  }

  #beginToStop(): void {
    this.#stopping = true;
    this.#ready = false;
    this.#source.close();
    this.#configFile?.close();
  }

  #watchConfigFile({ modelConfigFile: path, modelConfigFilePollWaitSeconds: pollWaitSeconds }: Flags) {
    if (path === '' || pollWaitSeconds === 0) return undefined;
    return new ConfigFileWatch({ path, configurator: this.#configurator, pollWaitSeconds });
  }

  #loaderOptions(flags: Flags): SavedModelLoaderOptions {
    const both = flags.tensorflowSessionParallelism;
    return {
      tags: flags.savedModelTags.split(','),
      parallelism: {
        intraOp: flags.tensorflowIntraOpParallelism || both,
        interOp: flags.tensorflowInterOpParallelism || both,
      },
      batching: flags.enableBatching,
      queue: this.#pool.queue,
    };
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

  #createDoors(api: Api): void {
    const { flags, graphpipeModel } = this.#options;
    const { host, maxRequestBytes: maxBodyBytes, restApiTimeoutInMs: timeoutMillis } = flags;
    if (flags.port !== 0) {
      this.#doors.grpc = createGrpcDoor(api, { host, port: flags.port, maxMessageBytes: maxBodyBytes });
    }
    if (flags.restApiPort !== 0) {
      this.#doors.rest = createRestDoor(api, {
        host,
        port: flags.restApiPort,
        maxBodyBytes,
        maxUnpackedBytes: flags.maxUnpackedRequestBytes,
        timeoutMillis,
        cors: flags.restApiEnableCorsSupport,
      });
    }
    if (flags.graphpipePort !== 0) {
      this.#doors.graphpipe = createGraphPipeDoor(api, {
        host,
        port: flags.graphpipePort,
        maxBodyBytes,
        defaultModelName: graphpipeModel,
        serverVersion: VERSION,
        timeoutMillis: timeoutMillis > 0 ? timeoutMillis : Number.POSITIVE_INFINITY,
      });
    }
  }

  #openDoors(): [DoorName, Door][] {
    return Object.entries(this.#doors) as [DoorName, Door][];
  }

  /** A port that nobody asked for and that is taken only costs its door: a drop-in must not fail over it. */
  async #listen(name: DoorName, door: Door): Promise<number> {
    try {
      const port = await door.listen();
      log.info(`${door.name} is open`, { host: this.#options.flags.host, port });
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

/** A container's limit, if there is one, else the machine's memory. */
function memoryOfThisProcess(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}
