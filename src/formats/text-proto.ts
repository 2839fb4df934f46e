/**
 * Reads messages in protobuf's text format, with the field tables of `src/gen/messages.ts`. Used for all configuration
 * files. Errors have the words and places of protobuf's C++ parser, which TensorFlow Serving uses: clients and people
 * search for them. Format: protobuf.dev, "Text Format Language Specification".
 */
import { access, readFile } from 'node:fs/promises';
import { Code, invalidArgument, ServingError, toServingError } from '../errors.js';
import { log } from '../log.js';
import { emptyMessage, encodeMessage, type Field, type Message, type MessageType, zeroValue } from './protobuf.js';
import { TextProtoError, type Token, Tokenizer, unescapeString } from './text-proto-tokens.js';

export interface TextProtoOptions {
  /** The messages that an expanded google.protobuf.Any (`[type.googleapis.com/x.Y] {…}`) may hold; default none. */
  readonly anyTypes?: readonly MessageType<object>[];
  /** Passes over fields that the table does not have, for messages of which we know only parts; default false. */
  readonly skipUnknownFields?: boolean;
}

/** A message around one scalar value. */
const WRAPPER = /^google\.protobuf\.[A-Z][A-Za-z0-9]*Value$/;

/** Messages nested deeper than this are refused. */
const MAX_DEPTH = 100;

/**
 * Reads one message. Throws INVALID_ARGUMENT, `Error parsing text-format <full name>: <line>:<column>: <what is wrong>`.
 */
export function parseTextProto<T extends object>(
  type: MessageType<T>,
  text: string,
  options: TextProtoOptions = {},
): T {
  try {
    return new Parser(text, options).parse(type) as T;
  } catch (error) {
    if (!(error instanceof TextProtoError)) throw error;
    const { line, column, message } = error;
    throw invalidArgument(`Error parsing text-format ${type.name}: ${line}:${column}: ${message}`);
  }
}

/**
 * Reads a file with one message, at the start. Rejects with INVALID_ARGUMENT (`Invalid protobuf file: '<path>'`, TF Serving's
 * words, and the place), which is also logged, since there it is in the log that the place is found; or, if the file cannot be
 * read, with NOT_FOUND.
 */
export async function readTextProtoFile<T extends object>(
  type: MessageType<T>,
  path: string,
  options: TextProtoOptions = {},
): Promise<T> {
  return readParsedFile(path, (text) => parseTextProto(type, text, options));
}

/** As readTextProtoFile() does, a file in any format: `parse` throws a ServingError for a text that is none. */
export async function readParsedFile<T>(path: string, parse: (text: string) => T): Promise<T> {
  const text = await readTextFile(path);
  try {
    return parseFile(text, path, parse);
  } catch (error) {
    log.error(toServingError(error).message);
    throw error;
  }
}

/** The same; undefined where there is no file at `path` that may be looked at. */
export async function readTextProtoFileIfAny<T extends object>(
  type: MessageType<T>,
  path: string,
): Promise<T | undefined> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? readTextProtoFile(type, path) : undefined;
}

/** A whole file. Rejects with NOT_FOUND if it cannot be read. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const message = `The file ${path} cannot be read (${reason}). Check that it exists and that the server may read it.`;
    throw new ServingError(Code.NOT_FOUND, message, { cause: error });
  }
}

/** The text of the file at `path` as a message. Throws as readTextProtoFile() rejects for a text that is none. */
export function parseTextProtoFile<T extends object>(
  type: MessageType<T>,
  text: string,
  path: string,
  options: TextProtoOptions = {},
): T {
  return parseFile(text, path, (read) => parseTextProto(type, read, options));
}

function parseFile<T>(text: string, path: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    throw invalidArgument(`Invalid protobuf file: '${path}'. ${toServingError(error).message}`);
  }
}

/** The sign in front of a number and the number's own word. */
interface NumberWord {
  readonly negative: boolean;
  readonly token: Token;
}

type IntegerType =
  | 'int32'
  | 'sint32'
  | 'sfixed32'
  | 'uint32'
  | 'fixed32'
  | 'int64'
  | 'sint64'
  | 'sfixed64'
  | 'uint64'
  | 'fixed64';

