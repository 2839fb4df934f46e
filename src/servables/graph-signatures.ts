/**
 * Calls that no signature declares: any tensor of the graph fed and fetched by its own name, as GraphPipe's clients may.
 * Each distinct set of names is prepared once and kept: TensorFlow keeps an executor for it as well, for as long as the
 * session lives, so their number is bounded.
 */
import { invalidArgument, resourceExhausted, toServingError } from '../errors.js';
import { binding, type PreparedSignature, type SessionId, type SignatureTensorName } from '../native/binding.js';
import type { DataType } from '../tensor/dtype.js';
import type { TensorPredictRequest } from '../tensor/predict-request.js';
import { checkIsTensor, Signature, type SignatureCall } from './signature.js';
import type { TensorInfo } from './signature-info.js';

const MOST_SIGNATURES = 256;

export class GraphSignatures {
  readonly #session: SessionId;
  readonly #byNames = new Map<string, Signature>();

  constructor(session: SessionId) {
    this.#session = session;
  }

  /**
   * The call for the names that the request gives; `base` is the signature whose aliases and places may stand among them.
   * Throws INVALID_ARGUMENT for a name that is neither an alias nor in the graph, RESOURCE_EXHAUSTED for too many sets.
   */
  call(request: TensorPredictRequest, base: Signature | undefined): SignatureCall {
    const inputs = request.inputs.map((input, place) => resolve(input.name, base?.info.inputs, place, 'input'));
    const outputs = this.#outputs(request, base);
    const key = JSON.stringify([inputs, outputs]);
    const signature = this.#byNames.get(key) ?? this.#prepare(key, inputs, outputs);
    return signature.call({
      ...request,
      inputs: request.inputs.map((input, index) => ({ ...input, name: (inputs[index] as SignatureTensorName).alias })),
    });
  }

  close(): void {
    for (const { id } of this.#byNames.values()) binding.removeSignature(id);
    this.#byNames.clear();
  }

  #outputs(request: TensorPredictRequest, base: Signature | undefined): SignatureTensorName[] {
    if (request.outputFilter.length > 0) {
      return request.outputFilter.map((name, place) => resolve(name, base?.info.outputs, place, 'output'));
    }
    if (base === undefined)
      throw invalidArgument('No default outputs are available: please specify one or more outputs.');
    return base.info.outputs.map(({ alias, tensorName }) => ({ alias, tensorName }));
  }

  #prepare(key: string, inputs: SignatureTensorName[], outputs: SignatureTensorName[]): Signature {
    if (this.#byNames.size >= MOST_SIGNATURES) {
      throw resourceExhausted(
        `Clients have already asked for ${MOST_SIGNATURES} different sets of graph tensors of this model, the most that ` +
          'are kept. Use the aliases of a signature.',
      );
    }
    const prepared = prepare(this.#session, inputs, outputs);
    const tensorInfos = (names: SignatureTensorName[], types: readonly number[]): TensorInfo[] =>
      names.map((name, index) => ({ ...name, dtype: types[index] as DataType, shape: undefined }));
    const info = {
      name: 'graph tensors',
      isInternal: false,
      methodName: '',
      inputs: tensorInfos(inputs, prepared.inputTypes),
      outputs: tensorInfos(outputs, prepared.outputTypes),
      signatureDef: new Uint8Array(),
    };
    const signature = new Signature(info, prepared);
    this.#byNames.set(key, signature);
    return signature;
  }
}

function prepare(session: SessionId, inputs: SignatureTensorName[], outputs: SignatureTensorName[]): PreparedSignature {
  const prepared = binding.prepareSignature(session, '', inputs, outputs, false, false);
  const refusal = prepared.refusal ?? prepared.outputRefusals?.find((each) => each !== undefined);
  if (refusal === undefined) return prepared;
  binding.removeSignature(prepared.id);
  throw toServingError(refusal);
}

/** The graph tensor meant by a name that is an alias, a graph tensor's name, or empty for the one at this place. */
function resolve(
  name: string,
  declared: readonly TensorInfo[] | undefined,
  place: number,
  role: 'input' | 'output',
): SignatureTensorName {
  const info = name === '' ? declared?.[place] : declared?.find(({ alias }) => alias === name);
  if (info !== undefined) return { alias: info.alias, tensorName: info.tensorName };
  checkIsTensor(name, role === 'input' ? 'Input' : 'Output', declared ?? []);
  if (name === '') throw invalidArgument(`There is no default ${role} number ${place + 1}: please name the ${role}.`);
  return { alias: name, tensorName: name.includes(':') ? name : `${name}:0` };
}
