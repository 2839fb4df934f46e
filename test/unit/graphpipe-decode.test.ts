import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Builder } from 'flatbuffers';
import { decodeRequest } from '../../src/doors/graphpipe/decode.js';
import { Code, ServingError } from '../../src/errors.js';
import { InferRequest } from '../../src/gen/graphpipe/infer-request.js';
import { Tensor } from '../../src/gen/graphpipe/tensor.js';
import { Type } from '../../src/gen/graphpipe/type.js';
import { DataType } from '../../src/tensor/dtype.js';
import { Encoding, OutputFormat, type TensorPredictRequest } from '../../src/tensor/predict-request.js';
import { buildInferRequest, finishRequest, type InferRequestFields } from '../support/graphpipe-buffers.js';
import { stringsOf } from '../support/graphpipe-outputs.js';
import { type GoldenRequest, goldenRequest } from '../support/graphpipe-requests.js';

const CONTEXT = { defaultModelName: 'default', maxBodyBytes: 4096, deadlineMillis: Number.POSITIVE_INFINITY };

function decode(body: Uint8Array): TensorPredictRequest {
  const request = decodeRequest(body, CONTEXT);
  assert.notEqual(request, 'metadata');
  return request as TensorPredictRequest;
}

function refuses(body: Uint8Array, message: RegExp): void {
  assert.throws(
    () => decodeRequest(body, CONTEXT),
    (error: unknown) => {
      assert.ok(error instanceof ServingError);
      assert.equal(error.code, Code.INVALID_ARGUMENT);
      assert.match(error.message, message);
      return true;
    },
  );
}

const float32 = (values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const scalar = { type: Type.Float32, shape: [], data: float32([1]) };

const NUMERIC: [GoldenRequest, DataType, ArrayBufferView][] = [
  ['uint8', DataType.UINT8, Uint8Array.of(1, 2, 3, 4, 5, 6)],
  ['int8', DataType.INT8, Int8Array.of(1, 2, 3, 4, 5, 6)],
  ['uint16', DataType.UINT16, Uint16Array.of(1, 2, 3, 4, 5, 6)],
  ['int16', DataType.INT16, Int16Array.of(1, 2, 3, 4, 5, 6)],
  ['uint32', DataType.UINT32, Uint32Array.of(1, 2, 3, 4, 5, 6)],
  ['int32', DataType.INT32, Int32Array.of(1, 2, 3, 4, 5, 6)],
  ['uint64', DataType.UINT64, BigUint64Array.of(1n, 2n, 3n, 4n, 5n, 6n)],
  ['int64', DataType.INT64, BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n)],
  ['float16', DataType.HALF, Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600)],
  ['float32', DataType.FLOAT, Float32Array.of(1, 2, 3, 4, 5, 6)],
  ['float64', DataType.DOUBLE, Float64Array.of(1, 2, 3, 4, 5, 6)],
];

