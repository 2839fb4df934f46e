import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeClassifyReply, encodeRegressReply } from '../../src/doors/rest/encode-results.js';
import { floatText } from '../../src/doors/rest/float-text.js';

describe('The reply of :classify', () => {
  it('has all examples on one line, each with a pair of label and score for each class', () => {
    const reply = encodeClassifyReply({
      exampleCount: 2,
      classCount: 2,
      labels: ['a', 'b', '', 'd'].map((text) => Buffer.from(text)),
      scores: Float32Array.of(0.5, 1, -2, 3e10),
    });
    assert.equal(reply.toString(), '{\n    "results": [[["a", 0.5], ["b", 1.0]], [["", -2.0], ["d", 3e+10]]\n    ]\n}');
  });

  it('has 0.0 where there are no scores, and an empty label where there are no classes', () => {
    const one = { exampleCount: 1, classCount: 1, labels: undefined, scores: undefined };
    assert.match(encodeClassifyReply({ ...one, labels: [Buffer.from('a')] }).toString(), /\[\[\["a", 0\.0\]\]\n/);
    assert.match(encodeClassifyReply({ ...one, scores: Float32Array.of(7) }).toString(), /\[\[\["", 7\.0\]\]\n/);
    assert.match(encodeClassifyReply({ ...one, classCount: 0 }).toString(), /\[\[\]\n/);
  });

  it('has the bytes of labels unchanged, but for what JSON must have escaped', () => {
    const label = Buffer.concat([Buffer.from('é"\\\n\x1f/'), Buffer.from([0xff, 0x7f])]);
    const reply = encodeClassifyReply({ exampleCount: 1, classCount: 1, labels: [label], scores: undefined });
    const wanted = Buffer.concat([Buffer.from('é\\"\\\\\\n\\u001F/'), Buffer.from([0xff, 0x7f])]);
    assert.ok(reply.includes(Buffer.concat([Buffer.from('"'), wanted, Buffer.from('"')])), reply.toString('latin1'));
  });
});

describe('The reply of :regress', () => {
  it('has all values on one line', () => {
    const reply = encodeRegressReply({ values: Float32Array.of(2.5, 3, Number.NaN) });
    assert.equal(reply.toString(), '{\n    "results": [2.5, 3.0, NaN]\n}');
  });
});

describe('A float', () => {
  it('has six significant digits if those are the number, else nine', () => {
    const texts: [number, string][] = [
      [0.1, '0.1'],
      [1 / 3, '0.333333343'],
      [123456, '123456.0'],
      [1234567, '1234567.0'],
      [16777216, '16777216.0'],
      [3.4028234663852886e38, '3.40282347e+38'],
      [1e-45, '1.4013e-45'],
    ];
    for (const [value, text] of texts) assert.equal(floatText(Math.fround(value)), text);
  });

  it('has .0 behind whole numbers that have no exponent', () => {
    assert.equal(floatText(0), '0.0');
    assert.equal(floatText(-0), '-0.0');
    assert.equal(floatText(100000), '100000.0');
    assert.equal(floatText(1e6), '1e+06');
    assert.equal(floatText(-1e10), '-1e+10');
    assert.equal(floatText(Math.fround(0.0001)), '0.0001');
    assert.equal(floatText(Math.fround(0.00001)), '1e-05');
  });

  it('that lies between two texts of nine digits has the even one, as C prints it', () => {
    assert.equal(floatText(2 ** -13), '0.000122070312');
    assert.equal(floatText(3 * 2 ** -13), '0.000366210938');
    assert.equal(floatText(100000.5), '100000.5');
  });

  it('that is none is NaN, Infinity or -Infinity', () => {
    assert.deepEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(floatText), [
      'NaN',
      'Infinity',
      '-Infinity',
    ]);
  });
});
