import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePredictRequest } from '../../src/doors/grpc/decode.js';
import { Code, ServingError } from '../../src/errors.js';
import { DataType } from '../../src/tensor/dtype.js';
import {
  Cancellation,
  Encoding,
  type InputTensor,
  OutputFormat,
  type TensorPredictRequest,
} from '../../src/tensor/predict-request.js';
import { field, goldenPredict, predictWith } from '../support/grpc-requests.js';

const FLOAT = [0x08, DataType.FLOAT];
const CONTEXT = { deadlineMillis: Number.POSITIVE_INFINITY, cancellation: new Cancellation() };

function decode(message: Uint8Array): TensorPredictRequest {
  return decodePredictRequest(message, CONTEXT, OutputFormat.TYPED_FIELDS);
}

/** Decodes a request whose one input holds the given TensorProto fields. */
function decodeInput(...tensor: (Uint8Array | number[])[]): { input: InputTensor; bytes: Buffer; body: Uint8Array } {
  const { inputs, body } = decode(predictWith(...tensor));
  const input = inputs[0] as InputTensor;
  return { input, bytes: Buffer.from(body.subarray(input.start, input.end)), body };
}

function strings(input: InputTensor, body: Uint8Array): string[] {
  const ranges = input.stringRanges ?? [];
  return Array.from({ length: ranges.length / 2 }, (_, i) =>
    Buffer.from(body.subarray(ranges[2 * i], ranges[2 * i + 1])).toString(),
  );
}

function refuses(message: Uint8Array, text: RegExp): void {
  assert.throws(
    () => decode(message),
    (error) => error instanceof ServingError && error.code === Code.INVALID_ARGUMENT && text.test(error.message),
  );
}

const float32 = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);

test('a request with tensor_content is read without copying anything', () => {
  const message = goldenPredict('content');
  const request = decode(message);
  assert.equal(request.body.buffer, message.buffer);
  assert.deepEqual(request.modelSpec, { name: 'm' });
  assert.equal(request.signatureName, '');
  assert.deepEqual(request.outputFilter, []);
  const [x] = request.inputs;
  assert.deepEqual(x, {
    name: 'x',
    dtype: DataType.FLOAT,
    shape: [2, 2],
    encoding: Encoding.RAW,
    start: 26,
    end: 42,
    fill: false,
  });
});

test('tf.make_tensor_proto of a list is read with its version, signature and output filter', () => {
  const request = decode(goldenPredict('floatVal'));
  assert.deepEqual(request.modelSpec, { name: 'm', version: 7n });
  assert.equal(request.signatureName, 'sig');
  assert.deepEqual(request.outputFilter, ['y']);
  const [x] = request.inputs;
  assert.equal(x?.encoding, Encoding.RAW);
  assert.deepEqual(x.shape, [3]);
  assert.deepEqual(Buffer.from(request.body.subarray(x.start, x.end)), float32(1, 2, 5));
});

test('packed varints are ranges with the varint encoding', () => {
  for (const [name, hex] of [
    ['boolVal', '0100'],
    ['uint64Val', '80808080808080808001'],
    ['uint32Val', 'ffffffff0f'],
  ] as const) {
    const { inputs, body } = decode(goldenPredict(name));
    const [x] = inputs;
    assert.equal(x?.encoding, Encoding.VARINT, name);
    assert.equal(x.fill, true);
    assert.equal(Buffer.from(body.subarray(x.start, x.end)).toString('hex'), hex);
  }
});

test('complex values and scalars are read', () => {
  const complex = decode(goldenPredict('scomplexVal'));
  const scalar = decode(goldenPredict('scalar'));
  assert.equal(complex.inputs[0]?.dtype, DataType.COMPLEX64);
  assert.equal((complex.inputs[0]?.end ?? 0) - (complex.inputs[0]?.start ?? 0), 8);
  assert.deepEqual(scalar.inputs[0]?.shape, []);
});

test('strings in string_val are a range for each', () => {
  const { inputs, body } = decode(goldenPredict('strings'));
  const [x] = inputs;
  assert.equal(x?.encoding, Encoding.STRINGS);
  assert.equal(x.fill, true);
  assert.deepEqual(strings(x, body), ['a', '', 'ccc']);
});