const INTEGER_BITS: Readonly<Record<IntegerType, { readonly bits: 32 | 64; readonly signed: boolean }>> = {
  int32: { bits: 32, signed: true },
  sint32: { bits: 32, signed: true },
  sfixed32: { bits: 32, signed: true },
  uint32: { bits: 32, signed: false },
  fixed32: { bits: 32, signed: false },
  int64: { bits: 64, signed: true },
  sint64: { bits: 64, signed: true },
  sfixed64: { bits: 64, signed: true },
  uint64: { bits: 64, signed: false },
  fixed64: { bits: 64, signed: false },
};

const BOOLEANS = new Map([
  ['true', true],
  ['True', true],
  ['t', true],
  ['1', true],
  ['false', false],
  ['False', false],
  ['f', false],
  ['0', false],
]);

class Parser {
  readonly #tokens: Tokenizer;
  readonly #options: TextProtoOptions;

  constructor(text: string, options: TextProtoOptions) {
    this.#tokens = new Tokenizer(text);
    this.#options = options;
  }

  parse(type: MessageType<object>): Message {
    const message = emptyMessage(type);
    const seen = new Set<Field>();
    while (this.#tokens.current.kind !== 'end') this.#readField(type, message, seen, 0);
    return message;
  }

  /** `{ fields }` or `< fields >`. */
  #readMessage(type: MessageType<object>, depth: number): Message {
    if (depth > MAX_DEPTH) {
      throw this.#error(`Message is too deep, the parser exceeded the configured recursion limit of ${MAX_DEPTH}.`);
    }
    const message = emptyMessage(type);
    const seen = new Set<Field>();
    if (WRAPPER.test(type.name)) this.#checkWrapped();
    const close = this.#openMessage();
    while (!this.#lookingAt('}') && !this.#lookingAt('>')) this.#readField(type, message, seen, depth);
    this.#consume(close);
    return message;
  }

  #openMessage(): string {
    if (this.#tryConsume('<')) return '>';
    this.#consume('{');
    return '}';
  }

  /** Most of BatchingParameters are wrapped, and `max_batch_size: 32` is what everybody writes first. */
  #checkWrapped(): void {
    const { kind, text } = this.#tokens.current;
    if (kind === 'symbol' || kind === 'end') return;
    throw this.#error(`Expected "{", found "${text}". Write the value as { value: ${text} }.`);
  }

  /** One field with what separates it from the next one. */
  #readField(type: MessageType<object>, message: Message, seen: Set<Field>, depth: number): void {
    if (this.#lookingAt('[')) this.#readBracketed(type, message, depth);
    else {
      const name = this.#identifier();
      const field = type.fields.find((candidate) => candidate.name === name);
      if (field !== undefined) this.#readKnownField(type, field, message, seen, depth);
      else if (this.#options.skipUnknownFields) this.#skipFieldValue(depth);
      else throw this.#error(`Message type "${type.name}" has no field named "${name}".`);
    }
    if (!this.#tryConsume(';')) this.#tryConsume(',');
  }

  #readKnownField(owner: MessageType<object>, field: Field, message: Message, seen: Set<Field>, depth: number): void {
    if (field.rule !== 'repeated' && field.key === undefined) this.#checkOnce(owner, field, seen);
    seen.add(field);
    if (isMessage(field)) this.#tryConsume(':');
    else this.#consume(':');
    const isMany = field.rule === 'repeated' || field.key !== undefined;
    if (isMany && this.#tryConsume('[')) this.#readList(() => this.#readOne(field, message, depth));
    else this.#readOne(field, message, depth);
  }

  #checkOnce(owner: MessageType<object>, field: Field, seen: ReadonlySet<Field>): void {
    if (seen.has(field)) throw this.#error(`Non-repeated field "${field.name}" is specified multiple times.`);
    if (field.oneof === undefined) return;
    const other = owner.fields.find((candidate) => candidate.oneof === field.oneof && seen.has(candidate));
    if (other === undefined) return;
    throw this.#error(
      `Field "${field.name}" is specified along with field "${other.name}", another member of oneof "${field.oneof}".`,
    );
  }

