/** Loads one version of a model onto each of its devices: its SavedModel, or model.tflite where that is preferred. */
import type { Loader } from '../core/loader.js';
import { formatServableId, type ServableId } from '../core/servable-id.js';
import { type AspiredVersion, placeOf } from '../core/source.js';
import { ServingError, toServingError } from '../errors.js';
import type { ConfigProto, TensorProto } from '../gen/messages.js';
import { log } from '../log.js';
import {
  type BatchPolicy,
  binding,
  type LaneId,
  type LaneLimits,
  type LoadedSession,
  type RowProof,
  type SessionId,
  type SignatureTensorName,
} from '../native/binding.js';
import { Cancellation } from '../tensor/predict-request.js';
import { isCpu } from '../workers/device-names.js';
import type { DeviceSetup } from '../workers/devices.js';
import type { LaneOwner, WorkerPool } from '../workers/pool.js';
import { defaultInput } from './default-input.js';
import { countLoad } from './load-metrics.js';
import { loadSession } from './load-session.js';
import { noteMlmd } from './mlmd.js';
import { loadUnchanged, ModelFiles } from './model-files.js';
import { isLostSession, remoteLoadError, remoteRunError } from './remote-session.js';
import { type BatchingMode, type BatchingOfVersion, type RunSharing, runSharingOf, SharedRuns } from './run-sharing.js';
import { SavedModel } from './saved-model.js';
import {
  checkHasTags,
  checkIsSavedModel,
  checkVariables,
  type MetaGraph,
  readMetaGraph,
  signatureInfos,
} from './saved-model-file.js';
import {
  generalSessionConfig,
  leanSessionConfig,
  remoteSessionConfig,
  type SessionOptions,
  type SessionParallelism,
  threadsOf,
} from './session-config.js';
import { sessionConfigOfVersion } from './session-config-of-version.js';
import { Signature } from './signature.js';
import type { SignatureInfo, TensorInfo } from './signature-info.js';
import { inputWords } from './submission.js';
import { hasTfliteModel } from './tflite-file.js';
import { loadTfliteSession, type TfliteOptions } from './tflite-session.js';
import { tfliteSignatures, withTensorNames } from './tflite-signatures.js';

export interface SavedModelLoaderOptions {
  /** Exact set of the meta graph's tags. */
  readonly tags: readonly string[];
  readonly parallelism: SessionParallelism;
  /** Share of the memory of each GPU; 0: as much as is needed. */
  readonly gpuMemoryFraction?: number;
  /** Whether GPU memory is taken as it is needed; default true. */
  readonly gpuMemoryGrowth?: boolean;
  /** What --tensorflow_session_config_file says; a version's own file replaces it, and the options above win over both. */
  readonly sessionConfig?: ConfigProto | undefined;
  /** Whether requests that wait together may share a run: where that is proven, where the signature allows it, or never. */
  readonly batching: BatchingMode;
  /** Given: a folder's model.tflite is run where there is one, in place of its SavedModel. */
  readonly tflite?: TfliteOptions | undefined;
  /** How, where batching is on and asked for: BatchingParameters by a file, or read for each version from its own folder. */
  readonly batchPolicy?: BatchPolicy | ((versionPath: string) => Promise<BatchPolicy | undefined>) | undefined;
  /** Default: none. */
  readonly limits?: LaneLimits;
  /** Where a model is to run: a version has a session of its own on each of these. At least one. */
  readonly devices: (model: string) => readonly WorkerPool[];
  /** The same for all models; default: one CPU device, GPUs without limit. */
  readonly deviceSetup?: DeviceSetup | undefined;
  /** The TensorFlow server that runs the graphs, `grpc://host:port`; default: this process. */
  readonly sessionTarget?: string | undefined;
  /** Default: none. */
  readonly warmUp?: WarmUp | undefined;
}

/**
 * Runs requests on a version that is loaded and not available yet; `directory` is its folder. Rejects if the version must not
 * become available, and soon after the cancellation.
 */
