/** A signature of a loaded model: what it declares, and the prepared call behind it. */
import { failedPrecondition, invalidArgument, type ServingError, toServingError } from '../errors.js';
import type { RequestRecorder } from '../metrics/metrics.js';
import type { PreparedSignature, SignatureId } from '../native/binding.js';
import { dataTypeName } from '../tensor/dtype.js';
import type { InputTensor, TensorPredictRequest } from '../tensor/predict-request.js';
import { elementCount, formatShape, MAX_RANK } from '../tensor/shape.js';
import { type DefaultInput, defaultInput } from './default-input.js';
import type { SignatureInfo, TensorInfo } from './signature-info.js';

/** What a request asks of a signature, brought into the order that the addon wants. */
export interface SignatureCall {
  readonly signature: Signature;
  /** One per input of the signature, in its order. */
  readonly inputs: readonly InputTensor[];
  /** What the inputs' places refer to: the request's body, or that with defaults behind it. */
  readonly body: Uint8Array;
  /** Indexes of the wanted outputs, ascending; empty: all. */
  readonly fetches: readonly number[];
  /** For each output in the order the client wants them: its place among the fetched ones. Undefined: as fetched. */
  readonly order: readonly number[] | undefined;
  readonly outputNames: readonly string[];
}

const ALL: readonly number[] = [];

export class Signature {
  readonly info: SignatureInfo;
  /** Kept here so that a request finds its own by RequestSource.index. */
  readonly recorders: (RequestRecorder | undefined)[];
  readonly #prepared: PreparedSignature;
  readonly #inputIndex: ReadonlyMap<string, number>;
  readonly #outputIndex: ReadonlyMap<string, number>;
  /** Why everything cannot be asked for: the first output that cannot be sent. */
  readonly #refusalOfAll: Error | undefined;
  readonly #outputAliases: readonly string[];
  /** For requests that call inputs by their other names; undefined: there are none. */
  readonly #otherOutputNames: readonly string[] | undefined;
  /** By the input's place; empty where there are none. */
  readonly #defaults: readonly (DefaultInput | undefined)[];

  /** `sibling`: the same signature on another device, with which it is recorded. */
  constructor(info: SignatureInfo, prepared: PreparedSignature, sibling?: Signature) {
    this.info = info;
    this.recorders = sibling?.recorders ?? [];
    this.#prepared = prepared;
    this.#inputIndex = placesOf(info.inputs);
    this.#outputIndex = placesOf(info.outputs);
    this.#refusalOfAll = prepared.outputRefusals?.find((refusal) => refusal !== undefined);
    this.#outputAliases = info.outputs.map((output) => output.alias);
    this.#otherOutputNames = info.inputs.some(({ otherNames }) => otherNames !== undefined)
      ? info.outputs.map(({ alias, otherNames }) => otherNames?.[0] ?? alias)
      : undefined;
    this.#defaults = defaultsOf(info);
  }

  get name(): string {
    return this.info.name;
  }

  get id(): SignatureId {
    return this.#prepared.id;
  }

