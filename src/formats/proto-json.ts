/**
 * Reads messages in protobuf's JSON mapping, with the field tables of `src/gen/messages.ts`. Format: protobuf.dev, "ProtoJSON
 * Format". Not for the well-known types, which are written otherwise (google.protobuf.Any, Int32Value …).
 */
import { invalidArgument } from '../errors.js';
import { decodeBase64 } from './base64.js';
import { JsonReader, withoutPauses } from './json-reader.js';
import { emptyMessage, type Field, type Message, type MessageType, type ScalarType } from './protobuf.js';

/** Messages nested deeper than this are refused, as in protobuf's text format. */
const MAX_DEPTH = 100;

/**
 * Reads one message: fields by their original names or in lowerCamelCase, numbers also as strings, enums by name or number,
 * bytes as base64, null for a field that is not set. Throws INVALID_ARGUMENT, `Error parsing JSON <full name>: <what is
 * wrong>`, with the path of the field (`gpu_options.allow_growth`): it has no such field, a value of the wrong kind or out
 * of range, one twice; or the text is not valid JSON.
 */
export function parseProtoJson<T extends object>(type: MessageType<T>, text: string): T {
  try {
    JSON.parse(text); // strict about all that the reader below passes over
    return new Parser(text).parse(type) as T;
  } catch (error) {
    throw invalidArgument(`Error parsing JSON ${type.name}: ${(error as Error).message}`);
  }
}

type IntegerType = Exclude<ScalarType, 'double' | 'float' | 'bool' | 'string' | 'bytes'>;

/** A number as the text has it, bare or as a string. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const INFINITE = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** Over a text that JSON.parse() has found valid. */
class Parser {
  readonly #reader: JsonReader;

  constructor(text: string) {
    this.#reader = new JsonReader(Buffer.from(text, 'utf8'));
  }

  parse(type: MessageType<object>): Message {
    return this.#message(type, '', 0);
  }

  /** `path` of the message within the whole one; empty: it is the whole. */
  #message(type: MessageType<object>, path: string, depth: number): Message {
    if (depth > MAX_DEPTH) throw new Error(`${path} is nested deeper than ${MAX_DEPTH} messages.`);
    const message = emptyMessage(type);
    const seen = new Set<Field>();
    this.#members(path || 'The text', (name) => this.#field(type, name, path, message, seen, depth));
    return message;
  }

  /** An object: `read` reads the value of each member. */
  #members(path: string, read: (name: string) => void): void {
    this.#expect('Object', path, 'an object, { … }');
    for (let more = this.#reader.openObject(); more; more = this.#reader.nextMember())
      read(this.#reader.key().toString());
  }

  #field(
    owner: MessageType<object>,
    name: string,
    path: string,
    message: Message,
    seen: Set<Field>,
    depth: number,
  ): void {
    const here = path === '' ? name : `${path}.${name}`;
    const field = owner.fields.find((candidate) => candidate.name === name || camelCase(candidate.name) === name);
    if (field === undefined) throw new Error(`${here} does not exist: "${owner.name}" has no field "${name}".`);
    if (seen.has(field)) throw new Error(`${here} is there twice. Write it once.`);
    if (this.#null()) return;
    const rival = [...seen].find(({ oneof }) => oneof !== undefined && oneof === field.oneof);
    if (rival !== undefined)
      throw new Error(`${here} is there together with ${rival.name}, and only one of the two can be set.`);
    seen.add(field);
    if (field.key !== undefined) this.#map(field, field.key, message[field.name] as Map<unknown, unknown>, here, depth);
    else if (field.rule === 'repeated') this.#list(field, message[field.name] as unknown[], here, depth);
    else message[field.name] = this.#value(field.type, here, depth);
  }

  #null(): boolean {
    if (this.#reader.kind() !== 'Null') return false;
    this.#reader.literal();
    return true;
  }

  #list({ type }: Field, values: unknown[], path: string, depth: number): void {
    this.#expect('Array', path, 'a list, [ … ]');
    for (let more = this.#reader.openList(); more; more = this.#reader.nextItem())
      values.push(this.#value(type, `${path}[${values.length}]`, depth));
  }

  #map({ type }: Field, key: ScalarType, map: Map<unknown, unknown>, path: string, depth: number): void {
    this.#members(path, (name) => {
      const here = `${path}["${name}"]`;
      const known = keyOf(key, name, here);
      if (map.has(known)) throw new Error(`${here} is there twice. Write it once.`);
      map.set(known, this.#value(type, here, depth));
    });
  }

  #value(type: Field['type'], path: string, depth: number): unknown {
    if (typeof type === 'function') return this.#message(type(), path, depth + 1);
    if (typeof type === 'object') return this.#enum(type, path);
    switch (type) {
      case 'bool':
        return this.#bool(path);
      case 'string':
        return this.#string(path, 'a string');
      case 'bytes':
        return base64(this.#string(path, 'a string of base64'), path);
      case 'float':
      case 'double':
        return floating(type, this.#numberText(path), path);
      default:
        return integer(type, this.#numberText(path), path);
    }
  }

  #enum(values: Readonly<Record<string, number>>, path: string): number {
    if (this.#reader.kind() === 'Number') return integer('int32', this.#numberText(path), path) as number;
    const names = Object.keys(values).join(', ');
    const name = this.#string(path, `one of ${names}, or a number`);
    if (!Object.hasOwn(values, name)) throw new Error(`${path} cannot be "${name}", but one of ${names}.`);
    return values[name] as number;
  }

  #bool(path: string): boolean {
    const kind = this.#reader.kind();
    if (kind !== 'True' && kind !== 'False') this.#expect('True', path, 'true or false');
    this.#reader.literal();
    return kind === 'True';
  }

  #string(path: string, expected: string): string {
    this.#expect('String', path, expected);
    return this.#reader.string().toString();
  }

  #numberText(path: string): string {
    if (this.#reader.kind() === 'String') return this.#reader.string().toString();
    this.#expect('Number', path, 'a number');
    return this.#reader.number().text;
  }

  #expect(kind: ReturnType<JsonReader['kind']>, path: string, expected: string): void {
    if (this.#reader.kind() === kind) return;
    const start = this.#reader.pos;
    withoutPauses(this.#reader.skip());
    const found = this.#reader.bytes.toString('utf8', start, this.#reader.pos);
    throw new Error(`${path} must be ${expected}, not ${found.length > 40 ? `${found.slice(0, 40)}…` : found}.`);
  }
}

