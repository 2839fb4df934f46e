/** Strangers' PredictRequests: the decoder answers with ranges inside the body or INVALID_ARGUMENT, and soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePredictRequest } from '../../src/doors/grpc/decode.js';
import { Code, ServingError } from '../../src/errors.js';
import { Cancellation, type InputTensor, OutputFormat } from '../../src/tensor/predict-request.js';
import { checkProperty } from '../support/check-property.js';
import { assertCheap } from '../support/cpu-time.js';
import { goldenPredict, goldenPredictNames, predictWith } from '../support/grpc-requests.js';

const MAX_CPU_MILLIS = 1000;
const CONTEXT = { deadlineMillis: Number.POSITIVE_INFINITY, cancellation: new Cancellation() };

function assertRangesInside(input: InputTensor, byteLength: number): void {
  const ranges = input.stringRanges ?? [input.start, input.end];
  assert.equal(ranges.length % 2, 0);
  for (let i = 0; i < ranges.length; i += 2) {
    const [start, end] = [ranges[i] as number, ranges[i + 1] as number];
    assert.ok(0 <= start && start <= end && end <= byteLength, `[${start}, ${end}) of ${byteLength} bytes`);
  }
  assert.ok(input.shape.every((dim) => Number.isInteger(dim) && dim >= 0));
}

function assertHarmless(message: Uint8Array): void {
  const before = process.cpuUsage();
  try {
    const { inputs, body } = decodePredictRequest(message, CONTEXT, OutputFormat.TYPED_FIELDS);
    for (const input of inputs) assertRangesInside(input, body.length);
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    assert.equal(error.code, Code.INVALID_ARGUMENT);
  }
  assertCheap(before, MAX_CPU_MILLIS);
}

const mutation = fc.record({
  at: fc.nat(100),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
  kind: fc.constantFrom('set', 'insert', 'delete', 'cut'),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(message: Uint8Array, { at, byte, kind }: Mutation): Uint8Array {
  const place = at % (message.length + 1);
  const [head, tail] = [message.subarray(0, place), message.subarray(place)];
  if (kind === 'cut') return head;
  if (kind === 'insert') return Buffer.concat([head, Buffer.from([byte]), tail]);
  return Buffer.concat([
    head,
    kind === 'set' && tail.length > 0 ? Buffer.from([byte]) : Buffer.alloc(0),
    tail.subarray(1),
  ]);
}

/** A field of a TensorProto: any number and wire type, with a value that may fit. */
const tensorField = fc
  .tuple(fc.integer({ min: 1, max: 15 }), fc.constantFrom(0, 1, 2, 5), fc.uint8Array({ maxLength: 9, max: 0x7f }))
  .map(([number, wireType, bytes]) => {
    if (wireType === 2) return [(number << 3) | 2, bytes.length, ...bytes];
    const width = wireType === 0 ? 1 : wireType === 1 ? 8 : 4;
    return [(number << 3) | wireType, ...Array.from({ length: width }, (_, i) => bytes[i] ?? 0)];
  });

test('random bytes are harmless', (t) => {
  return checkProperty(t, fc.property(fc.uint8Array({ maxLength: 200 }), assertHarmless));
});

test('real requests with a few changes are harmless', (t) => {
  const property = fc.property(
    fc.constantFrom(...goldenPredictNames),
    fc.array(mutation, { minLength: 1, maxLength: 4 }),
    (name, mutations) => assertHarmless(mutations.reduce<Uint8Array>(mutate, goldenPredict(name))),
  );
  return checkProperty(t, property);
});

test('tensors of any fields in any order are harmless', (t) => {
  const property = fc.property(
    fc.integer({ min: 1, max: 23 }),
    fc.array(tensorField, { maxLength: 8 }),
    (dtype, fields) => assertHarmless(predictWith([0x08, dtype], ...fields, [0x08, dtype])),
  );
  return checkProperty(t, property);
});