  /**
   * Checks names, dtypes and shapes of a request. Throws INVALID_ARGUMENT in full sentences, also for a signature that
   * cannot be run at all, and where an output that cannot be sent is asked for; whether the shapes suit the model is for
   * the run to say, as in TF Serving.
   */
  call(request: TensorPredictRequest): SignatureCall {
    const { inputTypes, refusal } = this.#prepared;
    if (refusal !== undefined) throw toServingError(refusal);
    const inputs: InputTensor[] = [];
    let place = 0;
    for (const input of request.inputs) {
      const index = this.#indexOf(input, place++);
      if (inputs[index] !== undefined) throw invalidArgument(`Input '${this.#alias(index)}' is sent twice.`);
      checkInput(this, input, this.#alias(index), inputTypes[index] as number);
      inputs[index] = input;
    }
    const body = request.inputs.length < this.info.inputs.length ? this.#complete(inputs, request.body) : request.body;
    if (request.outputFilter.length > 0) return this.#callFor(inputs, body, request);
    if (this.#refusalOfAll !== undefined) throw toServingError(this.#refusalOfAll);
    return { signature: this, inputs, body, fetches: ALL, order: undefined, outputNames: this.#outputNames(request) };
  }

  /**
   * Whether all names that the request gives are aliases of this signature, none left empty in vain, and none missing but
   * such that have a default.
   */
  covers(request: TensorPredictRequest): boolean {
    const { inputs, outputs } = this.info;
    const sent = (index: number) =>
      request.inputs.some(({ name }, place) => (name === '' ? place : this.#inputIndex.get(name)) === index);
    return (
      request.inputs.length <= inputs.length &&
      (request.inputs.length === inputs.length ||
        inputs.every((_, index) => this.#defaults[index] !== undefined || sent(index))) &&
      request.inputs.every(({ name }) => name === '' || this.#inputIndex.has(name) || isComposite(name, inputs)) &&
      request.outputFilter.every(
        (name, place) => this.#outputPlace(name, place) !== undefined || isComposite(name, outputs),
      )
    );
  }

  #alias(index: number): string {
    return (this.info.inputs[index] as TensorInfo).alias;
  }

  #indexOf(input: InputTensor, place: number): number {
    const index = input.name === '' ? place : this.#inputIndex.get(input.name);
    if (index !== undefined && index < this.info.inputs.length) return index;
    checkIsTensor(input.name, 'Input', this.info.inputs);
    const which = input.name === '' ? `input number ${place + 1}` : `input '${input.name}'`;
    throw invalidArgument(`Signature '${this.name}' has no ${which}. Its inputs are: ${this.#list('inputs')}.`);
  }

  /** Fills in what is missing with the defaults. Returns the body that all inputs then lie in. */
  #complete(inputs: (InputTensor | undefined)[], body: Uint8Array): Uint8Array {
    const pieces = [body];
    let length = body.length;
    for (const [index, declared] of this.info.inputs.entries()) {
      if (inputs[index] !== undefined) continue;
      const fallback = this.#defaults[index];
      if (fallback !== undefined) {
        inputs[index] = fallback.at(length);
        pieces.push(fallback.bytes);
        length += fallback.bytes.length;
        continue;
      }
      throw invalidArgument(
        `Input '${declared.alias}' (${dataTypeName(declared.dtype)}, shape ${formatShape(declared.shape)}) of signature ` +
          `'${this.name}' is missing. Its inputs are: ${this.#list('inputs')}.`,
      );
    }
    return pieces.length === 1 ? body : Buffer.concat(pieces);
  }

  /** In the words that the request speaks of its inputs. */
  #outputNames({ inputs }: TensorPredictRequest): readonly string[] {
    const usesOthers = ({ name }: InputTensor) =>
      name !== '' && this.#alias(this.#inputIndex.get(name) as number) !== name;
    const others = inputs.length > 0 && this.#otherOutputNames;
    return others && inputs.every(usesOthers) ? others : this.#outputAliases;
  }

  /** The output of that name; with an empty one that at the place. */
  #outputPlace(name: string, place: number): number | undefined {
    if (name !== '') return this.#outputIndex.get(name);
    return place < this.#outputAliases.length ? place : undefined;
  }

  #callFor(inputs: readonly InputTensor[], body: Uint8Array, request: TensorPredictRequest): SignatureCall {
    const { outputFilter: filter, allowGraphTensors: byPlace = false } = request;
    const wanted = filter.map((name, place) => {
      const index = byPlace ? this.#outputPlace(name, place) : this.#outputIndex.get(name);
      if (index !== undefined) return this.#checkSendable(index);
      this.#refuseComposite(name);
      throw invalidArgument(
        `Signature '${this.name}' has no output '${name}'. Its outputs are: ${this.#list('outputs')}.`,
      );
    });
    const fetches = [...new Set(wanted)].sort((a, b) => a - b);
    const outputNames = wanted.map((index, place) => filter[place] || (this.#outputAliases[index] as string));
    if (fetches.length < wanted.length)
      throw invalidArgument(`An output is asked for twice: ${outputNames.join(', ')}.`);
    const order = wanted.map((index) => fetches.indexOf(index));
    return { signature: this, inputs, body, fetches, order, outputNames };
  }

  #checkSendable(output: number): number {
    const refusal = this.#prepared.outputRefusals?.[output];
    if (refusal !== undefined) throw toServingError(refusal);
    return output;
  }

  /** Throws if an output of that name is made of several tensors. */
  #refuseComposite(name: string): void {
    const { outputs } = this.info;
    checkIsTensor(
      name,
      'Output',
      outputs.filter((_, index) => this.#prepared.outputRefusals?.[index] === undefined),
    );
    const component = outputs.findIndex(({ composite }) => composite?.alias === name);
    if (component >= 0) this.#checkSendable(component);
  }

  #list(side: 'inputs' | 'outputs'): string {
    return this.info[side].map((tensor) => tensor.alias).join(', ') || 'none';
  }
}

/** The place of each name. */
function placesOf(tensors: readonly TensorInfo[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const [place, { alias, otherNames = [] }] of tensors.entries())
    for (const name of [alias, ...otherNames]) places.set(name, place);
  return places;
}

function defaultsOf({ inputs, defaults }: SignatureInfo): (DefaultInput | undefined)[] {
  if (defaults === undefined) return [];
  return inputs.map(({ alias }) => {
    const tensor = defaults.get(alias);
    return tensor && defaultInput(alias, tensor);
  });
}

function isComposite(name: string, tensors: readonly TensorInfo[]): boolean {
  return tensors.some(({ composite }) => composite?.alias === name);
}

/** Throws INVALID_ARGUMENT if `name` is that of an input or output made of several tensors. */
export function checkIsTensor(name: string, role: 'Input' | 'Output', tensors: readonly TensorInfo[]): void {
  const components = tensors.filter(({ composite }) => composite?.alias === name);
  const kind = components[0]?.composite?.kind;
  if (kind === undefined) return;
  const names = components.map(({ alias }) => alias).join(', ');
  const article = /^[aeiou]/.test(kind) ? 'an' : 'a';
  const ask = role === 'Input' ? 'Send' : 'Ask for';
  throw invalidArgument(
    `${role} '${name}' is ${article} ${kind}, which goes over the wire as its components only. ${ask} these: ${names}.`,
  );
}

function checkInput(signature: Signature, input: InputTensor, alias: string, dtype: number): void {
  if (input.dtype !== dtype) {
    throw invalidArgument(
      `Input '${alias}' of signature '${signature.name}' is ${dataTypeName(dtype)}, but the request sends ` +
        `${dataTypeName(input.dtype)}.`,
    );
  }
  if (input.shape.length > MAX_RANK) {
    throw invalidArgument(
      `Input '${alias}' has ${input.shape.length} dimensions, but a tensor has at most ${MAX_RANK}.`,
    );
  }
  if (Number.isNaN(elementCount(input.shape))) {
    throw invalidArgument(
      `The shape ${formatShape(input.shape)} of input '${alias}' has a negative dimension or more elements than a ` +
        'tensor can hold.',
    );
  }
}

/** The error for a signature that the model does not have, as TF Serving codes it. */
export function signatureNotFound(name: string, names: Iterable<string>): ServingError {
  return failedPrecondition(
    `Serving signature name: "${name}" not found in signature def. Signatures of the model: ${[...names].join(', ')}.`,
  );
}
