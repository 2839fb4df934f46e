/**
 * ClassificationRequest, RegressionRequest and MultiInferenceRequest (tensorflow_serving/apis) read by a walk of the wire
 * format: the Examples stay where they are, as ranges of the message. Fields may come in any order; what comes again is
 * merged, as protobuf's rules ask.
 */

import { decodeMessage } from '../../formats/protobuf.js';
import { WireReader, WireType } from '../../formats/wire-reader.js';
import { InferenceTask, ModelSpec } from '../../gen/messages.js';
import type { ExampleInput, ExampleRequest, MultiInferenceRequest } from '../../tensor/inference.js';
import { parsePriority } from '../../tensor/priority.js';
import type { PredictContext } from './decode.js';
import { fromWireModelSpec } from './model-spec.js';

const INPUT = 2;
const EXAMPLE_LIST_WITH_CONTEXT = 2;
const EXAMPLES = 1;
const CONTEXT = 2;

/** Throws INVALID_ARGUMENT for malformed bytes and a missing or nameless model_spec. `name`: the message's, for errors. */
export function decodeExampleRequest(message: Uint8Array, context: PredictContext, name: string): ExampleRequest {
  const walk = new InferenceWalk(message, name);
  const spec = walk.head.length === 0 ? undefined : decodeMessage(ModelSpec, Buffer.concat(walk.head));
  return {
    modelSpec: fromWireModelSpec(spec),
    signatureName: spec?.signature_name ?? '',
    input: walk.input(),
    deadlineMillis: context.deadlineMillis,
    cancellation: context.cancellation,
    priority: parsePriority(context.priority ?? ''),
  };
}

/** Throws INVALID_ARGUMENT for malformed bytes; a task without a model is the API's to refuse. */
export function decodeMultiInferenceRequest(message: Uint8Array, context: PredictContext): MultiInferenceRequest {
  const walk = new InferenceWalk(message, 'MultiInferenceRequest');
  const tasks = walk.head.map((task) => {
    const { model_spec: spec, method_name: methodName } = decodeMessage(InferenceTask, task);
    const signatureName = spec?.signature_name ?? '';
    const modelSpec = spec === undefined || spec.name === '' ? { name: '' } : fromWireModelSpec(spec);
    return { modelSpec, signatureName, methodName };
  });
  const { deadlineMillis, cancellation } = context;
  const priority = parsePriority(context.priority ?? '');
  return { tasks, input: walk.input(), deadlineMillis, cancellation, priority };
}

/** In all of these messages field 1 says what to run, field 2 is the Input. */
class InferenceWalk {
  /** Field 1, each time that it comes. */
  readonly head: Uint8Array[] = [];
  readonly #reader: WireReader;
  /** Which of Input's lists was met last: the others do not count. */
  #list = 0;
  #ranges: number[] = [];
  #contexts: [number, number][] = [];

  constructor(message: Uint8Array, name: string) {
    this.#reader = new WireReader(message, name);
    this.#fields(message.length, 'top level', (number, start, end) => {
      if (number === INPUT) this.#readInput(end);
      else this.head.push(message.subarray(start, end));
    });
  }

  input(): ExampleInput {
    const body = this.#reader.bytes;
    const ranges = this.#ranges;
    if (this.#list !== EXAMPLE_LIST_WITH_CONTEXT || this.#contexts.length === 0) return { body, ranges };
    const [only, ...more] = this.#contexts as [[number, number], ...[number, number][]];
    if (more.length === 0) return { body, ranges, context: only };
    const joined = Buffer.concat([body, ...this.#contexts.map(([start, end]) => body.subarray(start, end))]);
    return { body: joined, ranges, context: [body.length, joined.length] };
  }

  /** A oneof of two lists, of which the examples have the same number. */
  #readInput(end: number): void {
    this.#fields(end, 'input', (list, _start, stop) => {
      if (list !== this.#list) {
        this.#list = list;
        this.#ranges = [];
        this.#contexts = [];
      }
      this.#fields(stop, 'examples', (number, from, to) => {
        if (number === EXAMPLES) this.#ranges.push(from, to);
        else if (number === CONTEXT) this.#contexts.push([from, to]);
      });
    });
  }

  /** Calls back with [start, end) of each field 1 and 2 up to `end`, and goes on behind it. */
  #fields(end: number, what: string, visit: (number: number, start: number, end: number) => void): void {
    const reader = this.#reader;
    while (reader.pos < end) {
      const tag = reader.tag(end, what);
      const number = tag >>> 3;
      if (number > INPUT) {
        reader.skip(tag, end, what);
        continue;
      }
      reader.expect(tag, WireType.LENGTH_DELIMITED, what);
      const stop = reader.lengthDelimited(end, what);
      visit(number, reader.pos, stop);
      reader.pos = stop;
    }
  }
}
