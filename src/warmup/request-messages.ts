/** Requests of TensorFlow Serving's gRPC API, written: the messages that a warm-up file holds. */
import protobuf from 'protobufjs/minimal.js';
import { encodeMessage, type Init } from '../formats/protobuf.js';
import { ModelSpec, TensorProto } from '../gen/messages.js';
import { encodeExampleRequest, type LoggedMethod } from '../request-log/prediction-log.js';
import type { ExampleInput } from '../tensor/inference.js';

/** A request as it goes over gRPC. */
export interface MethodRequest {
  readonly method: LoggedMethod;
  readonly request: Uint8Array;
}

/** Which signature of which model; both may be empty. */
export interface Addressee {
  readonly modelName: string;
  readonly signatureName: string;
}

const tag = (field: number): number => (field << 3) | 2;

/** `outputFilter`: the outputs to ask for; empty: all. */
export function predictRequest(
  to: Addressee,
  inputs: ReadonlyMap<string, Init<TensorProto>>,
  outputFilter: readonly string[],
): MethodRequest {
  const writer = protobuf.Writer.create().uint32(tag(1)).bytes(specOf(to));
  for (const [name, tensor] of inputs) {
    writer.uint32(tag(2)).fork().uint32(tag(1)).string(name);
    writer.uint32(tag(2)).bytes(encodeMessage(TensorProto, tensor)).ldelim();
  }
  for (const name of outputFilter) writer.uint32(tag(3)).string(name);
  return { method: 'Predict', request: writer.finish() };
}

/** A ClassificationRequest or a RegressionRequest, which are alike. */
export function exampleRequest(method: 'Classify' | 'Regress', to: Addressee, input: ExampleInput): MethodRequest {
  return { method, request: encodeExampleRequest(specOf(to), input) };
}

function specOf({ modelName, signatureName }: Addressee): Uint8Array {
  return encodeMessage(ModelSpec, { name: modelName, signature_name: signatureName });
}
