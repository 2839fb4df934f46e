/** Loads one version of a SavedModel onto one device. */
import type { Loader } from '../core/loader.js';
import type { AspiredVersion } from '../core/source.js';
import { toServingError } from '../errors.js';
import type { ConfigProto } from '../gen/messages.js';
import { binding, type LoadedSession, type QueueId, type SessionId } from '../native/binding.js';
import { noteMlmd } from './mlmd.js';
import { SavedModel } from './saved-model.js';
import { checkHasTags, checkIsSavedModel, checkVariables, readMetaGraph } from './saved-model-file.js';
import {
  generalSessionConfig,
  leanSessionConfig,
  type SessionOptions,
  type SessionParallelism,
} from './session-config.js';
import { Signature } from './signature.js';
import { isBatchable, type SignatureInfo } from './signature-info.js';
import { SteadyCosts } from './steady-cost.js';

export interface SavedModelLoaderOptions {
  /** Exact set of the meta graph's tags. */
  readonly tags: readonly string[];
  readonly parallelism: SessionParallelism;
  /** Share of the memory of each GPU; 0: as much as is needed. */
  readonly gpuMemoryFraction?: number;
  /** What --tensorflow_session_config_file says; the options above win over it. */
  readonly sessionConfig?: ConfigProto | undefined;
  /** Whether requests that wait together may share a run, where the signature allows it. */
  readonly batching: boolean;
  /** The queue of the device that the model is to run on. */
  readonly queue: QueueId;
}

/** How TensorFlow words it when the single-threaded executor meets TF1 reference variables, already while restoring. */
const REFUSED_BY_LEAN_EXECUTOR = /single-threaded executor/i;

export class SavedModelLoader implements Loader<SavedModel> {
  readonly #version: AspiredVersion;
  readonly #options: SavedModelLoaderOptions;
  #session: SessionId | undefined;
  #servable: SavedModel | undefined;

  constructor(version: AspiredVersion, options: SavedModelLoaderOptions) {
    this.#version = version;
    this.#options = options;
  }

  /** Rejects with NOT_FOUND (no SavedModel there), FAILED_PRECONDITION (weights missing) or TensorFlow's own error. */
  async load(): Promise<SavedModel> {
    const { path, id } = this.#version;
    checkIsSavedModel(path);
    const session = await this.#loadSession();
    try {
      const metaGraph = readMetaGraph(session.metaGraph);
      if (metaGraph.hasVariables) checkVariables(path);
      // One that cannot be run does not keep the others from being served: it says why when it is asked for.
      const runnable = metaGraph.signatures.filter(({ isInternal }) => !isInternal);
      const costs = new SteadyCosts(session.metaGraph);
      const signatures = runnable.map((info) => this.#prepare(session.id, info, costs));
      const { queue } = this.#options;
      this.#servable = new SavedModel({ id, session: session.id, queue, signatures, declared: metaGraph.signatures });
      this.#session = session.id;
      noteMlmd(id, path);
      return this.#servable;
    } catch (error) {
      await binding.releaseSession(session.id);
      throw toServingError(error);
    }
  }

  async unload(): Promise<void> {
    this.#servable?.close();
    if (this.#session !== undefined) await binding.releaseSession(this.#session);
    this.#servable = undefined;
    this.#session = undefined;
  }

  #prepare(session: SessionId, info: SignatureInfo, costs: SteadyCosts): Signature {
    const batchable = this.#options.batching && isBatchable(info);
    const steady = costs.isSteady(info);
    return new Signature(
      info,
      binding.prepareSignature(session, info.name, info.inputs, info.outputs, batchable, steady),
    );
  }

  /** The lean session where the graph allows it, else the general one. */
  async #loadSession(): Promise<LoadedSession> {
    const config = this.#sessionOptions();
    if (config.interOp > 0) return this.#loadWith(generalSessionConfig(config));
    try {
      const lean = await this.#loadWith(leanSessionConfig(config));
      if (!lean.hasV1ControlFlow) return lean;
      await binding.releaseSession(lean.id);
    } catch (error) {
      if (!REFUSED_BY_LEAN_EXECUTOR.test(String(error))) throw toServingError(error);
    }
    return this.#loadWith(generalSessionConfig(config));
  }

  /** The flags, and for what they leave open the file. */
  #sessionOptions(): SessionOptions {
    const { parallelism, gpuMemoryFraction = 0, sessionConfig: base } = this.#options;
    const intraOp = parallelism.intraOp || Math.max(0, base?.intra_op_parallelism_threads ?? 0);
    const interOp = parallelism.interOp || Math.max(0, base?.inter_op_parallelism_threads ?? 0);
    return { intraOp, interOp, gpuMemoryFraction, base };
  }

  async #loadWith(config: Uint8Array): Promise<LoadedSession> {
    const { tags } = this.#options;
    const interruptible = this.#sessionOptions().interOp > 0;
    try {
      return await binding.loadSession({ directory: this.#version.path, tags, config, interruptible });
    } catch (error) {
      checkHasTags(this.#version.path, tags);
      throw error;
    }
  }
}
