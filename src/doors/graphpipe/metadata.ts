/** What GraphPipe's clients are told of a model: as JSON on GET, as a MetadataResponse on a MetadataRequest. */
import { Builder } from 'flatbuffers';
import type { ModelMetadata, SignatureInfo, TensorInfo } from '../../api/api.js';
import { notFound } from '../../errors.js';
import { IOMetadata } from '../../gen/graphpipe/iometadata.js';
import { MetadataResponse } from '../../gen/graphpipe/metadata-response.js';
import type { Type } from '../../gen/graphpipe/type.js';
import { dataTypeName } from '../../tensor/dtype.js';
import type { Shape } from '../../tensor/shape.js';
import { toGraphPipeType } from './tensor-types.js';

const DEFAULT_SIGNATURE = 'serving_default';

export interface GraphPipeTensor {
  readonly name: string;
  readonly description: string;
  /** -1: unknown dimension; undefined: unknown rank. */
  readonly shape: Shape | undefined;
  /** Null (0) for a DataType that GraphPipe cannot carry. */
  readonly type: Type;
}

export interface GraphPipeMetadata {
  readonly name: string;
  readonly version: string;
  readonly server: string;
  readonly description: string;
  readonly inputs: readonly GraphPipeTensor[];
  readonly outputs: readonly GraphPipeTensor[];
}

/**
 * Describes the inputs and outputs of `serving_default`, or of the first signature if there is none of that name.
 * Throws NOT_FOUND for a model without any signature.
 */
export function describeModel(model: ModelMetadata, serverVersion: string): GraphPipeMetadata {
  const signature = defaultSignature(model);
  const inputs = signature.inputs.map(describeTensor);
  const outputs = signature.outputs.map(describeTensor);
  return {
    name: model.id.name,
    version: String(model.id.version),
    server: `tensorgate ${serverVersion}`,
    description:
      `Signature ${signature.name} of a TensorFlow model. ` +
      `Default inputs: ${listNames(inputs)}. Default outputs: ${listNames(outputs)}.`,
    inputs,
    outputs,
  };
}

function defaultSignature({ id, signatures }: ModelMetadata): SignatureInfo {
  const signature =
    signatures.find(({ name }) => name === DEFAULT_SIGNATURE) ?? signatures.find(({ isInternal }) => !isInternal);
  if (signature === undefined) throw notFound(`Model "${id.name}" has no signature that could be described.`);
  return signature;
}

function describeTensor({ alias, tensorName, dtype, shape, composite }: TensorInfo): GraphPipeTensor {
  const rank = shape === undefined ? ' of unknown rank' : '';
  const part = composite === undefined ? '' : `, of the ${composite.kind} ${composite.alias}`;
  return {
    name: alias,
    description: `${tensorName}, ${dataTypeName(dtype)}${rank}${part}`,
    shape,
    type: toGraphPipeType(dtype),
  };
}

function listNames(tensors: readonly GraphPipeTensor[]): string {
  return tensors.length === 0 ? 'none' : tensors.map(({ name }) => name).join(', ');
}

/** The JSON text of GET: capitalised keys and four spaces, as GraphPipe's own server prints it. */
export function encodeMetadataJson(metadata: GraphPipeMetadata): string {
  const { name, version, server, description } = metadata;
  const document = {
    Name: name,
    Version: version,
    Server: server,
    Description: description,
    Inputs: metadata.inputs.map(toJsonTensor),
    Outputs: metadata.outputs.map(toJsonTensor),
  };
  return JSON.stringify(document, null, 4);
}

function toJsonTensor({ name, description, shape, type }: GraphPipeTensor): object {
  return { Name: name, Description: description, Shape: shape ?? null, Type: type };
}

/** The finished MetadataResponse flatbuffer. */
export function encodeMetadataResponse(metadata: GraphPipeMetadata): Uint8Array {
  const builder = new Builder(1024);
  const inputs = metadata.inputs.map((tensor) => writeTensor(builder, tensor));
  const outputs = metadata.outputs.map((tensor) => writeTensor(builder, tensor));
  const response = MetadataResponse.createMetadataResponse(
    builder,
    builder.createString(metadata.name),
    builder.createString(metadata.version),
    builder.createString(metadata.server),
    builder.createString(metadata.description),
    MetadataResponse.createInputsVector(builder, inputs),
    MetadataResponse.createOutputsVector(builder, outputs),
  );
  builder.finish(response);
  return builder.asUint8Array();
}

/** An unknown rank becomes an empty shape: clients (graphpipe for Python) take a missing one for a number and fail. */
function writeTensor(builder: Builder, { name, description, shape, type }: GraphPipeTensor): number {
  return IOMetadata.createIOMetadata(
    builder,
    builder.createString(name),
    builder.createString(description),
    IOMetadata.createShapeVector(builder, (shape ?? []).map(BigInt)),
    type,
  );
}
