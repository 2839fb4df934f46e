/** Arbitraries of what strangers send: messages of any described type, tensors, JSON texts, and bytes with changes. */
import fc from 'fast-check';
import type { Field, MessageType, ScalarType } from '../../src/formats/protobuf.js';
import { ModelSpec } from '../../src/gen/messages.js';

/** Words that mean something to the server, so that a request gets further than to its first check. */
export const WORDS = [
  '',
  'half_plus_two',
  'multi_io',
  'strings',
  'examples',
  'serving_default',
  'classify',
  'regress',
  'tensorflow/serving/classify',
  'tensorflow/serving/regress',
  'signature_def',
  'inputs',
  'x',
  'y',
];
const MODELS = ['half_plus_two', 'multi_io', 'strings', 'examples'];

const word = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...WORDS) }, fc.string({ unit: 'binary', maxLength: 8 }));
const int64 = fc.oneof(fc.constantFrom(0n, 1n, 2n, -1n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int32 = fc.oneof(fc.integer({ min: -2, max: 30 }), fc.integer());
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const number = fc.double();

const SCALARS: Readonly<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  double: number,
  float: number,
  int32,
  uint32,
  sint32: int32,
  fixed32: uint32,
  sfixed32: int32,
  int64,
  uint64,
  sint64: int64,
  fixed64: uint64,
  sfixed64: int64,
  bool: fc.boolean(),
  string: word,
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    word.map((text) => Buffer.from(text)),
  ),
};

/** Messages of the type: any fields, also several of a oneof, nested as deep as `depth`. */
export function messageOf<T extends object>(type: MessageType<T>, depth = 6): fc.Arbitrary<T> {
  const fields = type.fields.filter(({ type }) => typeof type !== 'function' || depth > 0);
  const arbitraries = fields.map((field) => [field.name, fieldOf(type, field, depth)] as const);
  return fc.record(Object.fromEntries(arbitraries), { requiredKeys: [] }) as unknown as fc.Arbitrary<T>;
}

function fieldOf(parent: MessageType<object>, field: Field, depth: number): fc.Arbitrary<unknown> {
  const value = parent === ModelSpec && field.name === 'name' ? modelName : elementOf(field, depth);
  if (field.key !== undefined) {
    const entry = fc.tuple(SCALARS[field.key], value);
    return fc.array(entry, { maxLength: 3 }).map((entries) => new Map(entries));
  }
  return field.rule === 'repeated' ? fc.array(value, { maxLength: 3 }) : value;
}

const modelName = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...MODELS) }, word);

function elementOf({ type }: Field, depth: number): fc.Arbitrary<unknown> {
  if (typeof type === 'string') return SCALARS[type];
  if (typeof type === 'function') return fc.constant(undefined).chain(() => messageOf(type(), depth - 1));
  return fc.oneof(fc.constantFrom(...Object.values(type)), int32);
}

/** A change of a few bytes. */
export const mutation = fc.record({
  at: fc.nat(300),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
  kind: fc.constantFrom('set', 'insert', 'delete', 'cut'),
});

export type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

export function mutate(bytes: Uint8Array, { at, byte, kind }: Mutation): Uint8Array {
  const place = at % (bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (kind === 'cut') return head;
  if (kind === 'insert') return Buffer.concat([head, Buffer.from([byte]), tail]);
  return Buffer.concat([head, Buffer.from(kind === 'set' && tail.length > 0 ? [byte] : []), tail.subarray(1)]);
}

/** Mostly as they are, else with up to three changes. */
export function mutated(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const mutations = fc.oneof(
    { weight: 2, arbitrary: fc.constant<Mutation[]>([]) },
    fc.array(mutation, { minLength: 1, maxLength: 3 }),
  );
  return fc.tuple(bytes, mutations).map(([whole, changes]) => changes.reduce<Uint8Array>(mutate, whole));
}

const NUMBER_TEXTS = ['0', '1', '-1', '2.5', '1e3', '1E999', '-0', '9223372036854775808', '-9223372036854775809'];
const TOKENS = [...NUMBER_TEXTS, '4294967296', 'NaN', '-Infinity', 'Inf', 'true', 'false', 'null', '0x1', '-', '01'];

const text = fc.oneof(
  word.map((value) => JSON.stringify(value)),
  fc.constantFrom('"\\ud800"', '"\\u0000"', '"\\q"', '"a', '{"b64": "AAE="}', '{"b64": "?"}', '{"b64": 1}'),
);

/** The text of a value as JSON has it, with and without mistakes; the keys are `keys` and others. */
export function jsonText(keys: readonly string[]): fc.Arbitrary<string> {
  const key = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...keys) }, word).map((name) => JSON.stringify(name));
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      fc.constantFrom(...TOKENS),
      text,
      fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
      fc
        .array(fc.tuple(key, tie('value')), { maxLength: 4 })
        .map((members) => `{${members.map(([name, item]) => `${name}: ${item}`).join(',')}}`),
    ),
  }));
  return value;
}
