/** Writes GraphPipe requests with flatc's code, independently of the door's own reader. */
import { Builder } from 'flatbuffers';
import { InferRequest } from '../../src/gen/graphpipe/infer-request.js';
import { Req } from '../../src/gen/graphpipe/req.js';
import { Request } from '../../src/gen/graphpipe/request.js';
import { Tensor } from '../../src/gen/graphpipe/tensor.js';
import type { Type } from '../../src/gen/graphpipe/type.js';

export interface TensorFields {
  readonly type: Type;
  readonly shape?: readonly bigint[];
  readonly data?: Uint8Array;
  /** One string may stand at several places: it is then written once and pointed at several times. */
  readonly stringVal?: readonly string[];
}

export interface InferRequestFields {
  readonly config?: string;
  readonly inputNames?: readonly string[];
  readonly inputTensors?: readonly TensorFields[];
  readonly outputNames?: readonly string[];
}

/** A finished Request; fields that are not given are absent from the buffer. */
export function buildInferRequest(fields: InferRequestFields): Uint8Array {
  const builder = new Builder(256);
  const tensors = fields.inputTensors?.map((tensor) => buildTensor(builder, tensor));
  const request = InferRequest.createInferRequest(
    builder,
    fields.config === undefined ? 0 : builder.createString(fields.config),
    InferRequest.createInputNamesVector(builder, buildStrings(builder, fields.inputNames ?? [])),
    tensors === undefined ? 0 : InferRequest.createInputTensorsVector(builder, tensors),
    InferRequest.createOutputNamesVector(builder, buildStrings(builder, fields.outputNames ?? [])),
  );
  return finishRequest(builder, Req.InferRequest, request);
}

/** A Request with any union tag; `req` 0 leaves the union's value out. */
export function finishRequest(builder: Builder, reqType: number, req: number): Uint8Array {
  builder.finish(Request.createRequest(builder, reqType, req));
  return builder.asUint8Array().slice();
}

function buildTensor(builder: Builder, { type, shape, data, stringVal }: TensorFields): number {
  const strings = stringVal === undefined ? 0 : Tensor.createStringValVector(builder, buildStrings(builder, stringVal));
  return Tensor.createTensor(
    builder,
    type,
    shape === undefined ? 0 : Tensor.createShapeVector(builder, [...shape]),
    data === undefined ? 0 : Tensor.createDataVector(builder, data),
    strings,
  );
}

/** Not createSharedString(), which writes no string at all for an empty text. */
function buildStrings(builder: Builder, texts: readonly string[]): number[] {
  const written = new Map<string, number>();
  for (const text of texts) if (!written.has(text)) written.set(text, builder.createString(text));
  return texts.map((text) => written.get(text) as number);
}