test('strings in tensor_content are lengths and then bytes', () => {
  const shape = field(2, field(2, [0x08, 2]));
  const { input, body } = decodeInput([0x08, DataType.STRING], shape, field(4, [1, 2], Buffer.from('abb')));
  assert.equal(input.fill, false);
  assert.deepEqual(strings(input, body), ['a', 'bb']);
});

test('tensor_content of the wrong length is refused: tensor parsing error, and the alias', () => {
  const shape = field(2, field(2, [0x08, 2]));
  for (const length of [1, 4, 7, 9, 12])
    refuses(
      predictWith(FLOAT, shape, field(4, Buffer.alloc(length))),
      new RegExp(
        `^tensor parsing error: x\\. The tensor_content has ${length} bytes, but its shape \\[2\\] needs 8\\.$`,
      ),
    );
});

test('strings in tensor_content that do not add up are refused in TF Serving words', () => {
  const shape = field(2, field(2, [0x08, 2]));
  for (const content of [[1, 1, 97], [1, 1, 97, 98, 99], [1]]) {
    refuses(predictWith([0x08, DataType.STRING], shape, field(4, content)), /^tensor parsing error: x/);
  }
  const huge = field(2, field(2, [0x08, 0xff, 0xff, 0xff, 0xff, 0x07]));
  refuses(predictWith([0x08, DataType.STRING], huge, field(4, [0, 0])), /^tensor parsing error: x/);
});

test('all inputs are read, and a version label', () => {
  assert.deepEqual(
    decode(goldenPredict('two')).inputs.map(({ name, dtype }) => [name, dtype]),
    [
      ['a', DataType.DOUBLE],
      ['b', DataType.FLOAT],
    ],
  );
  assert.deepEqual(decode(goldenPredict('label')).modelSpec, { name: 'm', versionLabel: 'stable' });
});

test('values without packing, and in several packed lists, are joined behind the message', () => {
  const single = [0x2d, ...float32(1)];
  assert.deepEqual(decodeInput(FLOAT, single, [0x2d, ...float32(2)]).bytes, float32(1, 2));
  assert.deepEqual(decodeInput(FLOAT, field(5, float32(1)), field(5, float32(2, 3))).bytes, float32(1, 2, 3));
  const mixed = decodeInput([0x08, DataType.INT32], [0x38, 0xac, 0x02], field(7, [1, 2]), [0x38, 3]);
  assert.deepEqual([...mixed.bytes], [0xac, 0x02, 1, 2, 3]);
});

test('only the typed field of the dtype counts, whatever comes before or after it', () => {
  const { bytes } = decodeInput(field(6, Buffer.alloc(8)), field(5, float32(4)), field(7, [9]), FLOAT);
  assert.deepEqual(bytes, float32(4));
});

test('tensor_content wins over typed fields, unless it is empty', () => {
  assert.deepEqual(decodeInput(FLOAT, field(5, float32(1)), field(4, float32(2))).bytes, float32(2));
  assert.deepEqual(decodeInput(FLOAT, field(5, float32(1)), field(4, [])).bytes, float32(1));
});

test('no values at all are zeros to be filled in', () => {
  const { input, bytes } = decodeInput(FLOAT, field(2, field(2, [0x08, 3])));
  assert.deepEqual([input.fill, bytes.length], [true, 0]);
});

test('quantized types lie in int_val, half and bfloat16 in half_val', () => {
  for (const dtype of [DataType.QINT8, DataType.QUINT8, DataType.QINT32, DataType.QUINT16]) {
    assert.deepEqual([...decodeInput([0x08, dtype], field(7, [5])).bytes], [5]);
  }
  for (const dtype of [DataType.HALF, DataType.BFLOAT16]) {
    assert.deepEqual([...decodeInput([0x08, dtype], field(13, [0x80, 0x78])).bytes], [0x80, 0x78]);
  }
});

