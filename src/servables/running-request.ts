/** A request that is under way: what becomes of it is recorded, once, and told to whoever waits for it. */
import type { ServableId } from '../core/servable-id.js';
import type { ServingError } from '../errors.js';
import { type FinishedRun, metrics, type RequestRecorder, type WatchedRequest } from '../metrics/metrics.js';
import type { LaneId, SignatureId } from '../native/binding.js';
import type { EncodeOutputs, PredictRequest } from '../tensor/predict-request.js';
import type { MailboxOutputs, Pending } from '../workers/completions.js';
import { REPLY, ServableOutputs } from './servable-outputs.js';
import type { SignatureCall } from './signature.js';

/** What requests need of the model that they are for. */
export interface Runner {
  readonly id: ServableId;
  readonly lane: LaneId;
  /** Whether JSON requests can be for one signature only. */
  readonly hasJsonSignature: boolean;
  /** The recorder of the signature that the addon has found for a JSON request which `holder` has held. */
  find(holder: RequestRecorder, signature: SignatureId | undefined): RequestRecorder;
}

export interface RunningRequestOptions<T> {
  /** Undefined for JSON. */
  readonly call: SignatureCall | undefined;
  readonly encode: EncodeOutputs<T>;
  readonly recorder: RequestRecorder;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: ServingError) => void;
}

/** Methods, not closures: one is made for every request. */
export class RunningRequest<T> implements Pending {
  readonly lane: LaneId;
  readonly deadlineMillis: number;
  readonly #runner: Runner;
  readonly #options: RunningRequestOptions<T>;
  readonly #requestBytes: number;
  readonly #startMillis = performance.now();
  /** Whether the recorder is that of the request's signature; if not, it holds the request until the addon has found it. */
  readonly #isKnown: boolean;
  readonly #watched: WatchedRequest | undefined;

  constructor(runner: Runner, { body, deadlineMillis }: PredictRequest, options: RunningRequestOptions<T>) {
    this.lane = runner.lane;
    this.deadlineMillis = deadlineMillis;
    this.#runner = runner;
    this.#options = options;
    this.#requestBytes = body.byteLength;
    this.#isKnown = options.call !== undefined || runner.hasJsonSignature;
    if (this.#isKnown) options.recorder.begin(this.#requestBytes, this.#startMillis);
    else options.recorder.hold();
    this.#watched = metrics.trace.active ? metrics.trace.watch(options.recorder) : undefined;
  }

  onOutputs(outputs: MailboxOutputs): void {
    const { call, encode, resolve } = this.#options;
    const answerBytes = call === undefined ? outputs.byteLength(REPLY) : outputs.totalBytes;
    this.#watched?.ready();
    resolve(encode(new ServableOutputs(outputs, this.#runner.id, call)));
    this.#recorder(outputs.signature).succeed(outputs, this.#micros, answerBytes);
    this.#watched?.succeed(outputs);
  }

  onError(error: ServingError, signature?: SignatureId): void {
    this.#recorder(signature).fail(error.code, this.#micros);
    this.#options.reject(error);
    this.#watched?.fail(error);
  }

  onRun(run: FinishedRun, signature: SignatureId): void {
    const { recorder } = this.#options;
    (this.#isKnown ? recorder : this.#runner.find(recorder, signature)).ran(run);
  }

  /** Since it came, in microseconds. */
  get #micros(): number {
    return (performance.now() - this.#startMillis) * 1000;
  }

  /** To be asked for once, at the end: whoever takes the request over from its holder has it from then on. */
  #recorder(signature: SignatureId | undefined): RequestRecorder {
    const { recorder } = this.#options;
    if (this.#isKnown) return recorder;
    const found = this.#runner.find(recorder, signature);
    found.takeOver(recorder, this.#requestBytes, this.#startMillis);
    return found;
  }
}
