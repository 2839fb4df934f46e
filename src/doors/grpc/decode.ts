/**
 * PredictRequest (tensorflow_serving/apis/predict.proto) read by a walk of the wire format: the values of the inputs
 * stay where they are. Fields may come in any order; of scalars that come again the last one counts, and a second model_spec
 * is merged with the first, as protobuf's rules ask.
 */

import { WireReader, WireType } from '../../formats/wire-reader.js';
import type { Cancellation, InputTensor, OutputFormat, TensorPredictRequest } from '../../tensor/predict-request.js';
import { parsePriority } from '../../tensor/priority.js';
import { decodeTensor } from './decode-tensor.js';
import { type ModelSpecFields, toModelSpec } from './model-spec.js';
import { Scratch } from './scratch.js';

export interface PredictContext {
  /** Milliseconds since the epoch; Infinity for none. */
  readonly deadlineMillis: number;
  readonly cancellation: Cancellation;
  /** As parsePriority() takes it; default: none. */
  readonly priority?: string;
}

interface SpecFields extends ModelSpecFields {
  signatureName: string;
}

/**
 * Throws ServingError INVALID_ARGUMENT for malformed bytes, a missing or nameless model_spec, and inputs whose dtype or
 * shape cannot be. Whether the values are as many as the shape asks for is left to the servable.
 */
export function decodePredictRequest(
  message: Uint8Array,
  context: PredictContext,
  outputFormat: OutputFormat,
): TensorPredictRequest {
  const bytes = Buffer.isBuffer(message)
    ? message
    : Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const walk = new PredictRequestWalk(bytes);
  walk.run();
  return {
    kind: 'tensors',
    modelSpec: toModelSpec(walk.spec),
    signatureName: walk.spec?.signatureName ?? '',
    inputs: walk.inputs,
    outputFilter: walk.outputFilter,
    outputFormat,
    body: walk.scratch.body(),
    deadlineMillis: context.deadlineMillis,
    cancellation: context.cancellation,
    priority: parsePriority(context.priority ?? ''),
  };
}

class PredictRequestWalk {
  spec: SpecFields | undefined;
  readonly inputs: InputTensor[] = [];
  readonly outputFilter: string[] = [];
  readonly scratch: Scratch;
  readonly #bytes: Buffer;
  readonly #reader: WireReader;
  /** Place of each input by name; made when there is a second one. */
  #places: Map<string, number> | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#reader = new WireReader(bytes, 'PredictRequest');
    this.scratch = new Scratch(bytes);
  }

  run(): void {
    const reader = this.#reader;
    const end = this.#bytes.length;
    while (reader.pos < end) {
      const tag = reader.tag(end, 'top level');
      const number = tag >>> 3;
      if (number === 1) this.#readSpec(this.#message(tag, end, 'model_spec'));
      else if (number === 2) this.#readInput(this.#message(tag, end, 'inputs'));
      else if (number === 3) this.outputFilter.push(this.#string(tag, end, 'output_filter'));
      else reader.skip(tag, end, 'top level');
    }
  }

  #message(tag: number, end: number, what: string): number {
    this.#reader.expect(tag, WireType.LENGTH_DELIMITED, what);
    return this.#reader.lengthDelimited(end, what);
  }

  #string(tag: number, end: number, what: string): string {
    const stop = this.#message(tag, end, what);
    const text = this.#bytes.toString('utf8', this.#reader.pos, stop);
    this.#reader.pos = stop;
    return text;
  }

  #readSpec(end: number): void {
    this.spec ??= { name: '', version: undefined, versionLabel: undefined, signatureName: '' };
    const reader = this.#reader;
    while (reader.pos < end) {
      const tag = reader.tag(end, 'model_spec');
      const number = tag >>> 3;
      if (number === 1) this.spec.name = this.#string(tag, end, 'model_spec.name');
      else if (number === 2) this.#readVersion(this.spec, this.#message(tag, end, 'model_spec.version'));
      else if (number === 3) this.spec.signatureName = this.#string(tag, end, 'model_spec.signature_name');
      else if (number === 4) {
        this.spec.versionLabel = this.#string(tag, end, 'model_spec.version_label');
        this.spec.version = undefined;
      } else reader.skip(tag, end, 'model_spec');
    }
  }

  /** google.protobuf.Int64Value; setting it unsets the label. */
  #readVersion(spec: SpecFields, end: number): void {
    const reader = this.#reader;
    spec.version ??= 0n;
    spec.versionLabel = undefined;
    while (reader.pos < end) {
      const tag = reader.tag(end, 'model_spec.version');
      if (tag >>> 3 === 1) {
        reader.expect(tag, WireType.VARINT, 'model_spec.version');
        spec.version = reader.int64(end, 'model_spec.version');
      } else reader.skip(tag, end, 'model_spec.version');
    }
  }

  /** An entry of the map: {key = 1, value = 2}, in any order; of a key or value that comes again the last counts. */
  #readInput(end: number): void {
    const reader = this.#reader;
    let name = '';
    let valueStart = end;
    let valueEnd = end;
    while (reader.pos < end) {
      const tag = reader.tag(end, 'inputs');
      if (tag >>> 3 === 1) name = this.#string(tag, end, 'key of inputs');
      else if (tag >>> 3 === 2) {
        valueEnd = this.#message(tag, end, 'value of inputs');
        valueStart = reader.pos;
        reader.pos = valueEnd;
      } else reader.skip(tag, end, 'inputs');
    }
    reader.pos = valueStart;
    this.#place(decodeTensor(reader, valueEnd, name, this.scratch));
    reader.pos = end;
  }

  /** Of inputs with the same name the last one counts. */
  #place(input: InputTensor): void {
    if (this.inputs.length > 0) {
      this.#places ??= new Map(this.inputs.map((other, index) => [other.name, index]));
      const place = this.#places.get(input.name);
      if (place !== undefined) {
        this.inputs[place] = input;
        return;
      }
      this.#places.set(input.name, this.inputs.length);
    }
    this.inputs.push(input);
  }
}