export type WarmUp = (model: SavedModel, directory: string, cancellation: Cancellation) => Promise<void>;

const NO_LIMITS: LaneLimits = { mostWaiting: 0, mostRunning: 0, longestWaitMicros: 0 };

/** Single rows that share a run where no BatchingParameters are given (kMostTogether in native/queue.cc). */
const MOST_TOGETHER = 32;

function policyOf(batching: BatchingOfVersion): BatchPolicy | undefined {
  return batching.kind === 'declared' ? batching.policy : undefined;
}

function largestBatchOf(batching: BatchingOfVersion): number {
  return batching.kind === 'off' ? 1 : (policyOf(batching)?.maxRunRows ?? MOST_TOGETHER);
}

function metaGraphOf({ metaGraph, tflite }: LoadedSession): MetaGraph {
  if (tflite === undefined) return readMetaGraph(metaGraph);
  return { signatures: signatureInfos(tfliteSignatures(tflite)).map(withTensorNames), hasVariables: false };
}

/** An input's default as JSON requests get it: the addon reads those. */
function withDefaults(
  inputs: readonly TensorInfo[],
  defaults: ReadonlyMap<string, TensorProto>,
): readonly SignatureTensorName[] {
  return inputs.map((input) => {
    const tensor = defaults.get(input.alias);
    const fallback = tensor && defaultInput(input.alias, tensor);
    return fallback === undefined
      ? input
      : { ...input, default: { words: inputWords(fallback.at(0)), body: fallback.bytes } };
  });
}

/** What the whole process holds less by then, in bytes: other models that load or run meanwhile count, too. */
function logUnloaded(id: ServableId, before: number, after: number): void {
  const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  log.info(`Unloaded servable ${formatServableId(id)}: gave back ${megabytes(before - after)} MB`, {
    residentMegabytes: megabytes(after),
  });
}

const REMEDY =
  'If its rows are independent of each other all the same, say so with --enable_batching=true for all models, or for this one ' +
  "with a batching_params.pbtxt in the version's folder and --enable_per_model_batching_parameters.";

function logUnproven(id: ServableId, { declared, sharedRuns }: SavedModel): void {
  for (const { name } of declared) {
    const { isUnproven, reason } = sharedRuns.of(name);
    if (isUnproven)
      log.info(
        `Requests for signature '${name}' of servable ${formatServableId(id)} do not share runs: ${reason}. ${REMEDY}`,
      );
  }
}

/** What runs are called in a profile. */
function traceName({ name, version }: ServableId): string {
  return `${name}/${version}`;
}

/** Of a TensorFlow Lite model nothing is proven. */
function proofOf({ rowProofs }: LoadedSession, signature: string): RowProof | undefined {
  return rowProofs.find((proof) => proof.signature === signature);
}

interface Loaded {
  readonly session: LoadedSession;
  readonly pool: WorkerPool;
}

interface Replica {
  readonly model: SavedModel;
  readonly signatures: readonly Signature[];
  readonly pool: WorkerPool;
  readonly lane: LaneId;
  readonly session: SessionId;
  readonly isRemote: boolean;
}

/** Where a model that a run has blocked cannot be loaded anew at once. */
const RELOAD_AGAIN_MILLIS = 10_000;

/** Where inputs and outputs lie, too. */
const LEAN_DEVICE = 'CPU:0';

async function releaseAll(sessions: readonly SessionId[]): Promise<void> {
  await Promise.all(sessions.map((session) => binding.releaseSession(session)));
}

function logReplicas(id: ServableId, replicas: readonly Replica[]): void {
  const devices = replicas.map(({ pool }) => pool.device).join(', ');
  log.info(`Servable ${formatServableId(id)} has a replica on each of ${replicas.length} devices`, {
    devices,
    residentMegabytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
  });
}

function deviceError(device: string, error: unknown): ServingError {
  const { code, message } = toServingError(error);
  return new ServingError(code, `On device ${device}, so on none of its devices: ${message}`, { cause: error });
}

