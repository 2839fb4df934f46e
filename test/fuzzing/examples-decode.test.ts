/** Strangers' Examples, by gRPC and by REST: ranges inside the body or INVALID_ARGUMENT, and soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeExampleRequest, decodeMultiInferenceRequest } from '../../src/doors/grpc/decode-inference.js';
import { decodeExampleBody } from '../../src/doors/rest/decode-examples.js';
import { Code, ServingError } from '../../src/errors.js';
import { withoutPauses } from '../../src/formats/json-reader.js';
import { decodeMessage, encodeMessage } from '../../src/formats/protobuf.js';
import { Example, MultiInferenceRequest } from '../../src/gen/messages.js';
import type { ExampleInput } from '../../src/tensor/inference.js';
import { Cancellation } from '../../src/tensor/predict-request.js';
import { checkProperty, fuzzRuns } from '../support/check-property.js';
import { assertCheap } from '../support/cpu-time.js';

const MAX_CPU_MILLIS = 1000;
const CONTEXT = { deadlineMillis: Number.POSITIVE_INFINITY, cancellation: new Cancellation() };

function assertInside({ body, ranges, context = [0, 0] }: ExampleInput): void {
  for (let i = 0; i < ranges.length; i += 2) assertRange(ranges[i], ranges[i + 1], body);
  assertRange(context[0], context[1], body);
}

function assertRange(start = -1, end = -1, body: Uint8Array): void {
  assert.ok(0 <= start && start <= end && end <= body.length, `[${start}, ${end}) of ${body.length} bytes`);
}

function assertHarmless(decode: () => ExampleInput): void {
  const before = process.cpuUsage();
  try {
    assertInside(decode());
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    assert.equal(error.code, Code.INVALID_ARGUMENT);
  }
  assertCheap(before, MAX_CPU_MILLIS);
}

const SEED = encodeMessage(MultiInferenceRequest, {
  tasks: [{ model_spec: { name: 'm', version: { value: 3n } }, method_name: 'tensorflow/serving/classify' }],
  input: { example_list_with_context: { examples: [{}, {}], context: {} } },
});

test('any bytes, and messages with bytes changed, as a request of Examples', (t) => {
  const changes = fc.array(fc.tuple(fc.nat(SEED.length - 1), fc.nat(255)), { maxLength: 4 });
  const changed = changes.map((list) => {
    const message = Buffer.from(SEED);
    for (const [at, byte] of list) message[at] = byte;
    return message;
  });
  return checkProperty(
    t,
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (message) => {
      assertHarmless(() => decodeExampleRequest(message, CONTEXT, 'RegressionRequest').input);
      assertHarmless(() => decodeMultiInferenceRequest(message, CONTEXT).input);
    }),
  );
});

const pieces = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '1',
  '-',
  '.',
  'e',
  'NaN',
  'Inf',
  'true',
  'null',
  ' ',
  '"b64"',
];
const soup = fc.array(fc.constantFrom(...pieces, '"examples"', '"context"', '"x"', '\\u00e9', '\\ud800'), {
  maxLength: 40,
});

test('any text as the body of :classify', (t) => {
  const texts = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    soup.map((parts) => Buffer.from(parts.join(''))),
    soup.map((parts) => Buffer.from(`{"examples": [{"x": ${parts.join('')}}]}`)),
  );
  return checkProperty(
    t,
    fc.property(texts, (text) => assertHarmless(() => withoutPauses(decodeExampleBody(text)).input)),
  );
});

test('any JSON becomes Examples that protobuf can read, or is refused', (t) => {
  const value = fc.oneof(
    fc.boolean(),
    fc.integer(),
    // As JSON some are integers, which a feature holds up to 64 bits.
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((x) => !(Math.abs(x) >= 2 ** 63 && Math.abs(x) < 1e21)),
    fc.string({ unit: 'binary' }),
  );
  const feature = fc.oneof(value, fc.array(fc.integer()), fc.array(fc.string({ unit: 'binary' })));
  const example = fc.dictionary(fc.string({ unit: 'binary' }), feature);
  return checkProperty(
    t,
    fc.property(fc.array(example, { minLength: 1 }), (examples) => {
      const { body, ranges } = withoutPauses(decodeExampleBody(Buffer.from(JSON.stringify({ examples })))).input;
      assert.equal(ranges.length, 2 * examples.length);
      examples.forEach((features, i) => {
        const decoded = decodeMessage(Example, body.subarray(ranges[2 * i], ranges[2 * i + 1]));
        assert.equal(decoded.features?.feature.size ?? 0, Object.keys(features).length);
      });
    }),
    { numRuns: Math.ceil(fuzzRuns() / 10) },
  );
});