/** protobuf's json_name: a letter behind an underscore becomes a capital. */
function camelCase(name: string): string {
  return name.replaceAll(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());
}

/** Keys are strings in JSON, whatever they are. */
function keyOf(type: ScalarType, text: string, path: string): unknown {
  if (type === 'string') return text;
  if (type !== 'bool') return integer(type as IntegerType, text, path);
  if (text !== 'true' && text !== 'false') throw new Error(`${path} has a key that is neither "true" nor "false".`);
  return text === 'true';
}

function floating(type: 'float' | 'double', text: string, path: string): number {
  const value = INFINITE.get(text) ?? (NUMBER.test(text) ? Number(text) : undefined);
  if (value === undefined) throw new Error(`${path} must be a number, not "${text}".`);
  const rounded = type === 'float' ? Math.fround(value) : value;
  if (!Number.isFinite(rounded) && !INFINITE.has(text)) throw new Error(`${path} is out of range: ${text}.`);
  return rounded;
}

/** Also `1e3` and `5.0`, as long as it is whole. */
function integer(type: IntegerType, text: string, path: string): number | bigint {
  const value = NUMBER.test(text) ? whole(text) : undefined;
  if (value === undefined) throw new Error(`${path} must be a whole number, not ${text === '' ? '""' : text}.`);
  const bits = type.endsWith('64') ? 64 : 32;
  const unsigned = type.startsWith('uint') || type.startsWith('fixed');
  const fits = unsigned ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
  if (fits !== value) throw new Error(`${path} is out of range: ${text} is no ${type}.`);
  return bits === 64 ? value : Number(value);
}

/** Exactly, also beyond what a double holds. */
function whole(text: string): bigint | undefined {
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const value = Number(text);
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function base64(text: string, path: string): Uint8Array {
  try {
    return new Uint8Array(decodeBase64(text));
  } catch (error) {
    throw new Error(`${path} must be a string of base64, not "${text}": ${(error as Error).message}.`);
  }
}
