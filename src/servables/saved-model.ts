/** A loaded SavedModel: the servable that answers predict requests. */
import type { ServableId } from '../core/servable-id.js';
import { Code, ServingError, toServingError } from '../errors.js';
import { metrics, type RequestRecorder, type RequestSource, requestSource } from '../metrics/metrics.js';
import { binding, type LaneId, type LastingEffect, type SessionId, type SignatureId } from '../native/binding.js';
import {
  type EncodeOutputs,
  type JsonPredictRequest,
  type PredictRequest,
  Priority,
  type TensorPredictRequest,
} from '../tensor/predict-request.js';
import { completions, type Pending, type Submitted } from '../workers/completions.js';
import type { DeviceLoad } from '../workers/device-load.js';
import { GraphSignatures } from './graph-signatures.js';
import { Replicas } from './replicas.js';
import type { RunSharing, SharedRuns } from './run-sharing.js';
import { type Runner, RunningRequest } from './running-request.js';
import { type ServableOutputs, signatureNames } from './servable-outputs.js';
import { type Signature, type SignatureCall, signatureNotFound } from './signature.js';
import { DEFAULT_SIGNATURE, type SignatureInfo } from './signature-info.js';
import { writeSubmission } from './submission.js';

/** What requests count as whose caller does not say. */
const DEFAULT_SOURCE = requestSource('grpc', 'Predict');

export interface SavedModelOptions {
  readonly id: ServableId;
  readonly session: SessionId;
  /** Where runs are queued: the model's lane at the device that the session lies on. close() closes it. */
  readonly lane: LaneId;
  /** A replica of the same version on another device: requests of both are recorded together. */
  readonly sibling?: SavedModel | undefined;
  /** Those that clients may run, in the order of the names' bytes. */
  readonly signatures: readonly Signature[];
  readonly declared: readonly SignatureInfo[];
  /** The rows that a run has at the most where requests share it; 1: none do. */
  readonly largestBatch: number;
  readonly sharedRuns: SharedRuns;
  readonly lastingEffects: readonly LastingEffect[];
}

/** A replica. */
export interface Place {
  readonly model: SavedModel;
  /** Of its device. */
  readonly load: DeviceLoad;
  /** Sees the error of each request that fails there, and says what the client is told; default: the same. */
  readonly onError?: (error: unknown) => ServingError;
}

export class SavedModel {
  readonly id: ServableId;
  /** All that the SavedModel declares, internal ones too, in the order of the names' bytes. */
  readonly declared: readonly SignatureInfo[];
  readonly #largestBatch: number;
  /** On this device alone; see sharing(). */
  readonly sharedRuns: SharedRuns;
  readonly #lastingEffects: readonly LastingEffect[];
  readonly #session: SessionId;
  readonly #lane: LaneId;
  readonly #signatures: ReadonlyMap<string, Signature>;
  readonly #graphSignatures: GraphSignatures;
  /** For requests whose signature is not known: refused before, or JSON, until the addon has found it. */
  readonly #recorders: (RequestRecorder | undefined)[];
  readonly #allRecorders: RequestRecorder[];
  /** Where requests go; undefined: they are run here. */
  #replicas: Replicas | undefined;
  #places: readonly Place[] = [];
  /** Of JSON requests: the only signature there is, else empty. */
  readonly #jsonSignature: string;
  readonly #runner: Runner;
  #hasLetGo = false;

