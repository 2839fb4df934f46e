import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodePredictResponse } from '../../src/doors/grpc/encode.js';
import { ReusedBuffer } from '../../src/doors/grpc.js';
import { Code, ServingError } from '../../src/errors.js';
import { DataType } from '../../src/tensor/dtype.js';
import { OutputFormat } from '../../src/tensor/predict-request.js';
import { type FakeOutput, fakeOutputs } from '../support/graphpipe-outputs.js';

const FLOATS = Buffer.from(Float32Array.of(2.5, 3, 4.5).buffer);

function encode(outputs: FakeOutput[], format: OutputFormat = OutputFormat.TYPED_FIELDS): string {
  return encodePredictResponse(fakeOutputs(outputs), format, new ReusedBuffer()).toString('hex');
}

// The expected bytes are what Python's tensorflow-serving-api 2.21 writes for the same message.

test('floats go out as a packed float_val', () => {
  assert.equal(
    encode([{ alias: 'y', dtype: DataType.FLOAT, shape: [3], raw: FLOATS }]),
    '0a1b0a0179121608011204120208032a0c00002040000040400000904012180a016d120208011a0f73657276696e675f64656661756c74',
  );
});

test('a field number above 15 has a tag of two bytes', () => {
  const raw = Buffer.from('ffffffffffffffffff01', 'hex');
  assert.equal(
    encode([{ alias: 'y', dtype: DataType.UINT64, shape: [], raw }]),
    '0a160a01791211081712008a010affffffffffffffffff0112180a016d120208011a0f73657276696e675f64656661756c74',
  );
});

test('strings are whole fields, dimensions of zero are empty messages, versions have any length', () => {
  const outputs = fakeOutputs([
    { alias: 's', dtype: DataType.STRING, shape: [2], raw: Buffer.from('420261624200', 'hex') },
    { alias: 'y', dtype: DataType.FLOAT, shape: [2, 0], raw: Buffer.alloc(0) },
  ]);
  assert.equal(
    encodePredictResponse({ ...outputs, modelVersion: 300n }, OutputFormat.TYPED_FIELDS, new ReusedBuffer()).toString(
      'hex',
    ),
    '0a130a0173120e08071204120208024202616242000a0f0a0179120a080112061202080212001219' +
      '0a016d120308ac021a0f73657276696e675f64656661756c74',
  );
});

test('with the RAW format the values are the tensor_content', () => {
  assert.equal(
    encode([{ alias: 'y', dtype: DataType.FLOAT, shape: [1], raw: FLOATS.subarray(0, 4) }], OutputFormat.RAW),
    '0a130a0179120e080112041202080122040000204012180a016d120208011a0f73657276696e675f64656661756c74',
  );
});

test('with the RAW format strings are varint lengths, then bytes, as EncodeStringList of TensorFlow writes them', () => {
  const long = 'c'.repeat(200);
  const lengths = Buffer.from(Uint32Array.of(2, 200, 0).buffer);
  const raw = Buffer.concat([lengths, Buffer.from(`ab${long}`)]);
  const content = `02c80100${Buffer.from(`ab${long}`).toString('hex')}`;
  const hex = encode([{ alias: 's', dtype: DataType.STRING, shape: [3], raw }], OutputFormat.RAW);
  assert.ok(hex.includes(`080712041202080322ce01${content}`), hex);
});

test('versions are written exactly, zero as an empty message', () => {
  const spec = (modelVersion: bigint) =>
    encodePredictResponse({ ...fakeOutputs([]), modelVersion }, OutputFormat.RAW, new ReusedBuffer()).toString('hex');
  assert.match(spec(0n), /^12160a016d12001a0f/);
  assert.match(spec(2n ** 53n + 1n), /^121f0a016d12090881808080808080101a0f/);
  assert.match(spec(-1n), /^12210a016d120b08ffffffffffffffffff011a0f/);
});

test('a reply beyond what a protobuf message can hold is refused before memory is taken', () => {
  const outputs = { ...fakeOutputs([{ alias: 'y', dtype: DataType.FLOAT, shape: [1], raw: FLOATS }]) };
  const huge = { ...outputs, byteLength: () => 2 ** 31 };
  assert.throws(
    () => encodePredictResponse(huge, OutputFormat.RAW, new ReusedBuffer()),
    (error) =>
      error instanceof ServingError && error.code === Code.RESOURCE_EXHAUSTED && /output_filter/.test(error.message),
  );
});
