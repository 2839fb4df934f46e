import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBuffer, Encoding } from 'flatbuffers';
import { InferResponseEncoder } from '../../src/doors/graphpipe/encode.js';
import { Code, ServingError } from '../../src/errors.js';
import { InferResponse } from '../../src/gen/graphpipe/infer-response.js';
import type { Tensor } from '../../src/gen/graphpipe/tensor.js';
import { Type } from '../../src/gen/graphpipe/type.js';
import { DataType } from '../../src/tensor/dtype.js';
import type { Shape } from '../../src/tensor/shape.js';
import { type FakeOutput, fakeOutputs, rawStrings } from '../support/graphpipe-outputs.js';

function output(dtype: DataType, shape: Shape, raw: Uint8Array, alias = 'y'): FakeOutput {
  return { alias, dtype, shape, raw };
}

function encode(...outputs: FakeOutput[]): Uint8Array {
  return new InferResponseEncoder().encode(fakeOutputs(outputs));
}

/** Read back by flatc's code. */
function readTensors(bytes: Uint8Array): Tensor[] {
  const response = InferResponse.getRootAsInferResponse(new ByteBuffer(bytes));
  assert.equal(response.errorsLength(), 0);
  return Array.from({ length: response.outputTensorsLength() }, (_, i) => response.outputTensors(i) as Tensor);
}

function readShape(tensor: Tensor): number[] {
  return Array.from({ length: tensor.shapeLength() }, (_, axis) => Number(tensor.shape(axis)));
}

function readStrings(tensor: Tensor): string[] {
  return Array.from({ length: tensor.stringValLength() }, (_, i) =>
    String(Buffer.from(tensor.stringVal(i, Encoding.UTF8_BYTES) as Uint8Array)),
  );
}

test('a reply has the bytes that GraphPipe clients read', () => {
  const raw = new Uint8Array(Float32Array.of(1, 2).buffer);
  const golden = [
    '0c000000 06000800 04000000 08000000 1c000000', // root, vtable and table of the response
    '0c001000 0c000400 08000000', // vtable of tensors with data
    '0c001000 0c000400 00000800', // vtable of tensors with string_val
    '01000000 04000000', // output_tensors: one
    '20000000 0c000000 18000000 0a000000', // its table: shape, data, Float32
    '01000000 02000000 00000000', // shape [2]
    '00000000 08000000 0000803f 00000040', // data, aligned to 8
  ].join('');
  assert.equal(Buffer.from(encode(output(DataType.FLOAT, [2], raw))).toString('hex'), golden.replaceAll(' ', ''));
});

for (const [dtype, type, elementBytes] of [
  [DataType.UINT8, Type.Uint8, 1],
  [DataType.INT8, Type.Int8, 1],
  [DataType.UINT16, Type.Uint16, 2],
  [DataType.INT16, Type.Int16, 2],
  [DataType.UINT32, Type.Uint32, 4],
  [DataType.INT32, Type.Int32, 4],
  [DataType.UINT64, Type.Uint64, 8],
  [DataType.INT64, Type.Int64, 8],
  [DataType.HALF, Type.Float16, 2],
  [DataType.FLOAT, Type.Float32, 4],
  [DataType.DOUBLE, Type.Float64, 8],
] as const) {
  test(`an output of type ${Type[type]} is read back, aligned`, () => {
    const raw = Uint8Array.from({ length: 3 * elementBytes }, (_, i) => i + 1);
    const bytes = encode(output(DataType.STRING, [1], rawStrings(['x'])), output(dtype, [3, 1], raw));
    const tensor = readTensors(bytes)[1] as Tensor;
    assert.equal(tensor.type(), type);
    assert.deepEqual(readShape(tensor), [3, 1]);
    const data = tensor.dataArray() as Uint8Array;
    assert.deepEqual(new Uint8Array(data), raw);
    assert.equal((data.byteOffset - bytes.byteOffset) % 8, 0);
  });
}

test('strings of any bytes and length are read back', () => {
  const strings = ['', 'a', 'ab', 'abc', 'abcd', 'déjà', 'nul\0inside', 'x'.repeat(1000)];
  const bytes = encode(
    output(DataType.STRING, [2, 4], rawStrings(strings)),
    output(DataType.STRING, [0], rawStrings([])),
  );
  const [tensor, empty] = readTensors(bytes) as [Tensor, Tensor];
  assert.equal(tensor.type(), Type.String);
  assert.deepEqual(readShape(tensor), [2, 4]);
  assert.deepEqual(readStrings(tensor), strings);
  assert.deepEqual(readStrings(empty), []);
  assert.deepEqual(readShape(empty), [0]);
});

test('bytes of a string that are no UTF-8 stay as they are', () => {
  const [tensor] = readTensors(encode(output(DataType.STRING, [], rawStrings([Uint8Array.of(0xff, 0, 0xfe)]))));
  assert.deepEqual(
    new Uint8Array(tensor?.stringVal(0, Encoding.UTF8_BYTES) as Uint8Array),
    Uint8Array.of(0xff, 0, 0xfe),
  );
});

test('scalars and empty tensors keep their shape and data vectors, which clients rely on', () => {
  const bytes = encode(
    output(DataType.INT32, [], Uint8Array.of(7, 0, 0, 0)),
    output(DataType.INT32, [0, 2 ** 40], new Uint8Array()),
  );
  const [scalar, empty] = readTensors(bytes) as [Tensor, Tensor];
  assert.deepEqual(readShape(scalar), []);
  assert.deepEqual(readShape(empty), [0, 2 ** 40]);
  assert.equal(empty.dataArray()?.byteLength, 0);
});

test('a run without outputs is an empty list', () => {
  assert.deepEqual(readTensors(encode()), []);
});

test('the next reply reuses the memory and shows nothing of the one before', () => {
  const encoder = new InferResponseEncoder();
  const encodeAgain = (outputs: FakeOutput[]): Uint8Array => encoder.encode(fakeOutputs(outputs));
  encodeAgain([output(DataType.UINT8, [4096], new Uint8Array(4096).fill(0xee))]);
  const small = [
    output(DataType.UINT8, [3], Uint8Array.of(1, 2, 3)),
    output(DataType.STRING, [2], rawStrings(['abcde', ''])),
    output(DataType.UINT8, [1], Uint8Array.of(4)),
  ];
  assert.deepEqual(Buffer.from(encodeAgain(small)), Buffer.from(encode(...small)));
  assert.ok(!encodeAgain(small).includes(0xee));
});

test('an output of a type that GraphPipe cannot carry is refused by name', () => {
  for (const dtype of [DataType.BOOL, DataType.COMPLEX64, DataType.BFLOAT16, DataType.QINT8]) {
    assert.throws(
      () => encode(output(dtype, [1], new Uint8Array(8), 'mask')),
      (error: unknown) => {
        assert.ok(error instanceof ServingError);
        assert.equal(error.code, Code.INVALID_ARGUMENT);
        assert.match(error.message, /Output "mask" is of type DT_\w+, which GraphPipe cannot carry/);
        return true;
      },
    );
  }
});

test('a reply beyond 2 GiB is refused before memory is taken', () => {
  const huge = { ...fakeOutputs([output(DataType.UINT8, [2 ** 31], new Uint8Array())]), byteLength: () => 2 ** 31 };
  assert.throws(() => new InferResponseEncoder().encode(huge), /more than the 2 GiB of a flatbuffer/);
});
