/**
 * Messages as protobuf prints them in JSON with always_print_primitive_fields and preserve_proto_field_names: all fields by
 * their original names, but for messages and members of a oneof that are not set; 64-bit integers as strings, bytes in base64,
 * enums by name. Not for the well-known types, which are printed otherwise.
 */
import type { Field, Message, MessageType } from './protobuf.js';

/** What JSON.stringify() prints the message from. */
export function protoJson<T extends object>(type: MessageType<T>, message: T): object {
  return messageJson(type, message as Message);
}

/** Declared out of the order of numbers, which is the order in which fields are printed. */
const PLACES: ReadonlyMap<string, number> = new Map([['half_val', 4.5]]);

/** The name of a TensorInfo, a member of a oneof, comes last: protobuf meets it after it has set the defaults. */
function placeOf({ name, number, oneof, type }: Field): number {
  if (oneof !== undefined && typeof type !== 'function') return Number.POSITIVE_INFINITY;
  return PLACES.get(name) ?? number;
}

function messageJson(type: MessageType<object>, message: Message): object {
  const set = type.fields.filter(({ name }) => message[name] !== undefined);
  const inOrder = set.sort((a, b) => placeOf(a) - placeOf(b));
  return Object.fromEntries(inOrder.map((field) => [field.name, fieldJson(field, message[field.name])]));
}

function fieldJson({ type, rule, key }: Field, value: unknown): unknown {
  if (key !== undefined) return mapJson(type, value as ReadonlyMap<unknown, unknown>);
  if (rule === 'repeated') return (value as readonly unknown[]).map((each) => valueJson(type, each));
  return valueJson(type, value);
}

/** In the order of the keys' bytes; protobuf's own is that of a hash. */
function mapJson(type: Field['type'], map: ReadonlyMap<unknown, unknown>): object {
  const entries = [...map].map(([key, value]) => [String(key), valueJson(type, value)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
}

function valueJson(type: Field['type'], value: unknown): unknown {
  if (typeof type === 'function') return messageJson(type(), value as Message);
  if (typeof type === 'object') return enumName(type, value as number);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'number') return value;
  return type === 'float' ? floatJson(value) : numberJson(value);
}

/** A number without a name stands for itself. */
function enumName(values: Readonly<Record<string, number>>, value: number): string | number {
  return Object.keys(values).find((name) => values[name] === value) ?? value;
}

function numberJson(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** The shortest text that is the same float. */
function floatJson(value: number): number | string {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return numberJson(Number.isFinite(value) ? Number(value.toPrecision(9)) : value);
}