test('the last of equal keys, scalars and version choices counts, and model specs are merged', () => {
  const entry = (value: number) => field(2, field(1, Buffer.from('x')), field(2, FLOAT, field(5, float32(value))));
  const label = field(1, field(4, Buffer.from('l')), field(2, [0x08, 5]));
  const request = decode(Buffer.concat([field(1, field(1, Buffer.from('m'))), entry(1), label, entry(2)]));
  assert.deepEqual(request.modelSpec, { name: 'm', version: 5n });
  assert.equal(request.inputs.length, 1);
  const [x] = request.inputs;
  assert.deepEqual(Buffer.from(request.body.subarray(x?.start, x?.end)), float32(2));
});

test('versions are exact over all of int64', () => {
  const spec = (...version: number[]) => field(1, field(1, Buffer.from('m')), field(2, [0x08, ...version]));
  assert.equal(decode(spec(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)).modelSpec.version, 2n ** 63n - 1n);
  assert.equal(decode(spec(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10)).modelSpec.version, 2n ** 53n + 1n);
  assert.equal(decode(spec(...new Array(9).fill(0xff), 1)).modelSpec.version, -1n);
  assert.equal(decode(field(1, field(1, Buffer.from('m')), field(2))).modelSpec.version, 0n);
});

test('unknown fields are skipped', () => {
  const unknown = [[0x38, 1], [0x39, ...Buffer.alloc(8)], field(7, [1]), [0x3d, 0, 0, 0, 0]];
  const message = Buffer.concat([...unknown.map((bytes) => Buffer.from(bytes)), goldenPredict('floatVal')]);
  assert.equal(decode(message).inputs.length, 1);
});

test('a request without a model spec or a model name is refused in TF Serving words', () => {
  refuses(Buffer.alloc(0), /^Missing ModelSpec$/);
  refuses(field(1), /^ModelSpec has no name specified\.$/);
});

test('types that cannot be served are refused by name', () => {
  refuses(predictWith([0x08, DataType.RESOURCE]), /input "x" has the dtype DT_RESOURCE/);
  refuses(predictWith([0x08, 101]), /DataType 101/);
  refuses(predictWith(), /input "x" has no dtype/);
});

test('shapes that are none are refused', () => {
  const minusOne = field(2, [0x08, ...new Array(9).fill(0xff), 1]);
  refuses(predictWith(FLOAT, field(2, minusOne)), /input "x" has the shape \[-1\]/);
  refuses(predictWith(FLOAT, field(2, [0x18, 1])), /unknown rank/);
  const dims = Buffer.alloc(2 * 255, Buffer.from([0x12, 0]));
  const shape = Buffer.concat([Buffer.from([0x12, 0xfe, 0x03]), dims]);
  const tensor = Buffer.concat([Buffer.from(FLOAT), shape]);
  const entry = Buffer.concat([Buffer.from([0x0a, 1, 0x78, 0x12, 0x83, 0x04]), tensor]);
  const input = Buffer.concat([Buffer.from([0x12, 0x89, 0x04]), entry]);
  refuses(Buffer.concat([field(1, field(1, Buffer.from('m'))), input]), /more than 254 dimensions/);
});

test('half a value is refused', () => {
  refuses(predictWith(FLOAT, field(5, [0, 0, 0])), /float_val of the input "x" has 3 bytes/);
});

test('bytes that are cut short are refused wherever the cut is', () => {
  const message = goldenPredict('floatVal');
  const whole = new Set([0, 14, 43, message.length]);
  for (let length = 1; length < message.length; length++) {
    if (!whole.has(length)) refuses(message.subarray(0, length), /cut short/);
  }
});

test('wrong wire types, groups, bad tags and endless varints are refused', () => {
  refuses(Buffer.from([0x08, 1]), /model_spec has field 1 with wire type 0 instead of 2/);
  refuses(predictWith(FLOAT, [0x28, 1], [0x28, 1]), /float_val has field 5 with wire type 0 instead of 5/);
  refuses(Buffer.from([0x3b, 0x3c]), /wire type 3, which is not supported/);
  refuses(Buffer.from([0x02, 0]), /tag that is no field number/);
  refuses(Buffer.from([0x38, ...new Array(11).fill(0xff)]), /varint of more than 10 bytes/);
});