  /** What follows a `[`, up to its `]`. */
  #readList(readItem: () => void): void {
    if (this.#tryConsume(']')) return;
    do readItem();
    while (!this.#tryConsume(']') && this.#consume(',') === undefined);
  }

  #readOne(field: Field, message: Message, depth: number): void {
    if (field.key !== undefined) {
      const entry = this.#readMessage(entryType(field), depth + 1);
      (message[field.name] as Map<unknown, unknown>).set(entry.key, entry.value ?? zeroValue(field.type));
      return;
    }
    const value = this.#readValue(field, depth);
    if (field.rule === 'repeated') (message[field.name] as unknown[]).push(value);
    else message[field.name] = value;
  }

  #readValue(field: Field, depth: number): unknown {
    const { type } = field;
    if (typeof type === 'function') return this.#readMessage(type(), depth + 1);
    if (typeof type === 'object') return this.#readEnum(field, type);
    switch (type) {
      case 'bool':
        return this.#readBool(field);
      case 'string':
        return this.#readText(field);
      case 'bytes':
        return new Uint8Array(this.#readString());
      case 'float':
        return Math.fround(this.#readDouble());
      case 'double':
        return this.#readDouble();
      default:
        return this.#readInteger(type);
    }
  }

  #readEnum({ name }: Field, values: Readonly<Record<string, number>>): number {
    const { kind, text } = this.#tokens.current;
    if (kind === 'integer' || text === '-') return this.#readInteger('int32') as number;
    if (kind !== 'identifier') throw this.#error(`Expected integer or identifier, got: ${text}`);
    const value = Object.hasOwn(values, text) ? values[text] : undefined;
    this.#tokens.next();
    if (value === undefined) throw this.#error(`Unknown enumeration value of "${text}" for field "${name}".`);
    return value;
  }

