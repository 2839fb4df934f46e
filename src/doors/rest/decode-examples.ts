/**
 * The body of :classify and :regress: `{"signature_name", "context", "examples": [{feature: value or list}]}`. Kinds of
 * features and texts of errors follow TensorFlow Serving's json_tensor.cc; the whole text is checked before any of it is
 * taken, so that a malformed one is always called so. Parsed here, on the event loop, with pauses.
 */
import { invalidArgument } from '../../errors.js';
import { decodeBase64 } from '../../formats/base64.js';
import { JsonReader } from '../../formats/json-reader.js';
import type { ExampleInput } from '../../tensor/inference.js';
import { ExampleWriter, FeatureKind } from './example-writer.js';

export interface ExampleBody {
  /** Empty if there is none. */
  readonly signatureName: string;
  readonly input: ExampleInput;
}

/** Where the first member of each name begins; -1 if there is none. */
interface Members {
  signature_name: number;
  context: number;
  examples: number;
}

/** Longest piece of the body in a message: TensorFlow Serving prints it whole. */
const SHOWN_BYTES = 200;
const SHOWN_DIGITS = 40;

/** Steps through the body and returns what it holds. Throws INVALID_ARGUMENT. */
export function* decodeExampleBody(body: Uint8Array): Generator<void, ExampleBody, void> {
  const reader = new JsonReader(body);
  const members = yield* findMembers(reader);
  const signatureName = readSignatureName(reader, members);
  const writer = new ExampleWriter();
  const context = members.context < 0 ? undefined : yield* readExample(seek(reader, members.context), writer);
  checkExamples(reader, members.examples);
  const ranges = yield* readExamples(seek(reader, members.examples), writer);
  const input = { body: writer.body(), ranges };
  return { signatureName, input: context === undefined ? input : { ...input, context } };
}

function seek(reader: JsonReader, pos: number): JsonReader {
  reader.pos = pos;
  return reader;
}

function* findMembers(reader: JsonReader): Generator<void, Members, void> {
  const members: Members = { signature_name: -1, context: -1, examples: -1 };
  if (reader.kind() !== 'Object') {
    yield* reader.skip();
    throw invalidArgument(`JSON Value: ${shown(reader)} Is not object`);
  }
  let more = reader.openObject();
  while (more) {
    const name = reader.key().toString();
    if (Object.hasOwn(members, name) && members[name as keyof Members] < 0) {
      members[name as keyof Members] = reader.pos;
    }
    yield* reader.skip();
    more = reader.nextMember();
  }
  return members;
}

function readSignatureName(reader: JsonReader, { signature_name: pos }: Members): string {
  if (pos < 0) return '';
  if (seek(reader, pos).kind() === 'String') return reader.string().toString();
  throw invalidArgument(
    `JSON Value: ${shown(reader)} not formatted correctly. 'signature_name' key must be a string value.`,
  );
}

function checkExamples(reader: JsonReader, pos: number): void {
  if (pos < 0) {
    throw invalidArgument(
      `JSON Value: ${shown(reader)} When method is classify, key 'examples' is expected and was not found`,
    );
  }
  if (seek(reader, pos).kind() !== 'Array')
    throw invalidArgument(`JSON Value: ${shown(reader)} Expecting 'examples' value to be an list/array`);
  if (!reader.openList()) throw invalidArgument(`JSON Value: ${shown(reader)} 'examples' value is an empty array`);
}

function shown({ bytes }: JsonReader): string {
  return bytes.length <= SHOWN_BYTES ? bytes.toString() : `${bytes.toString('utf8', 0, SHOWN_BYTES)}…`;
}

function* readExamples(reader: JsonReader, writer: ExampleWriter): Generator<void, number[], void> {
  const ranges: number[] = [];
  let more = reader.openList();
  while (more) {
    ranges.push(...(yield* readExample(reader, writer)));
    more = reader.nextItem();
  }
  return ranges;
}

