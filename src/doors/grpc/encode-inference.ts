/** ClassificationResponse, RegressionResponse and MultiInferenceResponse (tensorflow_serving/apis), written back to front. */
import { resourceExhausted } from '../../errors.js';
import type { Answerer, Classification, InferenceResult, Regression } from '../../tensor/inference.js';
import { BackwardWriter } from './backward-writer.js';

/** The most that a protobuf message can hold. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

export function encodeClassificationResponse(result: Classification & Answerer): Buffer {
  const writer = new BackwardWriter();
  writeModelSpec(writer, 2, result);
  writeClassificationResult(writer, 1, result);
  return finish(writer);
}

export function encodeRegressionResponse(result: Regression & Answerer): Buffer {
  const writer = new BackwardWriter();
  writeModelSpec(writer, 2, result);
  writeRegressionResult(writer, 1, result);
  return finish(writer);
}

export function encodeMultiInferenceResponse(results: readonly InferenceResult[]): Buffer {
  const writer = new BackwardWriter();
  for (const result of results.toReversed()) {
    const before = writer.length;
    if (result.regression !== undefined) writeRegressionResult(writer, 3, result.regression);
    if (result.classification !== undefined) writeClassificationResult(writer, 2, result.classification);
    writeModelSpec(writer, 1, result);
    writer.header(1, before);
  }
  return finish(writer);
}

function finish(writer: BackwardWriter): Buffer {
  if (writer.length <= MAX_MESSAGE_BYTES) return writer.finish();
  throw resourceExhausted(
    `The results take ${writer.length} bytes, but a gRPC message can hold no more than ${MAX_MESSAGE_BYTES}. ` +
      'Send fewer examples at a time.',
  );
}

function writeModelSpec(writer: BackwardWriter, field: number, answerer: Answerer): void {
  const before = writer.length;
  writer.string(3, answerer.signatureName);
  const beforeVersion = writer.length;
  writer.int64(1, answerer.modelVersion);
  writer.header(2, beforeVersion);
  writer.string(1, answerer.modelName);
  writer.header(field, before);
}

function writeClassificationResult(writer: BackwardWriter, field: number, result: Classification): void {
  const before = writer.length;
  for (let example = result.exampleCount - 1; example >= 0; example--) {
    const beforeExample = writer.length;
    for (let c = result.classCount - 1; c >= 0; c--) writeClass(writer, result, example * result.classCount + c);
    writer.header(1, beforeExample);
  }
  writer.header(field, before);
}

function writeClass(writer: BackwardWriter, { labels, scores }: Classification, index: number): void {
  const before = writer.length;
  if (scores !== undefined) writer.float(2, scores[index] as number);
  if (labels !== undefined) writer.bytes(1, labels[index] as Uint8Array);
  writer.header(1, before);
}

function writeRegressionResult(writer: BackwardWriter, field: number, { values }: Regression): void {
  const before = writer.length;
  for (let i = values.length - 1; i >= 0; i--) {
    const beforeValue = writer.length;
    writer.float(1, values[i] as number);
    writer.header(1, beforeValue);
  }
  writer.header(field, before);
}
