/**
 * Requests as REST has them, for a warm-up file: `{"signature_name", "instances" | "inputs"}` is a Predict,
 * `{"signature_name", "examples", "context"}` a Classify or Regress, which "method" or the signature's method name tells.
 */
import { decodeExampleBody } from '../doors/rest/decode-examples.js';
import { invalidArgument, ServingError, toServingError } from '../errors.js';
import { JsonReader, withoutPauses } from '../formats/json-reader.js';
import type { Init } from '../formats/protobuf.js';
import type { TensorProto } from '../gen/messages.js';
import { DEFAULT_SIGNATURE, type SignatureInfo, sendableFilter, type TensorInfo } from '../servables/signature-info.js';
import { DataType } from '../tensor/dtype.js';
import { CLASSIFY_METHOD, REGRESS_METHOD } from '../tensor/inference.js';
import { formatShape } from '../tensor/shape.js';
import { isBase64Object, type JsonTensor, readTensor, stackTensors, toTensorProto } from './json-tensor.js';
import { exampleRequest, type MethodRequest, predictRequest } from './request-messages.js';

const ONE_OF = 'It must have exactly one of "instances", "inputs" and "examples".';
const OPEN_LIST = '['.charCodeAt(0);

/**
 * The requests of a text that is a list of documents, or one document after another, as of one a line. Throws INVALID_ARGUMENT,
 * with the document's number, for what is no request of one of the signatures.
 */
export function* readJsonRequests(
  text: Buffer,
  signatures: readonly SignatureInfo[],
  modelName: string,
): Generator<MethodRequest, void, void> {
  let number = 0;
  for (const document of documentsIn(text)) {
    number += 1;
    try {
      yield toRequest(document, signatures, modelName);
    } catch (thrown) {
      const { code, message } = toServingError(thrown);
      throw new ServingError(code, `Request ${number}: ${message}`);
    }
  }
}

/** The documents of a text, as they stand in it. */
export function* documentsIn(text: Buffer): Generator<Buffer, void, void> {
  const reader = new JsonReader(text);
  const isList = reader.peek() === OPEN_LIST;
  let more = isList ? reader.openList() : reader.peek() >= 0;
  while (more) {
    reader.peek();
    const start = reader.pos;
    withoutPauses(reader.skip());
    yield text.subarray(start, reader.pos);
    more = isList ? reader.nextItem() : reader.peek() >= 0;
  }
}

function toRequest(document: Buffer, signatures: readonly SignatureInfo[], modelName: string): MethodRequest {
  const reader = new JsonReader(document);
  const members = findMembers(reader);
  const signatureName = readName(reader, members, 'signature_name');
  const signature = findSignature(signatures, signatureName || DEFAULT_SIGNATURE);
  const to = { modelName, signatureName };
  if (members.has('examples')) {
    const method = exampleMethod(readName(reader, members, 'method') || signature.methodName);
    return exampleRequest(method, to, withoutPauses(decodeExampleBody(document)).input);
  }
  return predictRequest(to, readInputs(reader, members, signature), sendableFilter(signature));
}

/** Where the first member of each name begins. */
function findMembers(reader: JsonReader): Map<string, number> {
  const members = new Map<string, number>();
  if (reader.kind() !== 'Object') throw invalidArgument('It must be a JSON object.');
  for (let more = reader.openObject(); more; more = reader.nextMember()) {
    const name = reader.key().toString();
    if (!members.has(name)) members.set(name, reader.pos);
    withoutPauses(reader.skip());
  }
  return members;
}

function readName(reader: JsonReader, members: ReadonlyMap<string, number>, member: string): string {
  const pos = members.get(member);
  if (pos === undefined) return '';
  reader.pos = pos;
  if (reader.kind() === 'String') return reader.string().toString();
  throw invalidArgument(`"${member}" must be a string.`);
}

function findSignature(signatures: readonly SignatureInfo[], name: string): SignatureInfo {
  const found = signatures.find((signature) => signature.name === name && !signature.isInternal);
  if (found !== undefined) return found;
  const names = signatures.filter(({ isInternal }) => !isInternal).map((signature) => signature.name);
  throw invalidArgument(`The model has no signature "${name}". Its signatures are: ${names.join(', ')}.`);
}

const EXAMPLE_METHODS: ReadonlyMap<string, 'Classify' | 'Regress'> = new Map([
  ['classify', 'Classify'],
  ['regress', 'Regress'],
  [CLASSIFY_METHOD, 'Classify'],
  [REGRESS_METHOD, 'Regress'],
]);

function exampleMethod(name: string): 'Classify' | 'Regress' {
  const method = EXAMPLE_METHODS.get(name);
  if (method !== undefined) return method;
  throw invalidArgument('Examples need a "method": "classify" or "regress".');
}