  constructor(options: SavedModelOptions) {
    this.id = options.id;
    this.declared = options.declared;
    this.#largestBatch = options.largestBatch;
    this.sharedRuns = options.sharedRuns;
    this.#lastingEffects = options.lastingEffects;
    this.#session = options.session;
    this.#lane = options.lane;
    this.#signatures = new Map(options.signatures.map((signature) => [signature.name, signature]));
    for (const { id, name } of options.signatures) signatureNames.set(id, name);
    this.#graphSignatures = new GraphSignatures(options.session);
    const { sibling } = options;
    const only = options.signatures.length === 1 ? options.signatures[0] : undefined;
    // Those of the only signature: two of one name would be the same series.
    this.#recorders = only?.recorders ?? (sibling === undefined ? [] : sibling.#recorders);
    this.#allRecorders = sibling === undefined ? [] : sibling.#allRecorders;
    this.#jsonSignature = only?.name ?? '';
    this.#runner = {
      id: this.id,
      lane: this.#lane,
      hasJsonSignature: this.#jsonSignature !== '',
      find: (holder, signature) => this.#found(holder, signature),
    };
  }

  /** What a signature that clients may run declares; undefined if there is none of that name. */
  signature(name: string): SignatureInfo | undefined {
    return this.#signatures.get(name)?.info;
  }

  /** How requests of a signature share runs; with several devices it is off if it is so on one of them. */
  sharing(signature: string): RunSharing {
    const all = this.#places.map(({ model }) => model.sharedRuns.of(signature));
    return all.find(({ kind }) => kind === 'off') ?? all[0] ?? this.sharedRuns.of(signature);
  }

  /** The rows that a run of the signature has at the most where requests share it; 1: none do. */
  largestBatchOf(signature: string): number {
    return this.sharedRuns.of(signature).kind === 'off' ? 1 : this.#largestBatch;
  }

  /** An operation of the signature that changes what outlasts a run; undefined if there is none. */
  lastingEffect(signature: string): LastingEffect | undefined {
    return this.#lastingEffects.find((effect) => effect.signature === signature);
  }

  /**
   * Runs the model; see Api.predict for what it rejects with. The body of the request has been read when
   * the promise is returned.
   */
  predict<T>(request: PredictRequest, encode: EncodeOutputs<T>, source = DEFAULT_SOURCE): Promise<T> {
    return this.#replicas === undefined
      ? this.#predictHere(request, encode, source)
      : this.#replicas.predict(request, encode, source);
  }

  /** Counts a request that has been refused before it came to predict(), with the error of that. */
  countRefused(source: RequestSource, thrown: unknown, bodyBytes = 0): void {
    const recorder = this.#recorder(this.#recorders, this.#jsonSignature, source);
    recorder.begin(bodyBytes);
    recorder.fail(toServingError(thrown).code);
  }

  /** From now on requests are spread over these, of which it may be one itself, and whose devices' loads are counted. */
  spreadOver(places: readonly Place[]): void {
    this.#places = places;
    this.#replicas = new Replicas(
      places.map(({ model, load, onError }) => ({
        load,
        predict: (request, encode, source) => {
          const answer = model.#predictHere(request, encode, source);
          return onError === undefined ? answer : answer.catch((error: unknown) => Promise.reject(onError(error)));
        },
      })),
    );
  }

  #predictHere<T>(request: PredictRequest, encode: EncodeOutputs<T>, source: RequestSource): Promise<T> {
    // Not async: that would be one more promise for each request.
    try {
      return request.kind === 'json'
        ? this.#predictJson(request, encode, source)
        : this.#predictTensors(request, encode, source);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Gives lane and prepared calls back; the session's owner releases the session. Requests go to other replicas from then on,
   * which this one still answers for.
   */
  letGo(): void {
    if (this.#hasLetGo) return;
    this.#hasLetGo = true;
    binding.closeLane(this.#lane);
    for (const { id } of this.#signatures.values()) {
      signatureNames.delete(id);
      binding.removeSignature(id);
    }
    this.#graphSignatures.close();
  }

  /** Lets go, and retires what its requests are recorded with. */
  close(): void {
    this.letGo();
    for (const recorder of this.#allRecorders) metrics.requests.retire(recorder);
  }

  #recorder(recorders: (RequestRecorder | undefined)[], signature: string, source: RequestSource): RequestRecorder {
    const known = recorders[source.index];
    if (known !== undefined) return known;
    const recorder = metrics.requests.recorder(this.id.name, this.id.version, signature, source);
    recorders[source.index] = recorder;
    this.#allRecorders.push(recorder);
    return recorder;
  }

  /** The call that the request asks for. Counts a request that is refused. */
  #prepareCounted(request: TensorPredictRequest, source: RequestSource): SignatureCall {
    try {
      return this.#prepare(request);
    } catch (error) {
      this.countRefused(source, error, request.body.byteLength);
      throw error;
    }
  }

  /** Calls that no signature declares are recorded as those of no signature. */
  #recorderOf({ signature }: SignatureCall, source: RequestSource): RequestRecorder {
    return this.#signatures.get(signature.name) === signature
      ? this.#recorder(signature.recorders, signature.name, source)
      : this.#recorder(this.#recorders, this.#jsonSignature, source);
  }

  #prepare(request: TensorPredictRequest): SignatureCall {
    const name = request.signatureName || DEFAULT_SIGNATURE;
    const signature = this.#signatures.get(name) ?? this.#onlySignature(request);
    if (signature === undefined && request.signatureName !== '') throw signatureNotFound(name, this.#signatures.keys());
    if (request.allowGraphTensors && !signature?.covers(request)) return this.#graphSignatures.call(request, signature);
    if (signature === undefined) throw signatureNotFound(name, this.#signatures.keys());
    return signature.call(request);
  }

  /** GraphPipe's clients cannot name a signature: a model without serving_default offers its first one. */
  #onlySignature(request: TensorPredictRequest): Signature | undefined {
    if (!request.allowGraphTensors || request.signatureName !== '') return undefined;
    return this.#signatures.values().next().value;
  }

  #predictTensors<T>(request: TensorPredictRequest, encode: EncodeOutputs<T>, source: RequestSource): Promise<T> {
    const call = this.#prepareCounted(request, source);
    return this.#run(request, call, encode, this.#recorderOf(call, source), (id) => {
      const priority = request.priority ?? Priority.NORMAL;
      const words = writeSubmission(request.outputFormat, priority, millisLeft(request), call.fetches, call.inputs);
      binding.submit(this.#lane, call.signature.id, id, words, call.body);
    });
  }

  #predictJson<T>(request: JsonPredictRequest, encode: EncodeOutputs<T>, source: RequestSource): Promise<T> {
    const recorder = this.#recorder(this.#recorders, this.#jsonSignature, source);
    const { onTensors, body, priority = Priority.NORMAL } = request;
    const encodeJson: EncodeOutputs<T> =
      onTensors === undefined
        ? encode
        : (outputs) => {
            this.#showTensors(outputs as ServableOutputs, onTensors);
            return encode(outputs);
          };
    return this.#run(request, undefined, encodeJson, recorder, (id) => {
      const [lane, session] = [this.#lane, this.#session];
      binding.submitJson(lane, session, id, millisLeft(request), priority, body, onTensors !== undefined);
    });
  }

  #showTensors(outputs: ServableOutputs, onTensors: NonNullable<JsonPredictRequest['onTensors']>): void {
    const info = this.signature(outputs.signatureName);
    // The signature of another servable that is gone by now.
    if (info === undefined || outputs.countBehindReply !== info.inputs.length + info.outputs.length) return;
    onTensors(outputs.behindReply(info.inputs, 0), outputs.behindReply(info.outputs, info.inputs.length));
  }

  /** The recorder of the signature that the addon has found for a JSON request which `holder` has held. */
  #found(holder: RequestRecorder, id: SignatureId | undefined): RequestRecorder {
    const signature = id === undefined ? undefined : this.#signatures.get(signatureNames.get(id) ?? '');
    return signature === undefined ? holder : this.#recorder(signature.recorders, signature.name, holder.source);
  }

  /** Every request that has come this far is recorded, once. */
  #run<T>(
    request: PredictRequest,
    call: SignatureCall | undefined,
    encode: EncodeOutputs<T>,
    recorder: RequestRecorder,
    submit: (id: number) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const running = new RunningRequest(this.#runner, request, { call, encode, recorder, resolve, reject });
      const submitted = this.#submit(running, submit);
      request.cancellation?.onCancel(() => submitted?.giveUp(new ServingError(Code.CANCELLED, CLIENT_GONE)));
    });
  }

  /** completions().submit(), with an error told as those that come later. */
  #submit(pending: Pending, submit: (id: number) => void): Submitted | undefined {
    try {
      return completions().submit(pending, submit);
    } catch (error) {
      pending.onError(toServingError(error));
      return undefined;
    }
  }
}

const CLIENT_GONE = 'The client cancelled the request or went away.';

function millisLeft(request: PredictRequest): number {
  return request.deadlineMillis === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : request.deadlineMillis - Date.now();
}