export class SavedModelLoader implements Loader<SavedModel> {
  readonly #version: AspiredVersion;
  readonly #options: SavedModelLoaderOptions;
  /** In the folder that the path led to when the version was found, so that a link which moves on does not mix two of them. */
  readonly #files: ModelFiles;
  /** Read anew by each load. */
  #sessionConfig: ConfigProto | undefined;
  #sessions: readonly SessionId[] = [];
  /** One for each time that it was loaded on a device or on another server. */
  #replicas: readonly Replica[] = [];
  /** Those in use: one for each device. */
  #current: readonly Replica[] = [];
  /** Of these, those that a run has blocked. */
  readonly #blocked = new Set<LaneId>();
  /** Settled once load() is. */
  #loaded: Promise<unknown> = Promise.resolve();
  /** How often another server has had to load it again. */
  #generation = 0;
  #renewal: Promise<void> | undefined;
  /** Why it cannot be loaded there again until its files are as they were. */
  #refusal: ServingError | undefined;
  #unloading = false;
  readonly #cancellation = new Cancellation();

  constructor(version: AspiredVersion, options: SavedModelLoaderOptions) {
    this.#version = version;
    this.#options = options;
    // Another server has to find the same path, and need not have the same links.
    this.#files = new ModelFiles(options.sessionTarget === undefined ? placeOf(version) : version.path);
  }

