/** Rows that are run together and alone: of requests, made up, and how their answers are compared. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SignatureInfo } from '../../src/servables/signature-info.js';
import { DataType } from '../../src/tensor/dtype.js';
import {
  Encoding,
  type InputTensor,
  OutputFormat,
  type TensorPredictRequest,
} from '../../src/tensor/predict-request.js';
import { type CopiedOutput, findDifference } from '../../src/warmup/compare-outputs.js';
import { madeUpRows } from '../../src/warmup/made-up-rows.js';
import { requestOf, rowsOf } from '../../src/warmup/row-set.js';

function infoOf(...inputs: [alias: string, dtype: DataType, shape: number[] | undefined][]): SignatureInfo {
  return {
    name: 's',
    isInternal: false,
    methodName: '',
    inputs: inputs.map(([alias, dtype, shape]) => ({ alias, dtype, shape, tensorName: `${alias}:0` })),
    outputs: [],
    signatureDef: new Uint8Array(),
  };
}

function requestWith(body: Uint8Array, ...inputs: Partial<InputTensor>[]): TensorPredictRequest {
  const base = { name: 'x', encoding: Encoding.RAW, start: 0, end: body.length, fill: false };
  return {
    kind: 'tensors',
    modelSpec: { name: 'm' },
    signatureName: '',
    inputs: inputs.map((input) => ({ ...base, dtype: DataType.INT32, shape: [], ...input })),
    body,
    outputFilter: [],
    outputFormat: OutputFormat.RAW,
    deadlineMillis: Number.POSITIVE_INFINITY,
  };
}

const int32s = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer);

describe('rowsOf()', () => {
  const info = infoOf(['x', DataType.INT32, [-1, 2]]);
  const rowsIn = (request: TensorPredictRequest, of = info) => rowsOf(of, request)?.inputs.map(({ rows }) => rows);

  it('cuts raw values into rows, of which requests are made in any order', () => {
    const set = rowsOf(info, requestWith(int32s(1, 2, 3, 4, 5, 6), { shape: [3, 2] })) ?? assert.fail();
    const { inputs, body, signatureName } = requestOf(set, [2, 0]);
    assert.equal(signatureName, 's');
    assert.deepEqual(inputs[0]?.shape, [2, 2]);
    assert.deepEqual(body, int32s(5, 6, 1, 2));
  });

  it('takes varints, negative ones too', () => {
    const minusOne = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    const request = requestWith(Uint8Array.from([1, ...minusOne, 200, 1, 3]), {
      shape: [2, 2],
      encoding: Encoding.VARINT,
    });
    assert.deepEqual(
      rowsIn(request)?.[0]?.map((row) => Buffer.from(row as Uint8Array)),
      [int32s(1, -1), int32s(200, 3)],
    );
  });

  it('repeats the last value where fewer may be sent, and takes zeros for none', () => {
    const fill = { shape: [2, 2], fill: true };
    assert.deepEqual(
      rowsIn(requestWith(int32s(7), fill))?.[0]?.map((row) => Buffer.from(row as Uint8Array)),
      [int32s(7, 7), int32s(7, 7)],
    );
    assert.deepEqual(
      rowsIn(requestWith(int32s(), fill))?.[0]?.map((row) => Buffer.from(row as Uint8Array)),
      [int32s(0, 0), int32s(0, 0)],
    );
    assert.equal(rowsIn(requestWith(int32s(7), { shape: [2, 2] })), undefined);
    assert.equal(rowsIn(requestWith(int32s(1, 2, 3, 4, 5), fill)), undefined);
  });

  it('takes strings', () => {
    const strings = { dtype: DataType.STRING, shape: [2], encoding: Encoding.STRINGS, stringRanges: [0, 1, 1, 3] };
    const set = rowsOf(infoOf(['x', DataType.STRING, [-1]]), requestWith(Buffer.from('abb'), strings)) ?? assert.fail();
    const { inputs, body } = requestOf(set, [1, 0, 1]);
    assert.deepEqual(inputs[0]?.stringRanges, [0, 2, 2, 3, 3, 5]);
    assert.equal(String(body), 'bbabb');
  });

  it('leaves requests alone whose inputs are not all there, have no rows, unequal ones, or large ones', () => {
    const two = infoOf(['x', DataType.INT32, [-1]], ['z', DataType.INT32, [-1]]);
    const x = { shape: [1], end: 4 };
    assert.equal(rowsIn(requestWith(int32s(1), x), two), undefined);
    assert.equal(rowsIn(requestWith(int32s(1, 2, 3), x, { name: 'z', shape: [2], start: 4 }), two), undefined);
    assert.equal(rowsIn(requestWith(int32s(1), { shape: [] })), undefined);
    assert.equal(rowsIn(requestWith(Buffer.alloc(80_000), { shape: [1, 20_000] })), undefined);
    assert.ok(rowsIn(requestWith(Buffer.alloc(80_000), { shape: [2, 10_000] })));
  });
});

describe('Made-up rows', () => {
  const options = { rows: 4, innerSize: 3, integers: 4 };

  it('are made of every type of numbers and of strings, each different from the others and the same each time', () => {
    const { RESOURCE, VARIANT, QINT8, QINT16, QINT32, QUINT8, QUINT16, ...types } = DataType;
    for (const [name, dtype] of Object.entries(types)) {
      const info = infoOf(['x', dtype, dtype === DataType.BOOL ? [-1, 8] : [-1, -1]]);
      const [input] = madeUpRows(info, options)?.inputs ?? assert.fail(name);
      assert.deepEqual(input?.shape, dtype === DataType.BOOL ? [8] : [3]);
      assert.equal(new Set(input?.rows.map((row) => JSON.stringify(row))).size, 4, name);
      assert.deepEqual(madeUpRows(info, options)?.inputs, [input]);
    }
    for (const dtype of [RESOURCE, VARIANT, QINT8, QINT16, QINT32, QUINT8, QUINT16])
      assert.equal(madeUpRows(infoOf(['x', dtype, [-1]]), options), undefined);
  });

  it('have integers that are not negative and small, single ones too', () => {
    const [input] = madeUpRows(infoOf(['x', DataType.INT64, [-1]]), options)?.inputs ?? assert.fail();
    assert.deepEqual(
      input?.rows.map((row) => Buffer.from(row as Uint8Array).readBigInt64LE()),
      [0n, 1n, 2n, 3n],
    );
  });

  it('are not made where the rank is open, or for rows that are too large to be joined', () => {
    assert.equal(madeUpRows(infoOf(['x', DataType.FLOAT, undefined]), options), undefined);
    assert.equal(madeUpRows(infoOf(['x', DataType.FLOAT, [-1, 224, 224, 3]]), options), undefined);
  });
});

describe('findDifference()', () => {
  const output = (dtype: DataType, shape: number[], bytes: Uint8Array): CopiedOutput => ({
    alias: 'y',
    dtype,
    shape,
    bytes: Buffer.from(bytes),
  });
  const floats = (shape: number[], ...values: number[]) =>
    output(DataType.FLOAT, shape, new Uint8Array(Float32Array.from(values).buffer));
  const strings = (...values: string[]) => {
    const lengths = Uint32Array.from(values, ({ length }) => length);
    return output(
      DataType.STRING,
      [values.length],
      Buffer.concat([Buffer.from(lengths.buffer), Buffer.from(values.join(''))]),
    );
  };
  /** Of the second of two rows. */
  const compare = (together: CopiedOutput, alone: CopiedOutput) => findDifference([together], 1, 2, [alone]);

  it('lets rounding pass, by the largest value of the row', () => {
    const row = floats([1, 2], 1000, 0);
    assert.equal(compare(floats([2, 2], 0, 0, 1000.01, 0.5), row), undefined);
    assert.match(
      compare(floats([2, 2], 0, 0, 1000, 30), row) ?? '',
      /^a row of output 'y' has other values with other rows than alone$/,
    );
    assert.equal(compare(floats([2, 1], 1, 1e-9), floats([1, 1], 2e-9)), undefined);
    assert.ok(compare(floats([2, 1], 1e-9, 1e-9), floats([1, 1], 2e-9)));
  });

  it('knows NaN and infinity', () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    assert.equal(compare(floats([2, 3], 0, 0, 0, nan, infinity, 1), floats([1, 3], nan, infinity, 1)), undefined);
    assert.ok(compare(floats([2, 1], 0, nan), floats([1, 1], 1)));
    assert.ok(compare(floats([2, 1], 0, infinity), floats([1, 1], -infinity)));
    assert.ok(compare(floats([2, 1], 0, 1), floats([1, 1], nan)));
  });

  it('knows half, bfloat16, double and complex numbers', () => {
    const words = (dtype: DataType, rows: number, ...values: number[]) =>
      output(dtype, [rows], new Uint8Array(Uint16Array.from(values).buffer));
    assert.equal(compare(words(DataType.HALF, 2, 0, 0x3c00), words(DataType.HALF, 1, 0x3c01)), undefined);
    assert.ok(compare(words(DataType.HALF, 2, 0, 0x3c00), words(DataType.HALF, 1, 0x4000)));
    assert.equal(compare(words(DataType.BFLOAT16, 2, 0, 0x3f80), words(DataType.BFLOAT16, 1, 0x3f81)), undefined);
    assert.ok(compare(words(DataType.BFLOAT16, 2, 0, 0x3f80), words(DataType.BFLOAT16, 1, 0x4000)));
    const doubles = (dtype: DataType, rows: number, ...values: number[]) =>
      output(dtype, [rows], new Uint8Array(Float64Array.from(values).buffer));
    assert.equal(compare(doubles(DataType.DOUBLE, 2, 0, 1), doubles(DataType.DOUBLE, 1, 1.0001)), undefined);
    assert.ok(compare(doubles(DataType.COMPLEX128, 2, 0, 0, 1, 1), doubles(DataType.COMPLEX128, 1, 1, 2)));
  });

  it('takes integers, booleans and strings as they are', () => {
    assert.ok(
      compare(output(DataType.INT32, [2], int32s(0, 1_000_000)), output(DataType.INT32, [1], int32s(1_000_001))),
    );
    assert.equal(compare(output(DataType.INT32, [2], int32s(0, 5)), output(DataType.INT32, [1], int32s(5))), undefined);
    assert.equal(compare(strings('longer', 'b'), strings('b')), undefined);
    assert.ok(compare(strings('b', 'longer'), strings('b')));
  });

  it('tells rows that are not there, and of another shape', () => {
    assert.equal(
      compare(floats([3, 1], 0, 1, 2), floats([1, 1], 1)),
      "output 'y' does not have the rows of the inputs",
    );
    assert.equal(compare(floats([2], 0, 1), floats([2], 1, 1)), "output 'y' does not have the rows of the inputs");
    assert.equal(
      compare(floats([2, 2], 0, 0, 1, 0), floats([1, 1], 1)),
      "a row of output 'y' has the shape [2] with other rows and [1] alone",
    );
  });
});
