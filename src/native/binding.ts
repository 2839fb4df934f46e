/**
 * The addon's surface but for its gRPC transport, declared and documented. Only workers/ and servables/ import this file.
 * Functions are named after what they do in native/; errors they throw carry gRPC's code as `.code`.
 */
import { addon } from './addon.js';

/** Numbers of things that live on the native side, process-wide: the same in every thread. */
export type SessionId = number & { readonly __session: unique symbol };
export type SignatureId = number & { readonly __signature: unique symbol };
export type QueueId = number & { readonly __queue: unique symbol };
export type LaneId = number & { readonly __lane: unique symbol };

/** A device that TensorFlow sees. */
export interface DeviceInfo {
  /** E.g. `GPU:1`. */
  readonly name: string;
  /** Of its memory that TensorFlow may take. */
  readonly memoryBytes: number;
}

export interface SessionOptions {
  /** The SavedModel's folder. */
  readonly directory: string;
  /** Says in a few words what the folder's files are: sessions of different ones are never shared. Default: nothing. */
  readonly files?: string;
  /** Exact set of the meta graph's tags. */
  readonly tags: readonly string[];
  /** Serialized ConfigProto. */
  readonly config: Uint8Array;
  /**
   * The same for graphs that TensorFlow's single-threaded executor, which `config` then asks for, refuses: at once, or when a
   * request is to be run (native/engine/tensorflow/retreat.h). Default: there is none.
   */
  readonly generalConfig?: Uint8Array | undefined;
  /** Whether the configuration gives runs threads of their own, so that a deadline can end one under way. */
  readonly interruptible: boolean;
  /** Above 0: the folder's model.tflite is run, by so many interpreters, in place of its SavedModel. Default 0. */
  readonly tfliteInterpreters?: number;
  /** Where the whole graph is to run, `/device:GPU:1`; what it asks to have on the CPU stays there. Default: where TensorFlow puts it. */
  readonly device?: string | undefined;
  /** The TensorFlow server that runs the graph, `grpc://host:port`. Default: this process. */
  readonly target?: string | undefined;
  /** Sessions of different generations are never shared: another one asks for a new session. Default 0. */
  readonly generation?: number;
}

