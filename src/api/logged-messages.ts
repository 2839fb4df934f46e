/**
 * The messages of TensorFlow Serving's gRPC API that stand in a request log for requests which came as JSON: with the tensors
 * that the model got and gave, so that warm-up can replay them.
 */

import { encodeMessage, type Init } from '../formats/protobuf.js';
import {
  ClassificationResponse,
  PredictRequest,
  PredictResponse,
  RegressionResponse,
  type TensorProto,
  ModelSpec as WireModelSpec,
} from '../gen/messages.js';
import { encodeExampleRequest } from '../request-log/prediction-log.js';
import { DataType } from '../tensor/dtype.js';
import type { Answerer, Classification, ExampleRequest, Regression } from '../tensor/inference.js';
import { type ModelSpec, type Outputs, readStrings } from '../tensor/predict-request.js';

/** `inputs` as JsonPredictRequest.onTensors is given them. */
export function loggedPredictRequest(spec: ModelSpec, inputs: Outputs): Uint8Array {
  return encodeMessage(PredictRequest, {
    model_spec: requestedSpec(spec, inputs.signatureName),
    inputs: tensorsByName(inputs),
  });
}

export function loggedPredictResponse(outputs: Outputs): Uint8Array {
  return encodeMessage(PredictResponse, { outputs: tensorsByName(outputs), model_spec: answeredSpec(outputs) });
}

/** The ClassificationRequest or RegressionRequest, which are the same on the wire. Copies the examples. */
export function loggedExampleRequest({ modelSpec, signatureName, input }: ExampleRequest): Uint8Array {
  return encodeExampleRequest(encodeMessage(WireModelSpec, requestedSpec(modelSpec, signatureName)), input);
}

export function loggedClassificationResponse(answer: Classification & Answerer): Uint8Array {
  const { exampleCount, classCount, labels, scores } = answer;
  const classesOf = (example: number) =>
    Array.from({ length: classCount }, (_, c) => {
      const at = example * classCount + c;
      return { label: textOf(labels?.[at]), score: scores?.[at] ?? 0 };
    });
  const classifications = Array.from({ length: exampleCount }, (_, example) => ({ classes: classesOf(example) }));
  return encodeMessage(ClassificationResponse, { result: { classifications }, model_spec: answeredSpec(answer) });
}

/** A label of bytes that are no UTF-8 would make a record that readers refuse: such bytes are replaced. */
function textOf(label: Uint8Array | undefined): string {
  return label === undefined ? '' : Buffer.from(label.buffer, label.byteOffset, label.length).toString();
}

export function loggedRegressionResponse(answer: Regression & Answerer): Uint8Array {
  const regressions = Array.from(answer.values, (value) => ({ value }));
  return encodeMessage(RegressionResponse, { result: { regressions }, model_spec: answeredSpec(answer) });
}

function requestedSpec({ name, version, versionLabel }: ModelSpec, signatureName: string): Init<WireModelSpec> {
  return {
    name,
    signature_name: signatureName,
    version: version === undefined ? undefined : { value: version },
    version_label: versionLabel,
  };
}

function answeredSpec({ modelName, modelVersion, signatureName }: Answerer): Init<WireModelSpec> {
  return { name: modelName, version: { value: modelVersion }, signature_name: signatureName };
}

function tensorsByName(tensors: Outputs): ReadonlyMap<string, Init<TensorProto>> {
  return new Map(
    Array.from({ length: tensors.count }, (_, index) => [tensors.alias(index), tensorProto(tensors, index)]),
  );
}

function tensorProto(tensors: Outputs, index: number): Init<TensorProto> {
  const dtype = tensors.dtype(index);
  const dim = Array.from({ length: tensors.rank(index) }, (_, axis) => ({ size: BigInt(tensors.dim(index, axis)) }));
  const shaped = { dtype, tensor_shape: { dim } };
  if (dtype === DataType.STRING) return { ...shaped, string_val: readStrings(tensors, index) };
  const bytes = Buffer.allocUnsafe(tensors.byteLength(index));
  tensors.copyTo(index, bytes, 0);
  return { ...shaped, tensor_content: bytes };
}
