import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code, ServingError } from '../../src/errors.js';
import { decodeMessage, encodeMessage } from '../../src/formats/protobuf.js';
import {
  ConfigProto,
  GetModelStatusResponse,
  HealthCheckRequest,
  ModelSpec,
  SignatureDef,
  TensorProto,
} from '../../src/gen/messages.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('a message is written as Python writes it', () => {
  const status = { error_code: Code.FAILED_PRECONDITION, error_message: 'broken' };
  const bytes = encodeMessage(GetModelStatusResponse, {
    model_version_status: [
      { version: 2n ** 53n + 1n, state: 30, status: {} },
      { version: 1n, state: 50, status },
    ],
  });
  assert.equal(hex(bytes), '0a0d088180808080808010101e1a000a10080110321a0a0809120662726f6b656e');
});

test('what was written can be read again, int64 exactly', () => {
  for (const value of [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const bytes = encodeMessage(ModelSpec, { name: 'm', version: { value } });
    assert.equal(decodeMessage(ModelSpec, bytes).version?.value, value);
  }
});

test('absent fields read as zero, absent messages and members of a oneof as undefined', () => {
  assert.deepEqual(decodeMessage(ModelSpec, new Uint8Array(0)), {
    name: '',
    version: undefined,
    version_label: undefined,
    signature_name: '',
  });
});

test('maps keep their order and lists may be packed or not', () => {
  const bytes = encodeMessage(ConfigProto, {
    device_count: new Map([
      ['GPU', 0],
      ['CPU', 2],
    ]),
    inter_op_parallelism_threads: -1,
  });
  assert.deepEqual(
    [...decodeMessage(ConfigProto, bytes).device_count],
    [
      ['GPU', 0],
      ['CPU', 2],
    ],
  );
  assert.equal(decodeMessage(ConfigProto, bytes).inter_op_parallelism_threads, -1);
  const mixed = Uint8Array.of(0x38, 1, 0x3a, 2, 2, 3);
  assert.deepEqual(decodeMessage(TensorProto, mixed).int_val, [1, 2, 3]);
});

test('a message field that comes twice is merged, and a oneof keeps its last member', () => {
  const parts = [{ name: 'a', version: { value: 1n } }, { version_label: 'x' }, { signature_name: 's' }];
  const bytes = Buffer.concat(parts.map((part) => encodeMessage(ModelSpec, part)));
  assert.deepEqual(decodeMessage(ModelSpec, bytes), {
    name: 'a',
    version: undefined,
    version_label: 'x',
    signature_name: 's',
  });
});

test('a signature survives decoding and encoding', () => {
  const bytes = encodeMessage(SignatureDef, {
    inputs: new Map([['x', { name: 'x:0', dtype: 1, tensor_shape: { dim: [{ size: -1n }] } }]]),
    method_name: 'tensorflow/serving/predict',
  });
  assert.equal(hex(encodeMessage(SignatureDef, decodeMessage(SignatureDef, bytes))), hex(bytes));
});

test('malformed bytes are INVALID_ARGUMENT and name the message', () => {
  for (const bytes of [[0x0a, 5, 0x61], [0x0a], [0x0b, 0x08], [0x02, 0]]) {
    assert.throws(
      () => decodeMessage(HealthCheckRequest, Uint8Array.from(bytes)),
      (error) =>
        error instanceof ServingError &&
        error.code === Code.INVALID_ARGUMENT &&
        /HealthCheckRequest/.test(error.message),
    );
  }
});

test('messages nested without end are refused', () => {
  let bytes = new Uint8Array(0);
  for (let depth = 0; depth < 300; depth++) {
    // TensorProto.variant_val { tensors { … } }
    const inner = Buffer.concat([Buffer.from([0x1a]), lengthOf(bytes), bytes]);
    bytes = Buffer.concat([Buffer.from([0x7a]), lengthOf(inner), inner]);
  }
  assert.throws(() => decodeMessage(TensorProto, bytes), /nested deeper/);
});

function lengthOf(bytes: Uint8Array): Buffer {
  return bytes.length < 128
    ? Buffer.from([bytes.length])
    : Buffer.from([(bytes.length & 0x7f) | 0x80, bytes.length >> 7]);
}
