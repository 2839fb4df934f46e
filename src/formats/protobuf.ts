/**
 * Reads and writes the messages of `src/gen/messages.ts`, each described by a table of its fields. For calls that come
 * now and then; Predict, the hot path, is walked by hand in `doors/grpc/`. Wire format: protobuf.dev, "Encoding".
 */

import type { Reader, Writer } from 'protobufjs';
import protobuf from 'protobufjs/minimal.js';
import { invalidArgument } from '../errors.js';

type NumberType = 'double' | 'float' | 'int32' | 'uint32' | 'sint32' | 'fixed32' | 'sfixed32';
type BigIntType = 'int64' | 'uint64' | 'sint64' | 'fixed64' | 'sfixed64';
export type ScalarType = NumberType | BigIntType | 'bool' | 'string' | 'bytes';

/** One field of a message, as the .proto file declares it. */
export interface Field {
  /** The original name, e.g. `model_spec`. */
  readonly name: string;
  readonly number: number;
  /** A scalar; a message, as a function because messages may contain themselves; or the values of an enum by name. */
  readonly type: ScalarType | (() => MessageType<object>) | Readonly<Record<string, number>>;
  /** `optional`: undefined when absent; without a rule the type's zero value stands for absent. */
  readonly rule?: 'repeated' | 'optional';
  /** Set for maps: the type of the keys. */
  readonly key?: ScalarType;
  /** The oneof that the field belongs to: setting it unsets the others. */
  readonly oneof?: string;
}

export interface MessageType<T extends object> {
  /** Full name, e.g. `tensorflow.serving.ModelSpec`. */
  readonly name: string;
  readonly fields: readonly Field[];
  /** Never set: carries T for the compiler. */
  readonly value?: T;
}

/** A message to write: what is left out is not written. */
export type Init<T> = T extends Uint8Array | bigint | number | string | boolean | undefined
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, Init<V>>
    : T extends readonly (infer E)[]
      ? readonly Init<E>[]
      : { readonly [K in keyof T]?: Init<T[K]> | undefined };

/** A message whose type is known at run time only: its fields by name. */
export type Message = Record<string, unknown>;

const LENGTH_DELIMITED = 2;
/** Groups and messages nested deeper than this are refused, as all of protobuf's own libraries do. */
const MAX_DEPTH = 100;
const BIG_TYPES: ReadonlySet<unknown> = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);
const WIRE_TYPES: Readonly<Record<string, number>> = {
  double: 1,
  fixed64: 1,
  sfixed64: 1,
  float: 5,
  fixed32: 5,
  sfixed32: 5,
  string: 2,
  bytes: 2,
};

/** Reads a message; its `bytes` fields may be views of `bytes`. Throws INVALID_ARGUMENT if it is malformed. */
export function decodeMessage<T extends object>(type: MessageType<T>, bytes: Uint8Array): T {
  const reader = protobuf.Reader.create(bytes);
  try {
    return readMessage(type, reader, reader.len, 0) as T;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalidArgument(`The bytes are no ${type.name} message: ${reason}.`);
  }
}

/** Writes a message: fields in the order of the table, absent and zero values left out. */
export function encodeMessage<T extends object>(type: MessageType<T>, message: Init<T>): Uint8Array {
  const writer = protobuf.Writer.create();
  writeMessage(type, message as Message, writer);
  return writer.finish();
}

function readMessage(
  type: MessageType<object>,
  reader: Reader,
  end: number,
  depth: number,
  message: Message = emptyMessage(type),
): Message {
  if (depth > MAX_DEPTH) throw new Error(`messages are nested deeper than ${MAX_DEPTH}`);
  if (end > reader.len) throw new Error(`a message of type ${type.name} is cut short`);
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = type.fields.find((candidate) => candidate.number === tag >>> 3);
    if (field === undefined || !accepts(field, tag & 7)) reader.skipType(tag & 7, depth, tag >>> 3);
    else readField(type, field, tag & 7, message, reader, depth);
  }
  if (reader.pos > end) throw new Error(`a field runs past the end of its message of type ${type.name}`);
  return message;
}

/** A message with nothing set: zero values, empty lists and maps, undefined where absence can be told. */
export function emptyMessage(type: MessageType<object>): Message {
  const message: Message = {};
  for (const field of type.fields) message[field.name] = zeroOf(field);
  return message;
}

function zeroOf(field: Field): unknown {
  if (field.key !== undefined) return new Map();
  if (field.rule === 'repeated') return [];
  if (field.rule === 'optional' || typeof field.type === 'function') return undefined;
  return zeroValue(field.type);
}

/** What stands for a value that is absent, e.g. of a map's entry. */
export function zeroValue(type: Field['type']): unknown {
  if (type === 'string') return '';
  if (type === 'bool') return false;
  if (type === 'bytes') return new Uint8Array(0);
  if (typeof type === 'function') return emptyMessage(type());
  return BIG_TYPES.has(type) ? 0n : 0;
}

