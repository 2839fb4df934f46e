/** A loaded SavedModel: the servable that answers predict requests. */
import type { ServableId } from '../core/servable-id.js';
import { Code, ServingError } from '../errors.js';
import { binding, type QueueId, type SessionId } from '../native/binding.js';
import type { DataType } from '../tensor/dtype.js';
import type {
  EncodeOutputs,
  JsonPredictRequest,
  Outputs,
  PredictRequest,
  TensorPredictRequest,
} from '../tensor/predict-request.js';
import { completions, type MailboxOutputs } from '../workers/completions.js';
import { GraphSignatures } from './graph-signatures.js';
import { type Signature, type SignatureCall, signatureNotFound } from './signature.js';
import type { SignatureInfo } from './signature-info.js';
import { writeSubmission } from './submission.js';

export const DEFAULT_SIGNATURE = 'serving_default';

export interface SavedModelOptions {
  readonly id: ServableId;
  readonly session: SessionId;
  /** Where runs are queued: the device that the session lies on. */
  readonly queue: QueueId;
  /** Those that clients may run, in the order of the names' bytes. */
  readonly signatures: readonly Signature[];
  readonly declared: readonly SignatureInfo[];
}

export class SavedModel {
  readonly id: ServableId;
  /** All that the SavedModel declares, internal ones too, in the order of the names' bytes. */
  readonly declared: readonly SignatureInfo[];
  readonly #session: SessionId;
  readonly #queue: QueueId;
  readonly #signatures: ReadonlyMap<string, Signature>;
  readonly #graphSignatures: GraphSignatures;

  constructor(options: SavedModelOptions) {
    this.id = options.id;
    this.declared = options.declared;
    this.#session = options.session;
    this.#queue = options.queue;
    this.#signatures = new Map(options.signatures.map((signature) => [signature.name, signature]));
    this.#graphSignatures = new GraphSignatures(options.session);
  }

  /** What a signature that clients may run declares; undefined if there is none of that name. */
  signature(name: string): SignatureInfo | undefined {
    return this.#signatures.get(name)?.info;
  }

  /**
   * Runs the model; see Api.predict for what it rejects with. The body of the request has been read when
   * the promise is returned.
   */
  predict<T>(request: PredictRequest, encode: EncodeOutputs<T>): Promise<T> {
    // Not async: that would be one more promise for each request.
    try {
      return request.kind === 'json' ? this.#predictJson(request, encode) : this.#predictTensors(request, encode);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Gives the prepared calls back; the session's owner releases the session. */
  close(): void {
    for (const { id } of this.#signatures.values()) binding.removeSignature(id);
    this.#graphSignatures.close();
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

  #predictTensors<T>(request: TensorPredictRequest, encode: EncodeOutputs<T>): Promise<T> {
    const call = this.#prepare(request);
    return this.#run(request, call, encode, (id) => {
      const words = writeSubmission(request.outputFormat, millisLeft(request), call.fetches, call.inputs);
      binding.submit(this.#queue, call.signature.id, id, words, call.body);
    });
  }

  #predictJson<T>(request: JsonPredictRequest, encode: EncodeOutputs<T>): Promise<T> {
    return this.#run(request, undefined, encode, (id) => {
      binding.submitJson(this.#queue, this.#session, id, millisLeft(request), request.body);
    });
  }

  #run<T>(
    { deadlineMillis, cancellation }: PredictRequest,
    call: SignatureCall | undefined,
    encode: EncodeOutputs<T>,
    submit: (id: number) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const abandon = completions().submit(
        {
          queue: this.#queue,
          deadlineMillis,
          onOutputs: (outputs) => resolve(encode(new ServableOutputs(outputs, this.id, call))),
          onError: reject,
        },
        submit,
      );
      cancellation?.onCancel(() => abandon(new ServingError(Code.CANCELLED, CLIENT_GONE)));
    });
  }
}

const CLIENT_GONE = 'The client cancelled the request or went away.';

function millisLeft(request: PredictRequest): number {
  return request.deadlineMillis === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : request.deadlineMillis - Date.now();
}

/** The outputs as doors see them: by the names and in the order that the client asked for. */
class ServableOutputs implements Outputs {
  readonly #mailbox: MailboxOutputs;
  readonly #id: ServableId;
  readonly #call: SignatureCall | undefined;

  constructor(mailbox: MailboxOutputs, id: ServableId, call: SignatureCall | undefined) {
    this.#mailbox = mailbox;
    this.#id = id;
    this.#call = call;
  }

  get count(): number {
    return this.#mailbox.count;
  }

  get modelName(): string {
    return this.#id.name;
  }

  get modelVersion(): bigint {
    return this.#id.version;
  }

  get signatureName(): string {
    return this.#call?.signature.name ?? DEFAULT_SIGNATURE;
  }

  alias(index: number): string {
    return this.#call?.outputNames[index] ?? '';
  }

  dtype(index: number): DataType {
    return this.#mailbox.dtype(this.#place(index));
  }

  rank(index: number): number {
    return this.#mailbox.rank(this.#place(index));
  }

  dim(index: number, axis: number): number {
    return this.#mailbox.dim(this.#place(index), axis);
  }

  byteLength(index: number): number {
    return this.#mailbox.byteLength(this.#place(index));
  }

  copyTo(index: number, target: Uint8Array, offset: number): void {
    this.#mailbox.copyTo(this.#place(index), target, offset);
  }

  #place(index: number): number {
    return this.#call?.order?.[index] ?? index;
  }
}
