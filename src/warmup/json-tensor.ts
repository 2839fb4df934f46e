/**
 * Tensors in TensorFlow Serving's JSON (its REST API page), for requests that are recorded: those that a server answers are
 * parsed natively. What REST has no form for, these have none for either.
 */
import { invalidArgument } from '../errors.js';
import { decodeBase64 } from '../formats/base64.js';
import type { JsonReader } from '../formats/json-reader.js';
import type { Init } from '../formats/protobuf.js';
import type { TensorProto } from '../gen/messages.js';
import type { TensorInfo } from '../servables/signature-info.js';
import { DataType, dataTypeName } from '../tensor/dtype.js';
import { formatShape, type Shape } from '../tensor/shape.js';

/** Numbers as they stood, bytes of strings, booleans. */
type Value = string | Uint8Array | boolean;

/** A nested list as it stood, whatever it is for. */
export interface JsonTensor {
  readonly shape: Shape;
  readonly values: readonly Value[];
}

/** Reads a value or a nested list of them. Throws INVALID_ARGUMENT for lists of unequal lengths. */
export function readTensor(reader: JsonReader): JsonTensor {
  const shape: number[] = [];
  const values: Value[] = [];
  readInto(reader, 0, shape, values);
  return { shape, values };
}

/** Items of one shape, put together along a new first dimension. */
export function stackTensors(items: readonly JsonTensor[], name: string): JsonTensor {
  const [first] = items;
  const shape = first?.shape ?? [];
  for (const item of items) {
    if (formatShape(item.shape) !== formatShape(shape)) {
      throw invalidArgument(
        `The rows of input '${name}' have different shapes: ${formatShape(shape)} and ${formatShape(item.shape)}.`,
      );
    }
  }
  return { shape: [items.length, ...shape], values: items.flatMap(({ values }) => values) };
}

/** The tensor of an input. Throws INVALID_ARGUMENT for values that are none of its dtype. */
export function toTensorProto({ shape, values }: JsonTensor, { alias, dtype }: TensorInfo): Init<TensorProto> {
  const head = { dtype, tensor_shape: { dim: shape.map((size) => ({ size: BigInt(size) })) } };
  if (dtype === DataType.STRING) return { ...head, string_val: values.map((value) => stringOf(value, alias)) };
  const convert = CONVERSIONS[dtype];
  if (convert === undefined) {
    throw invalidArgument(
      `Input '${alias}' is ${dataTypeName(dtype)}, which has no form in JSON. Record live traffic instead.`,
    );
  }
  const { buffer } = convert(values, (value, expected) => {
    throw wrongValue(value, alias, `${expected}, for ${dataTypeName(dtype)}`);
  });
  return { ...head, tensor_content: new Uint8Array(buffer) };
}

function readInto(reader: JsonReader, depth: number, shape: number[], values: Value[]): void {
  if (reader.kind() !== 'Array') {
    if (depth < shape.length) throw unequal(depth);
    values.push(readValue(reader));
    return;
  }
  const isFirst = values.length === 0 && shape.length === depth;
  if (!isFirst && depth >= shape.length) throw unequal(depth);
  if (isFirst) shape.push(-1);
  let length = 0;
  for (let more = reader.openList(); more; more = reader.nextItem()) {
    readInto(reader, depth + 1, shape, values);
    length += 1;
  }
  if (shape[depth] === -1) shape[depth] = length;
  if (shape[depth] !== length) throw unequal(depth);
}

function unequal(depth: number): Error {
  return invalidArgument(
    `A nested list has items of unequal lengths or depths, ${depth} brackets deep: it is no tensor.`,
  );
}

function readValue(reader: JsonReader): Value {
  const kind = reader.kind();
  if (kind === 'Number') return reader.number().text;
  if (kind === 'String') return reader.string();
  if (kind === 'Object') return readBase64(reader);
  if (kind === 'Null') throw invalidArgument('A tensor has no null.');
  reader.literal();
  return kind === 'True';
}