/** An input or output of a TensorFlow Lite model, as its file has it. */
export interface TfliteTensor {
  readonly name: string;
  /** DataType number; 0 for a type that TensorFlow has no equal of. */
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** A name of the file's own table of signatures, and the place of its tensor among the inputs or outputs; -1: it is none. */
export interface TfliteSignatureTensor {
  readonly alias: string;
  readonly place: number;
}

export interface TfliteSignature {
  readonly name: string;
  /** 0: the one that is run. */
  readonly subgraph: number;
  readonly inputs: readonly TfliteSignatureTensor[];
  readonly outputs: readonly TfliteSignatureTensor[];
}

export interface TfliteGraph {
  readonly inputs: readonly TfliteTensor[];
  readonly outputs: readonly TfliteTensor[];
  /** The table that converters write. */
  readonly signatures: readonly TfliteSignature[];
  /** The file's metadata entry `signature_defs_metadata`; empty if there is none. */
  readonly signatureDefs: Uint8Array;
}

/** Whether rows of a signature's tensors are proven not to depend on each other (native/engine/tensorflow/rows/). */
export interface RowProof {
  readonly signature: string;
  readonly proven: boolean;
  /** Why not: a clause that names the operation that stopped the proof. Empty if proven. */
  readonly reason: string;
}

/** An operation that a run of the signature reaches and that changes what outlasts the run. */
export interface LastingEffect {
  readonly signature: string;
  /** Its type, `WriteFile`, and its node's name, `function/node` within a function. */
  readonly op: string;
  readonly node: string;
}

export interface LoadedSession {
  readonly id: SessionId;
  /** Serialized MetaGraphDef of the loaded meta graph: its saver_def and signature_def alone, not the graph. */
  readonly metaGraph: Uint8Array;
  /** Names of the signatures whose runs take as long as their shapes say, whatever the values are. */
  readonly steadySignatures: readonly string[];
  /** One for each signature; none of TensorFlow Lite, whose models are not analysed. */
  readonly rowProofs: readonly RowProof[];
  /** The first such operation of each signature that has one; none of TensorFlow Lite, whose models are not analysed. */
  readonly lastingEffects: readonly LastingEffect[];
  /** Set where model.tflite was loaded, and then nothing else but `id` is known. */
  readonly tflite?: TfliteGraph;
}

export interface SignatureTensorName {
  /** The name that clients use. */
  readonly alias: string;
  /** `op:index`; no index means 0. */
  readonly tensorName: string;
  /** What JSON requests may call it as well. */
  readonly otherNames?: readonly string[];
  /** As declared, for messages: -1 is an unknown dimension. */
  readonly shape?: readonly number[] | undefined;
  /** Of a component: the input or output that it belongs to, which has no rows for JSON requests in row form. */
  readonly composite?: { readonly alias: string; readonly kind: string };
  /**
   * What an input is in JSON requests that leave it out, as submit() takes one (native/submission.h). One that does not fit
   * the tensor's type is as none.
   */
  readonly default?: { readonly words: Float64Array; readonly body: Uint8Array } | undefined;
}

export interface PreparedSignature {
  readonly id: SignatureId;
  /** DataType numbers as the graph has them, in the order given. */
  readonly inputTypes: readonly number[];
  readonly outputTypes: readonly number[];
  /** Why it cannot be run: an input that the graph does not have, or that is a RESOURCE or VARIANT. */
  readonly refusal?: Error;
  /** Why single outputs, by their places, cannot be asked for; likewise. Undefined: all can. */
  readonly outputRefusals?: readonly (Error | undefined)[];
}

/** What a model's lane in a queue takes in; 0 always means no limit. */
export interface LaneLimits {
  /** Requests that may wait. */
  readonly mostWaiting: number;
  /** Runs at a time. */
  readonly mostRunning: number;
  /** How long a request may be expected to wait. */
  readonly longestWaitMicros: number;
}

/** BatchingParameters as the queue follows them (native/batch_policy.h). Rows: the first dimension of all inputs. */
export interface BatchPolicy {
  /** Of a request; INVALID_ARGUMENT beyond. */
  readonly maxRows: number;
  /** Of a run; at most maxRows. */
  readonly maxRunRows: number;
  /** How long the first request may wait for a fuller batch; 0: not at all. */
  readonly timeoutMicros: number;
  /** UNAVAILABLE beyond. */
  readonly maxWaitingBatches: number;
  /** Ascending: runs are filled up to one of these numbers of rows. Empty: they are not. */
  readonly allowedRows: readonly number[];
  /** Inputs of unequal inner shape are filled up with zeros; else they are run separately. */
  readonly padsInner: boolean;
  /** Requests of more than maxRunRows are run in pieces. */
  readonly splits: boolean;
  /** Servables that name the same pool have together so many batches running at a time. */
  readonly poolName: string;
  readonly poolThreads: number;
}

export interface LaneOptions {
  /** Servables of one model share its lane, and its limits are those given last. */
  readonly model: string;
  readonly limits: LaneLimits;
  /** What it runs: closed when a run of the lane blocks it. Default: no session is closed. */
  readonly session?: SessionId | undefined;
  /** Of this servable alone; undefined: small requests that wait anyway share a run where the signature allows it. */
  readonly batching?: BatchPolicy | undefined;
}

/** A lane that takes nothing any more, since a run of it has not ended in time. */
export interface BlockedLane {
  readonly lane: LaneId;
  /** Whether it is in a report for the first time. */
  readonly isNew: boolean;
  /** Such runs that have not ended yet. It is in no further report once there is none. */
  readonly runs: number;
}

export interface RunReport {
  /** Worker threads that are to be started in place of those that runs hold. */
  readonly replacements: number;
  readonly lanes: readonly BlockedLane[];
  /** Numbers of this environment's requests whose run has just been found to block. */
  readonly givenUp: readonly number[];
}

export interface QueueStats {
  /** Requests that wait for a worker. */
  readonly waiting: number;
  /** Requests that workers have taken so far … */
  readonly taken: number;
  /** … in so many goes. */
  readonly batches: number;
  /** Requests that were run on the event loop, because that was quicker than waking a worker. */
  readonly quick: number;
  /** Requests that were not taken in. */
  readonly refused: number;
  /** Requests that were taken in and not run, since they could not be answered in time any more. */
  readonly dropped: number;
  /** Requests that a worker has run and that were answered after their deadline, so in vain. */
  readonly late: number;
  /** Workers that are held by a run which goes on for too long, and runs that have blocked their lanes so far. */
  readonly held: number;
  readonly blocked: number;
  /** Rows that workers have run, those that filled runs up included … */
  readonly rows: number;
  /** … and in how many runs: of up to 1, 2, 4 … 1024 rows, and of more. */
  readonly runsByRows: readonly number[];
}

/** Runs of graphs that have ended, since the process began. */
export interface GraphRunStats {
  readonly failures: number;
  /** Time that the good ones took together. */
  readonly micros: number;
  /** Good ones by the time that each took: up to 1000 · 2^n µs for the nth, and the last for what took longer. */
  readonly buckets: readonly number[];
}

/** What threads did, as native/run_trace.h says. */
export interface RunTraceWords {
  /**
   * Seven for each event: kind (0: requests taken by a worker, 1: taken by the event loop, 2: a run), thread, begin and end in
   * nanoseconds since startRunTrace(), number of requests or rows, and for a run the places of model and signature in `names`.
   */
  readonly words: Float64Array;
  readonly names: readonly string[];
  /** Events that were too many. */
  readonly dropped: number;
}

export interface MemoryStats {
  readonly usedBytes: number;
  readonly idleBytes: number;
  readonly budgetBytes: number;
}

export interface Binding {
  /**
   * Opens libtensorflow in `directory` for the whole process; returns its version. `forOpLibraries`: its symbols stand before
   * those of libraries that are opened later, as loadOpLibrary() needs it. Throws UNAVAILABLE.
   */
  openLibrary(directory: string, forOpLibraries?: boolean): string;
  /** Opens TensorFlow Lite's library at this path for the whole process; returns its version. Throws FAILED_PRECONDITION. */
  openLiteLibrary(path: string): string;
  /**
   * Registers the operations of a library with TensorFlow, for good; a library that is loaded again changes nothing. Throws
   * the linker's or TensorFlow's error, or FAILED_PRECONDITION where openLibrary() was not `forOpLibraries`.
   */
  loadOpLibrary(path: string): void;
  /** The addon's table of element types, for the test that it equals ours. */
  dataTypes(): { dtype: number; name: string; byteSize: number }[];