function readInputs(
  reader: JsonReader,
  members: ReadonlyMap<string, number>,
  signature: SignatureInfo,
): Map<string, Init<TensorProto>> {
  const rows = members.get('instances');
  const columns = members.get('inputs');
  if (rows !== undefined && columns !== undefined) throw invalidArgument(ONE_OF);
  reader.pos = rows ?? columns ?? reader.pos;
  const tensors =
    rows !== undefined
      ? readRows(reader, signature)
      : columns !== undefined
        ? readColumns(reader, signature)
        : withoutInputs(signature);
  const inputs = new Map<string, Init<TensorProto>>();
  for (const info of signature.inputs) {
    const tensor = tensors.get(info.alias);
    if (tensor !== undefined) inputs.set(info.alias, toTensorProto(checkShape(tensor, info), info));
    else if (!signature.defaults?.has(info.alias)) throw invalidArgument(`Input '${info.alias}' is missing.`);
  }
  return inputs;
}

/** A request that does not fit the model would keep each version that it warms up from being loaded. */
function checkShape(tensor: JsonTensor, { alias, shape }: TensorInfo): JsonTensor {
  const fits =
    shape === undefined ||
    (shape.length === tensor.shape.length && shape.every((size, axis) => size === -1 || size === tensor.shape[axis]));
  if (fits) return tensor;
  throw invalidArgument(
    `Input '${alias}' has the shape ${formatShape(tensor.shape)}, but the model takes ${formatShape(shape)}.`,
  );
}

/** For a document that has none: as over REST, of a signature that needs none. */
function withoutInputs({ inputs, defaults }: SignatureInfo): Map<string, JsonTensor> {
  if (inputs.every(({ alias }) => defaults?.has(alias))) return new Map();
  throw invalidArgument(ONE_OF);
}

function readColumns(reader: JsonReader, signature: SignatureInfo): Map<string, JsonTensor> {
  if (!hasNames(reader, signature)) return new Map([[onlyInput(signature).alias, readTensor(reader)]]);
  return readNamed(reader, signature);
}

function readRows(reader: JsonReader, signature: SignatureInfo): Map<string, JsonTensor> {
  if (reader.kind() !== 'Array' || !reader.openList())
    throw invalidArgument('"instances" must be a list that is not empty.');
  const rows = new Map<string, JsonTensor[]>();
  let count = 0;
  for (let more = true; more; more = reader.nextItem()) {
    const row = hasNames(reader, signature)
      ? readNamed(reader, signature, true)
      : new Map([[onlyInput(signature).alias, readTensor(reader)]]);
    for (const [alias, tensor] of row) {
      const known = rows.get(alias);
      if (known === undefined) rows.set(alias, [tensor]);
      else known.push(tensor);
    }
    count += 1;
  }
  if (rows.size === 0)
    throw invalidArgument('"instances" holds no input: leave it out, or write "inputs" in its place.');
  const stacked = new Map<string, JsonTensor>();
  for (const [alias, tensors] of rows) {
    if (tensors.length < count) throw invalidArgument(`Some of the rows have no input '${alias}'.`);
    stacked.set(alias, stackTensors(tensors, alias));
  }
  return stacked;
}

/**
 * Whether an object with inputs by name comes next, not one that is itself the bytes of the only input: as REST takes it.
 * Reads nothing.
 */
function hasNames(reader: JsonReader, { inputs }: SignatureInfo): boolean {
  if (reader.kind() !== 'Object') return false;
  return inputs.length !== 1 || inputs[0]?.dtype !== DataType.STRING || !isBase64Object(reader);
}

/** Inputs that the signature does not have are passed over in column form and refused in rows, as over REST. */
function readNamed(reader: JsonReader, { inputs }: SignatureInfo, isRow = false): Map<string, JsonTensor> {
  const tensors = new Map<string, JsonTensor>();
  for (let more = reader.openObject(); more; more = reader.nextMember()) {
    const name = reader.key().toString();
    const isKnown = inputs.some(({ alias }) => alias === name);
    if (isRow && !isKnown) throw invalidArgument(`A row has the name '${name}', which the signature has no input of.`);
    if (isKnown && !tensors.has(name)) tensors.set(name, readTensor(reader));
    else withoutPauses(reader.skip());
  }
  return tensors;
}

function onlyInput({ name, inputs }: SignatureInfo): TensorInfo {
  const [only, ...more] = inputs;
  if (only !== undefined && more.length === 0) return only;
  throw invalidArgument(
    `Signature '${name}' has ${inputs.length} inputs: give them by their names, ${inputs.map(({ alias }) => alias).join(', ')}.`,
  );
}