  #readBool({ name }: Field): boolean {
    const { kind, text } = this.#tokens.current;
    if (kind === 'integer') {
      const value = BigInt(toDecimal(text));
      if (value > 1n) throw this.#error(`Integer out of range (${text})`);
      this.#tokens.next();
      return value === 1n;
    }
    const word = this.#identifier();
    const value = BOOLEANS.get(word);
    if (value === undefined) throw this.#error(`Invalid value for boolean field "${name}". Value: "${word}".`);
    return value;
  }

  #readText({ name }: Field): string {
    const bytes = this.#readString();
    const text = bytes.toString('utf8');
    if (Buffer.compare(Buffer.from(text, 'utf8'), bytes) !== 0)
      throw this.#error(`String field "${name}" contains bytes that are not UTF-8.`);
    return text;
  }

  /** One string or several in a row, which count as one. */
  #readString(): Buffer {
    if (this.#tokens.current.kind !== 'string') throw this.#error(`Expected string, got: ${this.#tokens.current.text}`);
    const parts: Buffer[] = [];
    while (this.#tokens.current.kind === 'string') {
      parts.push(unescapeString(this.#tokens.current));
      this.#tokens.next();
    }
    return Buffer.concat(parts);
  }

  #readNumberWord(): NumberWord {
    const negative = this.#tryConsume('-');
    return { negative, token: this.#tokens.current };
  }

  #readInteger(type: IntegerType): number | bigint {
    const { bits, signed } = INTEGER_BITS[type];
    const { negative, token } = signed ? this.#readNumberWord() : { negative: false, token: this.#tokens.current };
    if (token.kind !== 'integer') throw this.#error(`Expected integer, got: ${token.text}`);
    const size = BigInt(toDecimal(token.text));
    const limit = 2n ** BigInt(signed ? bits - 1 : bits);
    if (negative ? size > limit : size >= limit) throw this.#error(`Integer out of range (${token.text})`);
    this.#tokens.next();
    const value = negative ? -size : size;
    return bits === 64 ? value : Number(value);
  }

  #readDouble(): number {
    const { negative, token } = this.#readNumberWord();
    const value = doubleOf(token);
    if (value === undefined) throw this.#error(`Expected double, got: ${token.text}`);
    this.#tokens.next();
    return negative ? -value : value;
  }

  /** `[type.googleapis.com/x.Y] { … }` inside an Any; anything else in brackets is an extension, and we have none. */
  #readBracketed(type: MessageType<object>, message: Message, depth: number): void {
    this.#consume('[');
    const name = this.#readTypeName();
    this.#consume(']');
    if (type.name === 'google.protobuf.Any' && name.includes('/')) this.#readExpandedAny(name, message, depth);
    else if (this.#options.skipUnknownFields) this.#skipFieldValue(depth);
    else throw this.#error(`Extension "${name}" is not defined or is not an extension of "${type.name}".`);
  }

  #readTypeName(): string {
    let name = this.#identifier();
    for (;;) {
      const { text } = this.#tokens.current;
      if (text !== '.' && text !== '/' && text !== '-') return name;
      this.#tokens.next();
      name += text + this.#identifier();
    }
  }

  #readExpandedAny(url: string, message: Message, depth: number): void {
    const fullName = url.slice(url.lastIndexOf('/') + 1);
    const type = this.#options.anyTypes?.find((candidate) => candidate.name === fullName);
    this.#tryConsume(':');
    if (type === undefined) throw this.#error(`Could not find type "${url}" stored in google.protobuf.Any.`);
    message.type_url = url;
    message.value = encodeMessage(type, this.#readMessage(type, depth + 1));
  }

  #skipFieldValue(depth: number): void {
    if (depth > MAX_DEPTH) throw this.#error('Message is too deep.');
    this.#tryConsume(':');
    if (this.#tryConsume('[')) this.#readList(() => this.#skipValue(depth));
    else this.#skipValue(depth);
  }

  #skipValue(depth: number): void {
    const { kind } = this.#tokens.current;
    if (kind === 'string') this.#readString();
    else if (this.#lookingAt('{') || this.#lookingAt('<')) this.#skipMessage(depth + 1);
    else {
      const { token } = this.#readNumberWord();
      if (token.kind === 'end' || token.kind === 'symbol' || token.kind === 'string')
        throw this.#error(`Cannot skip field value, unexpected token: ${token.text}`);
      this.#tokens.next();
    }
  }

  #skipMessage(depth: number): void {
    const close = this.#openMessage();
    while (!this.#lookingAt('}') && !this.#lookingAt('>')) {
      if (this.#tryConsume('[')) {
        this.#readTypeName();
        this.#consume(']');
      } else {
        this.#identifier();
      }
      this.#skipFieldValue(depth);
      if (!this.#tryConsume(';')) this.#tryConsume(',');
    }
    this.#consume(close);
  }

  #identifier(): string {
    const { kind, text } = this.#tokens.current;
    if (kind !== 'identifier') throw this.#error(`Expected identifier, got: ${text}`);
    this.#tokens.next();
    return text;
  }

  #lookingAt(symbol: string): boolean {
    const { kind, text } = this.#tokens.current;
    return kind === 'symbol' && text === symbol;
  }

  #tryConsume(symbol: string): boolean {
    if (!this.#lookingAt(symbol)) return false;
    this.#tokens.next();
    return true;
  }

  #consume(symbol: string): void {
    if (!this.#tryConsume(symbol)) throw this.#error(`Expected "${symbol}", found "${this.#tokens.current.text}".`);
  }

  /** An error at the word to be read next, where protobuf's own parser places them. */
  #error(message: string): TextProtoError {
    return new TextProtoError(this.#tokens.current, Buffer.from(message, 'latin1').toString('utf8'));
  }
}

function isMessage(field: Field): boolean {
  return field.key !== undefined || typeof field.type === 'function';
}

/** A map is written as the list of its entries. */
function entryType({ name, key = 'string', type }: Field): MessageType<object> {
  const fields: Field[] = [
    { name: 'key', number: 1, type: key },
    { name: 'value', number: 2, type },
  ];
  return { name: `${name} entry`, fields };
}

/** C's octal (`017`) as BigInt() writes it; decimal and hexadecimal are the same in both. */
function toDecimal(text: string): string {
  return /^0[0-7]+$/.test(text) ? `0o${text}` : text;
}

/** Undefined if the word is no number in decimal, `inf` or `nan`. */
function doubleOf({ kind, text }: Token): number | undefined {
  if (kind === 'float') return Number(text.replace(/[fF]$/, ''));
  if (kind === 'integer') return /^0./.test(text) ? undefined : Number(text);
  const word = text.toLowerCase();
  if (kind !== 'identifier') return undefined;
  if (word === 'inf' || word === 'infinity') return Number.POSITIVE_INFINITY;
  return word === 'nan' ? Number.NaN : undefined;
}