  /**
   * TensorFlow's devices, which it sets up if nothing has yet, as the serialized ConfigProto says: what that says of GPUs then
   * holds for the whole process. Blocks, with GPUs for seconds. Throws TensorFlow's error.
   */
  listDevices(config: Uint8Array): DeviceInfo[];
  /** Loads a session, or shares the one with equal options. Rejects with TensorFlow's error. Pair with releaseSession. */
  loadSession(options: SessionOptions): Promise<LoadedSession>;
  /**
   * What loadSession() tells of a serialized MetaGraphDef, without TensorFlow: some milliseconds for a large graph. Whatever
   * the bytes are, it does not throw; of bytes without signatures it says nothing.
   */
  proveRows(metaGraphDef: Uint8Array): RowProof[];
  /** Lets go of a session; it closes when its last request has ended. */
  releaseSession(id: SessionId): Promise<void>;
  /**
   * Resolves the tensors of a signature. With a name that is not empty, JSON requests for the session find it by that
   * name. Requests of a `batchable` one that wait together share a run: all its inputs and outputs must have a first
   * dimension that counts rows. A single small request of a `steady` one, whose runs take as long as their shapes say
   * whatever the values are, may be run on the event loop. Pair with removeSignature, also when it is refused.
   */
  prepareSignature(
    session: SessionId,
    name: string,
    inputs: readonly SignatureTensorName[],
    outputs: readonly SignatureTensorName[],
    batchable: boolean,
    steady: boolean,
  ): PreparedSignature;
  removeSignature(id: SignatureId): void;
  /**
   * Whether requests of the signature may share a run: it is `batchable`, stopSharing() was not called, and no run has shown that
   * an output lacks the rows of the inputs.
   */
  sharesRuns(id: SignatureId): boolean;
  /** From now on requests of the signature have runs of their own. */
  stopSharing(id: SignatureId): void;