/** As all of protobuf's libraries do, a known field number with a wire type that does not fit is an unknown field. */
function accepts(field: Field, wireType: number): boolean {
  return wireType === wireTypeOf(field) || (wireType === LENGTH_DELIMITED && isPackable(field));
}

function wireTypeOf(field: Field): number {
  if (field.key !== undefined || typeof field.type === 'function') return LENGTH_DELIMITED;
  return typeof field.type === 'string' ? (WIRE_TYPES[field.type] ?? 0) : 0;
}

function isPackable(field: Field): boolean {
  return field.rule === 'repeated' && wireTypeOf(field) !== LENGTH_DELIMITED;
}

function readField(
  owner: MessageType<object>,
  field: Field,
  wireType: number,
  message: Message,
  reader: Reader,
  depth: number,
): void {
  const before = message[field.name];
  if (field.key !== undefined) readMapEntry(field, field.key, before as Map<unknown, unknown>, reader, depth);
  else if (field.rule === 'repeated') readRepeated(field, wireType, before as unknown[], reader, depth);
  else {
    message[field.name] = readValue(field.type, reader, depth, before);
    if (field.oneof !== undefined) clearOthers(owner, field, message);
  }
}

function clearOthers(owner: MessageType<object>, chosen: Field, message: Message): void {
  for (const field of owner.fields) {
    if (field.oneof === chosen.oneof && field !== chosen) message[field.name] = undefined;
  }
}

function readRepeated(field: Field, wireType: number, values: unknown[], reader: Reader, depth: number): void {
  if (wireType !== LENGTH_DELIMITED || !isPackable(field)) {
    values.push(readValue(field.type, reader, depth, undefined));
    return;
  }
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new Error(`the values of ${field.name} are cut short`);
  while (reader.pos < end) values.push(readValue(field.type, reader, depth, undefined));
}

/** On the wire a map is a repeated message {key = 1, value = 2}; of equal keys the last one counts. */
function readMapEntry(field: Field, key: ScalarType, map: Map<unknown, unknown>, reader: Reader, depth: number): void {
  const entry: MessageType<object> = {
    name: `${field.name} entry`,
    fields: [
      { name: 'key', number: 1, type: key },
      { name: 'value', number: 2, type: field.type },
    ],
  };
  const { key: name, value } = readValue(() => entry, reader, depth, undefined) as Message;
  map.set(name, value ?? zeroValue(field.type));
}

/** A message that comes again is merged with what came `before`. */
function readValue(type: Field['type'], reader: Reader, depth: number, before: unknown): unknown {
  if (typeof type === 'function') {
    const length = reader.uint32();
    return readMessage(type(), reader, reader.pos + length, depth + 1, before as Message | undefined);
  }
  if (typeof type === 'object') return reader.int32();
  const value = reader[type]();
  return BIG_TYPES.has(type) ? BigInt(String(value)) : value;
}

function writeMessage(type: MessageType<object>, message: Message, writer: Writer): void {
  for (const field of type.fields) {
    const value = message[field.name];
    if (value === undefined) continue;
    if (field.key !== undefined) writeMap(field, field.key, value as ReadonlyMap<unknown, unknown>, writer);
    else if (field.rule === 'repeated') writeRepeated(field, value as readonly unknown[], writer);
    else if (field.rule === 'optional' || !isZero(field, value)) writeTagged(field.number, field.type, value, writer);
  }
}

function isZero(field: Field, value: unknown): boolean {
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  if (value instanceof Map) return value.size === 0;
  return value === zeroOf(field);
}

function writeRepeated(field: Field, values: readonly unknown[], writer: Writer): void {
  if (!isPackable(field)) {
    for (const value of values) writeTagged(field.number, field.type, value, writer);
  } else if (values.length > 0) {
    writer.uint32((field.number << 3) | LENGTH_DELIMITED).fork();
    for (const value of values) writeValue(field.type, value, writer);
    writer.ldelim();
  }
}

function writeMap(field: Field, keyType: ScalarType, map: ReadonlyMap<unknown, unknown>, writer: Writer): void {
  for (const [key, value] of map) {
    writer.uint32((field.number << 3) | LENGTH_DELIMITED).fork();
    writeTagged(1, keyType, key, writer);
    writeTagged(2, field.type, value, writer);
    writer.ldelim();
  }
}

function writeTagged(number: number, type: Field['type'], value: unknown, writer: Writer): void {
  writer.uint32((number << 3) | wireTypeOf({ name: '', number, type }));
  writeValue(type, value, writer);
}

function writeValue(type: Field['type'], value: unknown, writer: Writer): void {
  if (typeof type === 'function') {
    writeMessage(type(), value as Message, writer.fork());
    writer.ldelim();
  } else if (typeof type === 'object') {
    writer.int32(value as number);
  } else {
    (writer[type] as (value: unknown) => Writer).call(writer, BIG_TYPES.has(type) ? halves(value as bigint) : value);
  }
}

/** The two halves that protobufjs takes for a 64-bit integer. */
function halves(value: bigint): { low: number; high: number; unsigned: boolean } {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false };
}
