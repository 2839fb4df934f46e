/** Strangers' buffers: the decoder answers with ranges inside the body or INVALID_ARGUMENT, and soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRequest } from '../../src/doors/graphpipe/decode.js';
import { Code, ServingError } from '../../src/errors.js';
import type { InputTensor } from '../../src/tensor/predict-request.js';
import { checkProperty } from '../support/check-property.js';
import { assertCheap } from '../support/cpu-time.js';
import { type GoldenRequest, goldenRequest } from '../support/graphpipe-requests.js';

const MAX_CPU_MILLIS = 1000;
const CONTEXT = { defaultModelName: '', maxBodyBytes: 1 << 16, deadlineMillis: Number.POSITIVE_INFINITY };

function assertRangesInside(input: InputTensor, byteLength: number): void {
  const ranges = input.stringRanges ?? [input.start, input.end];
  for (let i = 0; i < ranges.length; i += 2) {
    const [start, end] = [ranges[i] as number, ranges[i + 1] as number];
    assert.ok(0 <= start && start <= end && end <= byteLength, `[${start}, ${end}) of ${byteLength} bytes`);
  }
  assert.ok(input.shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0));
}

function assertHarmless(body: Uint8Array): void {
  const before = process.cpuUsage();
  try {
    const request = decodeRequest(body, CONTEXT);
    if (request !== 'metadata') for (const input of request.inputs) assertRangesInside(input, body.byteLength);
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    assert.equal(error.code, Code.INVALID_ARGUMENT);
  }
  assertCheap(before, MAX_CPU_MILLIS);
}

/** Values that are interesting as offsets, lengths and vtable entries. */
const word = fc.oneof(
  fc.nat(64),
  fc.nat(0xffff),
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 4, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff),
);

const mutation = fc.record({ at: fc.nat(1000), width: fc.constantFrom(1, 2, 4), value: word });

const golden = fc.constantFrom<GoldenRequest>('float32', 'strings', 'scalarString', 'named', 'oneName', 'metadata');

test('random bytes are harmless', (t) => {
  return checkProperty(t, fc.property(fc.uint8Array({ maxLength: 512 }), assertHarmless));
});

test('random bytes behind a plausible root are harmless', (t) => {
  const rooted = fc.tuple(fc.nat(64), fc.uint8Array({ minLength: 4, maxLength: 256, max: 32 }));
  const property = fc.property(rooted, ([root, body]) => {
    new DataView(body.buffer, body.byteOffset).setUint32(0, root, true);
    assertHarmless(body);
  });
  return checkProperty(t, property);
});

test('real requests with a few words changed are harmless', (t) => {
  const property = fc.property(golden, fc.array(mutation, { minLength: 1, maxLength: 6 }), (name, mutations) => {
    const body = Buffer.from(goldenRequest(name));
    for (const { at, width, value } of mutations) {
      const mask = width === 4 ? 0xffffffff : 2 ** (8 * width) - 1;
      body.writeUIntLE((value & mask) >>> 0, at % (body.byteLength - width + 1), width);
    }
    assertHarmless(body);
  });
  return checkProperty(t, property);
});

test('real requests that are cut off are harmless', (t) => {
  const property = fc.property(golden, fc.nat(1000), (name, length) => {
    assertHarmless(goldenRequest(name).subarray(0, length));
  });
  return checkProperty(t, property);
});