/**
 * Of features of the same name the last one counts, as in TensorFlow Serving: all are written, and that is how protobuf reads
 * a map. Returns the example's [start, end) in the writer's body.
 */
function* readExample(reader: JsonReader, writer: ExampleWriter): Generator<void, [number, number], void> {
  if (reader.kind() !== 'Object') throw invalidArgument(`Example must be JSON object but got JSON ${reader.kind()}`);
  let more = reader.openObject();
  while (more) {
    const key = reader.key();
    if (reader.kind() === 'Array') yield* readList(reader, writer, key);
    else readValue(reader, writer, key);
    writer.endFeature(key);
    more = reader.nextMember();
  }
  return writer.endExample();
}

function* readList(reader: JsonReader, writer: ExampleWriter, feature: Buffer): Generator<void, void, void> {
  let more = reader.openList();
  while (more) {
    if (reader.pauseDue) yield;
    readValue(reader, writer, feature);
    more = reader.nextItem();
  }
}

function readValue(reader: JsonReader, writer: ExampleWriter, feature: Buffer): void {
  const kind = reader.kind();
  if (kind === 'Number') readNumber(reader, writer, feature);
  else if (kind === 'String') {
    checkKind(writer, FeatureKind.BYTES, feature);
    writer.addBytes(reader.string());
  } else if (kind === 'True' || kind === 'False') {
    checkKind(writer, FeatureKind.INT64, feature);
    reader.literal();
    writer.addInt64(kind === 'True' ? 1n : 0n);
  } else {
    const base64 = kind === 'Object' ? readBase64Object(reader) : undefined;
    if (base64 === undefined) {
      throw invalidArgument(`Feature: ${feature} has element with unexpected JSON type: ${kind}`);
    }
    checkKind(writer, FeatureKind.BYTES, feature);
    writer.addBytes(bytesOf(base64, feature));
  }
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** Numbers without point and exponent are integers, as long as 64 bits hold them. */
function readNumber(reader: JsonReader, writer: ExampleWriter, feature: Buffer): void {
  const { isInteger, text } = reader.number();
  const integer = isInteger ? BigInt(text) : undefined;
  if (integer === undefined || integer < INT64_MIN || integer > UINT64_MAX) {
    checkKind(writer, FeatureKind.FLOAT, feature);
    const value = Number(text.replace(/Inf$/, 'Infinity'));
    if (Math.abs(value) === Number.POSITIVE_INFINITY && /\d/.test(text))
      throw invalidArgument(
        `Feature: ${feature} has the number ${text.slice(0, SHOWN_DIGITS)}, which no double holds.`,
      );
    writer.addFloat(value);
    return;
  }
  checkKind(writer, FeatureKind.INT64, feature);
  if (integer > INT64_MAX) {
    throw invalidArgument(`Feature: ${feature} has uint64 element. Only int64 is supported.`);
  }
  writer.addInt64(integer);
}

const KIND_NAMES = ['UNKNOWN', 'bytes', 'float', 'int64'];

/** A feature's values must all be of the kind of the first one. */
function checkKind(writer: ExampleWriter, kind: FeatureKind, feature: Buffer): void {
  if (writer.kind === FeatureKind.NONE || writer.kind === kind) return;
  throw invalidArgument(`Unexpected element type in feature: ${feature} expecting type: ${KIND_NAMES[writer.kind]}`);
}

/** The text in `{"b64": "…"}`, undefined for any other object. */
function readBase64Object(reader: JsonReader): Buffer | undefined {
  if (!reader.openObject() || reader.key().toString() !== 'b64' || reader.kind() !== 'String') return undefined;
  const text = reader.string();
  return reader.nextMember() ? undefined : text;
}

function bytesOf(text: Buffer, feature: Buffer): Buffer {
  try {
    return decodeBase64(text.toString('latin1'));
  } catch (error) {
    throw invalidArgument(`Unable to base64 decode. Feature: ${feature}: ${(error as Error).message}`);
  }
}
