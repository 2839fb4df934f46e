/**
 * PredictResponse (tensorflow_serving/apis/predict.proto) written straight from tensor memory: first the exact size of
 * everything, then one buffer, written once from front to back.
 */
import { Code, ServingError } from '../../errors.js';
import { bigVarintSize, fieldSize, varintSize, writeBigVarint, writeVarint } from '../../formats/varint.js';
import { DataType } from '../../tensor/dtype.js';
import { OutputFormat, type Outputs } from '../../tensor/predict-request.js';
import type { ReusedBuffer } from '../grpc.js';
import { withStringContents } from './string-contents.js';
import { TENSOR_CONTENT, typedFieldOf } from './typed-fields.js';

/** The most that a protobuf message can hold. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

const LENGTH_DELIMITED = 2;
const tag = (field: number): number => (field << 3) | LENGTH_DELIMITED;

const OUTPUTS_TAG = tag(1);
const MODEL_SPEC_TAG = tag(2);
const KEY_TAG = tag(1);
const VALUE_TAG = tag(2);
const DTYPE_TAG = 1 << 3;
const SHAPE_TAG = tag(2);
const DIM_TAG = tag(2);
const DIM_SIZE_TAG = 1 << 3;
const NAME_TAG = tag(1);
const VERSION_TAG = tag(2);
const VERSION_VALUE_TAG = 1 << 3;
const SIGNATURE_NAME_TAG = tag(3);

/**
 * The PredictResponse of the outputs, which must be in the given format: in the buffer's memory, valid until its next use.
 * Throws RESOURCE_EXHAUSTED if it would be longer than a protobuf message can be.
 */
export function encodePredictResponse(given: Outputs, format: OutputFormat, buffer: ReusedBuffer): Buffer {
  const outputs = format === OutputFormat.RAW ? withStringContents(given) : given;
  const spec = modelSpecBytes(outputs);
  let size = 1 + varintSize(spec.length) + spec.length;
  for (let i = 0; i < outputs.count; i++) size += fieldSize(entrySize(outputs, i, format));
  if (size > MAX_MESSAGE_BYTES) throw tooLong(size);
  const target = buffer.take(size);
  let pos = 0;
  for (let i = 0; i < outputs.count; i++) pos = writeEntry(outputs, i, format, target, pos);
  target[pos++] = MODEL_SPEC_TAG;
  pos = writeVarint(spec.length, target, pos);
  target.set(spec, pos);
  return target;
}

function tooLong(size: number): ServingError {
  const text =
    `The outputs take ${size} bytes, but a gRPC message can hold no more than ${MAX_MESSAGE_BYTES}. ` +
    'Ask for fewer with output_filter, or send a smaller batch.';
  return new ServingError(Code.RESOURCE_EXHAUSTED, text);
}

function entrySize(outputs: Outputs, index: number, format: OutputFormat): number {
  return fieldSize(utf8(outputs.alias(index)).length) + fieldSize(tensorSize(outputs, index, format));
}

function tensorSize(outputs: Outputs, index: number, format: OutputFormat): number {
  return 2 + fieldSize(shapeSize(outputs, index)) + valuesSize(outputs, index, format);
}

function shapeSize(outputs: Outputs, index: number): number {
  let size = 0;
  for (let axis = 0; axis < outputs.rank(index); axis++) size += fieldSize(dimSize(outputs.dim(index, axis)));
  return size;
}

function dimSize(dim: number): number {
  return dim === 0 ? 0 : 1 + varintSize(dim);
}

function valuesSize(outputs: Outputs, index: number, format: OutputFormat): number {
  const byteLength = outputs.byteLength(index);
  if (byteLength === 0 || isWholeFields(outputs, index, format)) return byteLength;
  return varintSize(valuesTag(outputs, index, format)) + varintSize(byteLength) + byteLength;
}

/** Strings in typed fields come as whole `string_val` fields, tags and all. */
function isWholeFields(outputs: Outputs, index: number, format: OutputFormat): boolean {
  return format === OutputFormat.TYPED_FIELDS && outputs.dtype(index) === DataType.STRING;
}