for (const [name, dtype, values] of NUMERIC) {
  test(`a ${name} tensor of the Python client is found in the body`, () => {
    const { inputs, body } = decode(goldenRequest(name));
    assert.equal(inputs.length, 1);
    const { start, end, ...rest } = inputs[0] as (typeof inputs)[0];
    assert.deepEqual(rest, { name: '', dtype, shape: [2, 3], encoding: Encoding.RAW, fill: false });
    assert.deepEqual(body.slice(start, end), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  });
}

for (const [name, shape, strings] of [
  ['strings', [2, 2], ['cat', '', 'déjà', 'a\0b']],
  ['unicode', [2], ['héllo', 'x']],
  ['scalarString', [], ['one']],
  ['emptyStrings', [2, 0], []],
] as [GoldenRequest, number[], string[]][]) {
  test(`the elements of the Python client's ${name} are found in the body`, () => {
    const { inputs, body } = decode(goldenRequest(name));
    const [input] = inputs;
    assert.ok(input !== undefined);
    assert.equal(input.dtype, DataType.STRING);
    assert.equal(input.encoding, Encoding.STRINGS);
    assert.deepEqual(input.shape, shape);
    assert.deepEqual(stringsOf(input, body).map(String), strings);
  });
}

test('a scalar has an empty shape and one value', () => {
  const { inputs, body } = decode(goldenRequest('scalar'));
  assert.deepEqual(inputs[0]?.shape, []);
  assert.deepEqual(body.slice(inputs[0]?.start, inputs[0]?.end), float32([2.5]));
});

test('an empty dimension leaves no bytes', () => {
  const { inputs } = decode(goldenRequest('empty'));
  assert.deepEqual(inputs[0]?.shape, [0, 3]);
  assert.equal(inputs[0]?.start, inputs[0]?.end);
});

test('names, outputs and config say what is run', () => {
  const request = decode(goldenRequest('named'));
  assert.deepEqual(request.modelSpec, { name: 'm', version: 3n });
  assert.equal(request.signatureName, 's');
  assert.deepEqual(
    request.inputs.map(({ name }) => name),
    ['a', 'b:0'],
  );
  assert.deepEqual(request.outputFilter, ['y', 'op:1']);
  assert.equal(request.outputFormat, OutputFormat.RAW);
});

test('inputs beyond the names go by their place, and free text in config changes nothing', () => {
  const request = decode(goldenRequest('oneName'));
  assert.deepEqual(
    request.inputs.map(({ name }) => name),
    ['a', ''],
  );
  assert.deepEqual(request.modelSpec, { name: 'default' });
  assert.equal(request.signatureName, '');
  assert.deepEqual(request.outputFilter, []);
});

test('an empty input name goes by its place', () => {
  const request = decode(buildInferRequest({ inputNames: ['', 'b'], inputTensors: [scalar, scalar] }));
  assert.deepEqual(
    request.inputs.map(({ name }) => name),
    ['', 'b'],
  );
});

test('a request without inputs is passed on', () => {
  assert.deepEqual(decode(goldenRequest('noInputs')).inputs, []);
  assert.deepEqual(decode(buildInferRequest({})).inputs, []);
});

test('a tensor without shape and values is a scalar without values, for the model to refuse', () => {
  const { inputs } = decode(buildInferRequest({ inputTensors: [{ type: Type.Float32 }] }));
  assert.deepEqual(inputs[0], {
    name: '',
    dtype: DataType.FLOAT,
    shape: [],
    fill: false,
    encoding: 0,
    start: 0,
    end: 0,
  });
});

test('a body that does not start at an aligned address is read all the same', () => {
  const golden = goldenRequest('float32');
  const shifted = new Uint8Array(golden.byteLength + 3).subarray(3);
  shifted.set(golden);
  const { inputs, body } = decode(shifted);
  assert.deepEqual(body.slice(inputs[0]?.start, inputs[0]?.end), float32([1, 2, 3, 4, 5, 6]));
});

test('what is no InferRequest asks for metadata', () => {
  assert.equal(decodeRequest(goldenRequest('metadata'), CONTEXT), 'metadata');
  for (const reqType of [0, 2, 3, 255]) {
    assert.equal(decodeRequest(finishRequest(new Builder(), reqType, 0), CONTEXT), 'metadata');
  }
});

test('dimensions are read exactly up to 2^53-1', () => {
  const shape = [BigInt(Number.MAX_SAFE_INTEGER), 4_294_967_296n, 4_294_967_295n, 0n];
  const { inputs } = decode(buildInferRequest({ inputTensors: [{ type: Type.Uint8, shape, data: new Uint8Array() }] }));
  assert.deepEqual(inputs[0]?.shape, shape.map(Number));
});

const MISUSE: [string, InferRequestFields, RegExp][] = [
  [
    'a negative dimension',
    { inputTensors: [{ ...scalar, shape: [1n, -1n] }] },
    /Dimension 1 of input_tensors\[0\] is -1/,
  ],
  ['a dimension of 2^53', { inputTensors: [{ ...scalar, shape: [2n ** 53n] }] }, /is 9007199254740992/],
  ['a dimension of 2^63-1', { inputTensors: [{ ...scalar, shape: [2n ** 63n - 1n] }] }, /Dimension 0/],
  ['too many dimensions', { inputTensors: [{ ...scalar, shape: Array(255).fill(1n) }] }, /255 dimensions; at most 254/],
  [
    'a tensor without a type',
    { inputNames: ['x'], inputTensors: [{ type: Type.Null }] },
    /input "x" has no type \(Null\)/,
  ],
  [
    'an unknown type',
    { inputTensors: [{ ...scalar, type: 13 as Type }] },
    /input_tensors\[0\] has the unknown type 13/,
  ],
  ['more names than tensors', { inputNames: ['a', 'b'], inputTensors: [scalar] }, /2 input_names but 1 input_tensors/],
  ['data of type String', { inputTensors: [{ ...scalar, type: Type.String }] }, /send its elements as string_val/],
  ['string_val of a number', { inputTensors: [{ type: Type.Int8, stringVal: ['1'] }] }, /send its values as data/],
  ['a config of the wrong type', { config: '{"model":1}' }, /"model" in config must be a string/],
];

for (const [what, fields, message] of MISUSE) {
  test(`${what} is refused`, () => refuses(buildInferRequest(fields), message));
}

test('an InferRequest that is announced but missing is refused', () => {
  refuses(finishRequest(new Builder(), 1, 0), /no req; send the InferRequest/);
});

test('a body that is no flatbuffer is refused', () => {
  refuses(new Uint8Array(), /The body is empty/);
  refuses(
    Buffer.from('{"instances": [1]}'),
    /not a GraphPipe request: the root table does not lie inside its 18 bytes/,
  );
  refuses(new Uint8Array(64), /the root table/);
  refuses(new Uint8Array(64).fill(255), /the root table/);
  for (let length = 1; length < 4; length++) refuses(new Uint8Array(length), /the root table/);
});

test('a vtable that claims to go on beyond the end is refused', () => {
  refuses(Uint8Array.of(4, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0), /the root table/);
  refuses(Uint8Array.of(4, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 6, 0, 4, 0), /the root table/);
  refuses(Uint8Array.of(4, 0, 0, 0, 5, 0, 0, 0, 4, 0, 4, 0), /the root table/);
});

test('a request that lost its end is refused', () => {
  const golden = Buffer.from(goldenRequest('oneName'));
  // The Python client writes config last; only the NUL and the padding after its text may be missing.
  const end = golden.indexOf('free text') + 'free text'.length;
  for (let length = 1; length < end; length++) refuses(golden.subarray(0, length), /not a GraphPipe request/);
  assert.equal(decode(golden.subarray(0, end)).inputs.length, 2);
});

test('a tensor that is pointed at many times is refused once it outgrows the longest request', () => {
  const builder = new Builder();
  const data = Tensor.createDataVector(builder, new Uint8Array(1000));
  const tensor = Tensor.createTensor(builder, Type.Uint8, 0, data, 0);
  const tensors = InferRequest.createInputTensorsVector(builder, Array(5).fill(tensor));
  refuses(
    finishRequest(builder, 1, InferRequest.createInferRequest(builder, 0, 0, tensors, 0)),
    /more than 4096 bytes/,
  );
});

test('shared strings are read as long as they do not outgrow the longest request', () => {
  const build = (count: number): Uint8Array =>
    buildInferRequest({
      inputTensors: [{ type: Type.String, shape: [BigInt(count)], stringVal: Array(count).fill('word') }],
    });
  const { inputs, body } = decode(build(400));
  assert.equal(stringsOf(inputs[0] as (typeof inputs)[0], body).join(''), 'word'.repeat(400));
  refuses(build(600), /share the same bytes/);
});

test('more tensors than any signature has are refused before they are read', () => {
  const builder = new Builder();
  const tensor = Tensor.createTensor(builder, Type.Uint8, 0, 0, 0);
  const tensors = InferRequest.createInputTensorsVector(builder, Array(4097).fill(tensor));
  const body = finishRequest(builder, 1, InferRequest.createInferRequest(builder, 0, 0, tensors, 0));
  assert.throws(() => decodeRequest(body, { ...CONTEXT, maxBodyBytes: 1e6 }), /4097 input_tensors; at most 4096/);
});