  /** How a profile calls runs of the session, e.g. `model/1`. Pair with unnameSession, before releaseSession. */
  nameSession(id: SessionId, name: string): void;
  unnameSession(id: SessionId, name: string): void;
  /** Notes what all threads that run models do, up to so many events, until stopRunTrace(). */
  startRunTrace(mostEvents: number): void;
  stopRunTrace(): RunTraceWords;

  createQueue(): QueueId;
  /** Refuses what waits and what comes with UNAVAILABLE; lets serve() return false. */
  closeQueue(id: QueueId): void;
  removeQueue(id: QueueId): void;
  queueStats(id: QueueId): QueueStats;
  /** For tests, which must not go by how fast the machine is: runs that take so many times longer count as quick, too. */
  allowSlowerQuickRuns(times: number): void;
  /**
   * Runs requests in the calling thread until none came for `idleMillis`, or for a second. Returns whether to call
   * again: false once the queue is closed, or where there is a worker too many.
   */
  serve(queue: QueueId, idleMillis: number): boolean;
  /** A servable's way into the queue. Pair with closeLane; requests that wait by then are still served. */
  openLane(queue: QueueId, options: LaneOptions): LaneId;
  closeLane(id: LaneId): void;
  /** Has the lane refuse what waits and what comes, UNAVAILABLE, as if a run had blocked it. */
  blockLane(id: LaneId): void;
  /**
   * To be called several times a second: finds runs that hold their workers for nobody, and those that have taken longer than
   * `longestRunMillis` (0: none has), whose lanes are blocked and whose sessions are closed, which ends what can be ended. No
   * more than `mostExtraWorkers` are asked for at a time. Undefined where nothing is to be said.
   */
  watchRuns(queue: QueueId, longestRunMillis: number, mostExtraWorkers: number): RunReport | undefined;

  /** Where finished requests are delivered; once per environment. The mailbox's layout: native/completion_port.h. */
  attach(mailbox: Float64Array, onCompletions: (records: number) => void): void;
  /**
   * Queues a request, which is seen to at the end of the event loop's turn: by a worker, or, where that takes longer than
   * the run itself, there and then. `words` as native/submission.h says. The body's bytes have been copied when it returns.
   * Throws; where the queue has no room, with `retryMicros`: how long the client had better wait.
   */
  submit(lane: LaneId, signature: SignatureId, requestId: number, words: Float64Array, body: Uint8Array): void;
  /**
   * Queues a JSON request, to be parsed on the worker. Copies the body. `withTensors`: behind the reply's text come all
   * inputs and all outputs of the signature, in its order, in OutputFormat.RAW. Throws as submit() does.
   */
  submitJson(
    lane: LaneId,
    session: SessionId,
    requestId: number,
    millisLeft: number,
    priority: number,
    body: Uint8Array,
    withTensors: boolean,
  ): void;
  /** Drops a request that still waits; it completes as CANCELLED. False if it no longer waits. */
  cancel(lane: LaneId, requestId: number): boolean;
  /** Copies an output's bytes; only within onCompletions, for the record at that place of the mailbox. Throws. */
  copyOutput(record: number, output: number, target: Uint8Array, offset: number): void;

  /** The most bytes that tensors of requests may hold together; beyond it they fail with RESOURCE_EXHAUSTED. */
  setMemoryBudget(bytes: number): void;
  /** Counts bytes against that budget; false, having counted none, if so many are not left. Pair with releaseMemory. */
  reserveMemory(bytes: number): boolean;
  releaseMemory(bytes: number): void;
  memoryStats(): MemoryStats;
  graphRunStats(): GraphRunStats;
  /** Gives memory that was freed but is still held back to the system, off the event loop; with glibc only. */
  trimMemory(): Promise<void>;
  /** Lets the calling thread have the CPU sooner after it wakes where threads compete for it (native/time_slice.h). */
  shortenTimeSlice(): void;
  /** Ends the process at once, without waiting for workers that are inside a run. */
  exitNow(code: number): never;
}

export const binding = addon as Binding;