function valuesTag(outputs: Outputs, index: number, format: OutputFormat): number {
  if (format === OutputFormat.RAW) return tag(TENSOR_CONTENT);
  const field = typedFieldOf(outputs.dtype(index));
  if (field === undefined)
    throw new ServingError(Code.INTERNAL, `The output ${outputs.alias(index)} has a type that cannot be sent.`);
  return tag(field.number);
}

function writeEntry(outputs: Outputs, index: number, format: OutputFormat, target: Buffer, start: number): number {
  const alias = utf8(outputs.alias(index));
  let pos = start;
  target[pos++] = OUTPUTS_TAG;
  pos = writeVarint(entrySize(outputs, index, format), target, pos);
  pos = writeBytes(KEY_TAG, alias, target, pos);
  target[pos++] = VALUE_TAG;
  pos = writeVarint(tensorSize(outputs, index, format), target, pos);
  target[pos++] = DTYPE_TAG;
  target[pos++] = outputs.dtype(index);
  pos = writeShape(outputs, index, target, pos);
  return writeValues(outputs, index, format, target, pos);
}

function writeShape(outputs: Outputs, index: number, target: Buffer, start: number): number {
  let pos = start;
  target[pos++] = SHAPE_TAG;
  pos = writeVarint(shapeSize(outputs, index), target, pos);
  for (let axis = 0; axis < outputs.rank(index); axis++) {
    const dim = outputs.dim(index, axis);
    target[pos++] = DIM_TAG;
    pos = writeVarint(dimSize(dim), target, pos);
    if (dim === 0) continue;
    target[pos++] = DIM_SIZE_TAG;
    pos = writeVarint(dim, target, pos);
  }
  return pos;
}

function writeValues(outputs: Outputs, index: number, format: OutputFormat, target: Buffer, start: number): number {
  const byteLength = outputs.byteLength(index);
  if (byteLength === 0) return start;
  let pos = start;
  if (!isWholeFields(outputs, index, format)) {
    pos = writeVarint(valuesTag(outputs, index, format), target, pos);
    pos = writeVarint(byteLength, target, pos);
  }
  outputs.copyTo(index, target, pos);
  return pos + byteLength;
}

let lastSpec:
  | { readonly name: string; readonly version: bigint; readonly signature: string; readonly bytes: Buffer }
  | undefined;

/** ModelSpec {name, version, signature_name} of what answered: as a rule the same as the last time. */
function modelSpecBytes({ modelName: name, modelVersion: version, signatureName: signature }: Outputs): Buffer {
  if (lastSpec?.name !== name || lastSpec.version !== version || lastSpec.signature !== signature)
    lastSpec = { name, version, signature, bytes: encodeModelSpec(name, version, signature) };
  return lastSpec.bytes;
}

function encodeModelSpec(modelName: string, modelVersion: bigint, signatureName: string): Buffer {
  const name = utf8(modelName);
  const signature = utf8(signatureName);
  const versionSize = modelVersion === 0n ? 0 : 1 + bigVarintSize(modelVersion);
  const target = Buffer.allocUnsafe(fieldSize(name.length) + fieldSize(versionSize) + fieldSize(signature.length));
  let pos = writeBytes(NAME_TAG, name, target, 0);
  target[pos++] = VERSION_TAG;
  pos = writeVarint(versionSize, target, pos);
  if (versionSize > 0) {
    target[pos++] = VERSION_VALUE_TAG;
    pos = writeBigVarint(modelVersion, target, pos);
  }
  writeBytes(SIGNATURE_NAME_TAG, signature, target, pos);
  return target;
}

function writeBytes(fieldTag: number, bytes: Uint8Array, target: Buffer, start: number): number {
  let pos = start;
  target[pos++] = fieldTag;
  pos = writeVarint(bytes.length, target, pos);
  target.set(bytes, pos);
  return pos + bytes.length;
}

const MAX_CACHED_NAMES = 1024;
const cachedNames = new Map<string, Buffer>();

/** Names of models, signatures and outputs are few and come again and again. */
function utf8(text: string): Buffer {
  const cached = cachedNames.get(text);
  if (cached !== undefined) return cached;
  if (cachedNames.size >= MAX_CACHED_NAMES) cachedNames.clear();
  const bytes = Buffer.from(text, 'utf8');
  cachedNames.set(text, bytes);
  return bytes;
}