/** Whether `{"b64": "…"}` comes next, and nothing else in that object. Reads nothing. */
export function isBase64Object(reader: JsonReader): boolean {
  const start = reader.pos;
  const found = base64TextOf(reader) !== undefined;
  reader.pos = start;
  return found;
}

/** The text in `{"b64": "…"}`, undefined for any other object, of which a part is read then. */
function base64TextOf(reader: JsonReader): string | undefined {
  if (!reader.openObject() || reader.key().toString() !== 'b64' || reader.kind() !== 'String') return undefined;
  const text = reader.string().toString('latin1');
  return reader.nextMember() ? undefined : text;
}

function readBase64(reader: JsonReader): Uint8Array {
  const text = base64TextOf(reader);
  if (text === undefined) throw invalidArgument('An object among the values of a tensor can only be {"b64": "…"}.');
  try {
    return decodeBase64(text);
  } catch (error) {
    throw invalidArgument(`{"b64": "${text.slice(0, 100)}"} is not base64: ${(error as Error).message}.`);
  }
}

function stringOf(value: Value, alias: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw wrongValue(value, alias, 'a string, or {"b64": "…"}');
}

function wrongValue(value: Value, alias: string, expected: string): Error {
  const text = value instanceof Uint8Array ? JSON.stringify(Buffer.from(value).toString()) : String(value);
  return invalidArgument(`Input '${alias}' has the value ${text.slice(0, 100)}, but it takes ${expected}.`);
}

type Refuse = (value: Value, expected: string) => never;
type Convert = (values: readonly Value[], refuse: Refuse) => { readonly buffer: ArrayBuffer };

const INTEGER = /^-?\d+$/;

function numbers(make: (values: number[]) => { readonly buffer: ArrayBuffer }): Convert {
  return (values, refuse) =>
    make(
      values.map((value) => {
        if (typeof value !== 'string') return refuse(value, 'a number');
        const number = Number(value.replace(/Inf$/, 'Infinity'));
        const isBeyond = Math.abs(number) === Number.POSITIVE_INFINITY && /\d/.test(value);
        return isBeyond ? refuse(value, 'numbers within a double') : number;
      }),
    );
}

/** Small types take what 32 bits hold, and wrap, as over REST. */
function integers(min: bigint, max: bigint, make: (values: bigint[]) => { readonly buffer: ArrayBuffer }): Convert {
  return (values, refuse) =>
    make(
      values.map((value) => {
        const integer = typeof value === 'string' && INTEGER.test(value) ? BigInt(value) : undefined;
        if (integer === undefined || integer < min || integer > max)
          return refuse(value, `integers from ${min} to ${max}`);
        return integer;
      }),
    );
}

const MIN32 = -(2n ** 31n);
const MAX32 = 2n ** 31n - 1n;

const CONVERSIONS: Partial<Record<DataType, Convert>> = {
  [DataType.FLOAT]: numbers((values) => Float32Array.from(values)),
  [DataType.DOUBLE]: numbers((values) => Float64Array.from(values)),
  [DataType.INT8]: integers(MIN32, MAX32, (values) => Int8Array.from(values, Number)),
  [DataType.INT16]: integers(MIN32, MAX32, (values) => Int16Array.from(values, Number)),
  [DataType.INT32]: integers(MIN32, MAX32, (values) => Int32Array.from(values, Number)),
  [DataType.UINT8]: integers(MIN32, MAX32, (values) => Uint8Array.from(values, Number)),
  [DataType.UINT32]: integers(0n, 2n ** 32n - 1n, (values) => Uint32Array.from(values, Number)),
  [DataType.INT64]: integers(-(2n ** 63n), 2n ** 63n - 1n, (values) => BigInt64Array.from(values)),
  [DataType.UINT64]: integers(0n, 2n ** 64n - 1n, (values) => BigUint64Array.from(values)),
  [DataType.BOOL]: (values, refuse) =>
    Uint8Array.from(values, (value) => (typeof value === 'boolean' ? Number(value) : refuse(value, 'true or false'))),
};