  /**
   * Rejects with NOT_FOUND (no model there), FAILED_PRECONDITION (weights, or the library for TensorFlow Lite, missing),
   * UNAVAILABLE (files that change all the time), TensorFlow's own error, or what its warm-up rejects with.
   */
  async load(): Promise<SavedModel> {
    const isWanted = () => !this.#cancellation.cancelled;
    try {
      const model = countLoad(this.#version.path, () => loadUnchanged(this.#files, () => this.#load(), isWanted));
      this.#loaded = model.catch(() => {});
      return await model;
    } finally {
      this.#cancellation.onCancel(() => {}); // the listener there is would keep the last request of the warm-up
    }
  }

  async #load(): Promise<SavedModel> {
    const { id } = this.#version;
    const { directory: path } = this.#files;
    const batching = await this.#batching();
    this.#sessionConfig = await sessionConfigOfVersion(path, this.#options.sessionConfig);
    const loaded = await this.#loadPreferred();
    try {
      for (const each of loaded) this.#replicas = [...this.#replicas, this.#replica(each, batching)];
      this.#current = this.#replicas;
      for (const { model } of this.#replicas) await this.#options.warmUp?.(model, path, this.#cancellation);
      noteMlmd(id, path);
      await this.#files.check();
      logUnproven(id, (this.#replicas[0] as Replica).model);
      this.#keep(loaded);
      return this.#spread(batching);
    } catch (error) {
      this.#closeReplicas();
      await releaseAll(loaded.map(({ session }) => session.id));
      throw toServingError(error);
    }
  }

  /** Ends a warm-up; the load before it goes on to its end. */
  abandon(): void {
    this.#cancellation.cancel();
  }

  async unload(): Promise<void> {
    this.#unloading = true;
    await this.#renewal;
    const sessions = this.#sessions;
    this.#closeReplicas();
    this.#sessions = [];
    if (sessions.length === 0) return;
    for (const session of sessions) binding.unnameSession(session, traceName(this.#version.id));
    const before = process.memoryUsage.rss();
    await releaseAll(sessions);
    await binding.trimMemory();
    logUnloaded(this.#version.id, before, process.memoryUsage.rss());
  }

  /** Parameters are as good as a promise that rows are independent. Where each version is to have its own, those without wait for a proof. */
  async #batching(): Promise<BatchingOfVersion> {
    const { batching, batchPolicy } = this.#options;
    if (batching === 'false') return { kind: 'off', reason: 'batching is turned off' };
    const isOwn = typeof batchPolicy === 'function';
    const policy = isOwn ? await batchPolicy(this.#files.directory) : batchPolicy;
    if (policy !== undefined) return { kind: 'declared', policy };
    if (batching === 'auto') return { kind: 'proven' };
    return isOwn ? { kind: 'off', reason: 'the version has no batching_params.pbtxt' } : { kind: 'declared' };
  }

  #keep(loaded: readonly Loaded[]): void {
    for (const { session } of loaded) binding.nameSession(session.id, traceName(this.#version.id));
    this.#sessions = [...this.#sessions, ...loaded.map(({ session }) => session.id)];
  }

  #closeReplicas(): void {
    for (const { model, pool, lane } of this.#replicas) {
      pool.forgetLane(lane);
      model.close();
    }
    this.#replicas = [];
    this.#current = [];
  }

  #replica({ session, pool }: Loaded, batching: BatchingOfVersion): Replica {
    const { id } = this.#version;
    const metaGraph = metaGraphOf(session);
    if (metaGraph.hasVariables) checkVariables(this.#files.directory);
    const [first] = this.#replicas;
    // One that cannot be run does not keep the others from being served: it says why when it is asked for.
    const runnable = metaGraph.signatures.filter(({ isInternal }) => !isInternal);
    const sharedRuns = new SharedRuns();
    const signatures = runnable.map((info, index) => {
      const known = first?.model.sharedRuns.of(info.name);
      // What has been found out about the first replica holds for those that another server comes to load.
      const sharing = known?.kind === 'off' ? known : runSharingOf(info, batching, proofOf(session, info.name));
      const signature = this.#prepare(session, info, sharing, first?.signatures[index]);
      sharedRuns.add(info.name, signature.id, sharing);
      return signature;
    });
    const { limits = NO_LIMITS } = this.#options;
    const lane = binding.openLane(pool.queue, {
      model: id.name,
      session: session.id,
      limits,
      batching: policyOf(batching),
    });
    pool.watchLane(lane, this.#laneOwner(session.id, lane, batching));
    const model = new SavedModel({
      id,
      session: session.id,
      lane,
      signatures,
      declared: metaGraph.signatures,
      largestBatch: largestBatchOf(batching),
      sharedRuns,
      lastingEffects: session.lastingEffects,
      sibling: first?.model,
    });
    const isRemote = this.#options.sessionTarget !== undefined && session.tflite === undefined;
    return { model, signatures, pool, lane, session: session.id, isRemote };
  }

  /** The first replica answers for all of them; on the only device of the server there is nothing to choose. */
  #spread(batching: BatchingOfVersion): SavedModel {
    const [first] = this.#replicas as readonly [Replica];
    if (first.isRemote) this.#useLast(batching);
    const places = this.#current.flatMap(({ model, pool: { load } }) => (load === undefined ? [] : [{ model, load }]));
    if (places.length > 0) first.model.spreadOver(places);
    if (places.length > 1) logReplicas(this.#version.id, this.#current);
    return first.model;
  }

  /** What is done about runs of the replica that do not end. */
  #laneOwner(session: SessionId, lane: LaneId, batching: BatchingOfVersion): LaneOwner {
    const label = `Servable ${formatServableId(this.#version.id)}`;
    return {
      session,
      label,
      onBlocked: () => {
        log.error(
          `${label} is blocked: a run of it has not ended within the limit (--max_run_time_in_ms). It refuses all requests ` +
            'until that run has ended and it has been loaded anew.',
        );
        this.#blocked.add(lane);
        if (this.#current.length > 1) this.#useCurrent(batching);
      },
      onFree: () => void this.#replace(lane, batching),
    };
  }

  /** Has the model loaded anew where a run has blocked it. Its session is closed; the one that answers for all stays. */
  async #replace(lane: LaneId, batching: BatchingOfVersion): Promise<void> {
    await this.#loaded; // the blocked run may have been its warm-up's
    const blocked = this.#current.find((replica) => replica.lane === lane);
    if (blocked === undefined || this.#unloading) return;
    const label = `Servable ${formatServableId(this.#version.id)}`;
    try {
      const session = await this.#loadSessionOn(blocked.pool);
      if (this.#unloading) return await binding.releaseSession(session.id);
      const loaded = { session, pool: blocked.pool };
      const fresh = this.#replica(loaded, batching);
      this.#keep([loaded]);
      // The first one answers for all of them, with or without a session.
      this.#replicas = [...this.#replicas.filter((replica, i) => i === 0 || replica !== blocked), fresh];
      this.#current = this.#current.map((replica) => (replica === blocked ? fresh : replica));
      this.#blocked.delete(lane);
      this.#useCurrent(batching);
      blocked.pool.forgetLane(lane);
      blocked.model.letGo();
      await this.#release(blocked.session);
      log.warn(`${label} was loaded anew, and takes requests again.`);
    } catch (error) {
      log.error(`${label} could not be loaded anew, and is tried again: ${toServingError(error).message}`);
      setTimeout(() => void this.#replace(lane, batching), RELOAD_AGAIN_MILLIS).unref();
    }
  }

  async #release(session: SessionId): Promise<void> {
    this.#sessions = this.#sessions.filter((each) => each !== session);
    binding.unnameSession(session, traceName(this.#version.id));
    await binding.releaseSession(session);
  }

  /** Sends requests to the replicas that are not blocked; if all are, to these, to be told so. */
  #useCurrent(batching: BatchingOfVersion): void {
    const [first] = this.#replicas as readonly [Replica];
    const able = this.#current.filter(({ lane }) => !this.#blocked.has(lane));
    const used = able.length > 0 ? able : this.#current;
    const places = used.map(({ model, pool }) => ({ model, load: pool.load ?? { inFlight: 0 } }));
    if (first.isRemote) this.#useLast(batching);
    else first.model.spreadOver(places);
  }

  /** Sends requests to where the other server has loaded the model last, and has it loaded again once that is lost. */
  #useLast(batching: BatchingOfVersion): void {
    const [first] = this.#replicas as readonly [Replica];
    const { model } = this.#replicas.at(-1) as Replica;
    const generation = this.#generation;
    const onError = (error: unknown): ServingError => {
      if (!isLostSession(error)) return remoteRunError(this.#options.sessionTarget ?? '', error);
      if (generation === this.#generation) this.#renew(batching);
      return this.#refusal ?? remoteRunError(this.#options.sessionTarget ?? '', error);
    };
    first.model.spreadOver([{ model, load: { inFlight: 0 }, onError }]);
  }

  /** Old sessions stay until the version is unloaded: requests may still be on their way to them. */
  #renew(batching: BatchingOfVersion): void {
    if (this.#renewal !== undefined || this.#unloading) return;
    const about = `servable ${formatServableId(this.#version.id)} on ${this.#options.sessionTarget}`;
    this.#renewal = this.#loadAgain(batching)
      .then(
        () => log.warn(`Loaded ${about} again, where it was lost.`),
        async (thrown) => {
          const error = toServingError(thrown);
          log.error(`Failed to load ${about} again: ${error.message}`);
          this.#refusal = (await this.#files.haveChanged()) ? error : undefined;
        },
      )
      .finally(() => {
        this.#renewal = undefined;
      });
  }

  async #loadAgain(batching: BatchingOfVersion): Promise<void> {
    this.#generation += 1;
    try {
      const loaded = await this.#loadPreferred();
      this.#keep(loaded);
      for (const each of loaded) this.#replicas = [...this.#replicas, this.#replica(each, batching)];
      this.#current = this.#replicas.slice(-loaded.length);
    } finally {
      this.#useLast(batching); // of this generation, so that the next loss is noticed
    }
  }

  #prepare(
    { id, steadySignatures }: LoadedSession,
    info: SignatureInfo,
    sharing: RunSharing,
    sibling: Signature | undefined,
  ): Signature {
    const batchable = sharing.kind !== 'off';
    const steady = steadySignatures.includes(info.name);
    const inputs = info.defaults === undefined ? info.inputs : withDefaults(info.inputs, info.defaults);
    const prepared = binding.prepareSignature(id, info.name, inputs, info.outputs, batchable, steady);
    return new Signature(info, prepared, sibling);
  }

  /** On all devices or on none. TensorFlow Lite runs in the worker's thread, on no device of TensorFlow's: it is loaded once. */
  async #loadPreferred(): Promise<readonly Loaded[]> {
    const { id } = this.#version;
    const { directory: path } = this.#files;
    const { tflite } = this.#options;
    const pools = this.#options.devices(id.name);
    if (tflite !== undefined && hasTfliteModel(path)) {
      const pool = pools.find(({ device }) => isCpu(device)) ?? (pools[0] as WorkerPool);
      return [{ session: await loadTfliteSession(this.#files, tflite), pool }];
    }
    checkIsSavedModel(path);
    const tried = await Promise.allSettled(pools.map((pool) => this.#loadSession(pool)));
    const sessions = tried.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = tried.findIndex((result) => result.status === 'rejected');
    if (failed < 0) return sessions.map((session, index) => ({ session, pool: pools[index] as WorkerPool }));
    await releaseAll(sessions.map((session) => session.id));
    const { reason } = tried[failed] as PromiseRejectedResult;
    throw pools.length === 1 ? reason : deviceError((pools[failed] as WorkerPool).device, reason);
  }

  /** As #loadPreferred() has done on that device. */
  async #loadSessionOn(pool: WorkerPool): Promise<LoadedSession> {
    const { tflite } = this.#options;
    const files = this.#files;
    return tflite !== undefined && hasTfliteModel(files.directory)
      ? loadTfliteSession(files, tflite)
      : this.#loadSession(pool);
  }

  /** The lean session where graph and device allow it, else the general one. */
  async #loadSession(pool: WorkerPool): Promise<LoadedSession> {
    const config = this.#sessionOptions();
    if (this.#options.sessionTarget !== undefined) return this.#loadWith(remoteSessionConfig(config), pool);
    const general = generalSessionConfig(config);
    if (config.interOp > 0 || !this.#isWholeOn(pool)) return this.#loadWith(general, pool);
    return this.#loadWith(leanSessionConfig(config), pool, general);
  }

  /** A session that is loaded later, in place of a lost one for example, must be of the same files as the first. */
  async #checkUnchanged(session: LoadedSession): Promise<void> {
    try {
      await this.#files.check();
    } catch (error) {
      await binding.releaseSession(session.id);
      throw error;
    }
  }

  /** Whether all of a graph lies where its inputs and outputs do, whatever devices it names itself: see leanSessionConfig(). */
  #isWholeOn({ device }: WorkerPool): boolean {
    return device === LEAN_DEVICE && (this.#options.deviceSetup?.cpus ?? 1) === 1;
  }

  #sessionOptions(): SessionOptions {
    const { parallelism, gpuMemoryFraction = 0, gpuMemoryGrowth = true, deviceSetup: devices } = this.#options;
    const base = this.#sessionConfig;
    return { ...threadsOf(parallelism, base), gpuMemoryFraction, gpuMemoryGrowth, devices, base };
  }

  async #loadWith(config: Uint8Array, { placement }: WorkerPool, generalConfig?: Uint8Array): Promise<LoadedSession> {
    const { tags, sessionTarget: target } = this.#options;
    const { directory, stamp: files } = this.#files;
    const interruptible = target !== undefined || this.#sessionOptions().interOp > 0;
    const generation = this.#generation;
    const placed = { device: placement, target, generation };
    const options = { directory, files, tags, config, generalConfig, interruptible, ...placed };
    const session = await loadSession(options).catch((error) => {
      checkHasTags(directory, tags);
      throw target === undefined ? error : remoteLoadError(target, error);
    });
    await this.#checkUnchanged(session);
    return session;
  }
}
