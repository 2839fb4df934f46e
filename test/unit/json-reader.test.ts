import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, ServingError } from '../../src/errors.js';
import { JsonReader, PAUSE_BYTES, readStringMember, withoutPauses } from '../../src/formats/json-reader.js';

const reader = (text: string) => new JsonReader(Buffer.from(text));

/** Reads a document; returns where it ends. */
function skip(text: string): number {
  const json = reader(text);
  withoutPauses(json.skip());
  return json.pos;
}

const isMalformed = (pattern: RegExp) => (error: unknown) =>
  error instanceof ServingError && error.code === Code.INVALID_ARGUMENT && pattern.test(error.message);

describe('JsonReader', () => {
  it('reads what RFC 8259 allows, and NaN, Inf and Infinity with their negatives', () => {
    const documents = [
      '{}',
      '[]',
      ' [ ] ',
      '{"a": [1, {"b": null}], "c": true}',
      '"x"',
      '-0',
      '1.5e-7',
      '1E+2',
      'false',
    ];
    for (const text of [...documents, 'NaN', '-NaN', 'Inf', '-Inf', 'Infinity', '[-Infinity, NaN]']) {
      assert.equal(skip(text), text.trimEnd().length, text);
    }
  });

  it('ignores text behind the document, and a byte order mark before it', () => {
    assert.equal(skip('{"a": 1} }}} nonsense'), 8);
    assert.equal(skip('\ufeff[1]'), 6);
  });

  it('says what is expected, where, and what stands there', () => {
    const cases: [string, RegExp][] = [
      ['', /a value is expected at byte 0, but the text ends there/],
      ['[1', /',' or '\]' is expected at byte 2, but the text ends/],
      ['[1 2]', /',' or '\]' is expected at byte 3, but "2" stands there/],
      ['{"a" 1}', /':' is expected at byte 5/],
      ['{a: 1}', /a string is expected at byte 1/],
      ['{"a": 1,}', /a string is expected at byte 8/],
      ['[1,]', /a value is expected at byte 3/],
      ['[01]', /a number or a literal/],
      ['[1.]', /a digit is expected at byte 3/],
      ['[1e]', /a digit/],
      ['[-]', /a number or a literal/],
      ['[+1]', /a value/],
      ['[tru]', /a number or a literal/],
      ['[Nan]', /a number or a literal/],
      ['["\n"]', /a string without control characters is expected/],
      ['["a', /closing quotation mark/],
      ['["\\x"]', /an escape character/],
      ['["\\u12g4"]', /a hexadecimal digit/],
      ['["\\ud800x"]', /a surrogate pair/],
      ['["\\udc00"]', /a surrogate pair/],
      ['["\\ud800\\u0041"]', /a surrogate pair/],
      ['[\x01]', /0x01 stands there/],
    ];
    for (const [text, pattern] of cases) assert.throws(() => skip(text), isMalformed(pattern), text);
  });

  it('gives strings as bytes, UTF-8 or not, with their escapes resolved', () => {
    const string = (text: string) => reader(text).string().toString('latin1');
    assert.equal(string('"plain"'), 'plain');
    assert.equal(string('"\\"\\\\\\/\\b\\f\\n\\r\\t."'), '"\\/\b\f\n\r\t.');
    assert.equal(reader('"a\\u00e9\\ud83d\\ude00\\u0000z"').string().toString(), 'aé😀\0z');
    assert.deepEqual([...new JsonReader(Buffer.from([34, 0xff, 0x80, 34])).string()], [0xff, 0x80]);
  });

  it('tells integers from numbers with a point or an exponent', () => {
    for (const text of ['0', '-7', '12345678901234567890123']) {
      assert.deepEqual(reader(`${text},`).number(), { isInteger: true, text });
    }
    for (const text of ['1.0', '1e3', '-0.5E-2', 'NaN', '-Infinity']) {
      assert.deepEqual(reader(`${text}]`).number(), { isInteger: false, text });
    }
  });

  it('reads any depth without a stack overflow', () => {
    const depth = 1_000_000;
    assert.equal(skip(`${'['.repeat(depth)}${']'.repeat(depth)}`), 2 * depth);
    assert.throws(() => skip('{"a":'.repeat(depth)), isMalformed(/a value/));
  });

  it('offers a pause after so many bytes', () => {
    const json = reader(JSON.stringify(Array.from({ length: 100_000 }, (_, i) => i)));
    let pauses = 0;
    for (const _ of json.skip()) pauses++;
    assert.ok(Math.abs(pauses - json.bytes.length / PAUSE_BYTES) <= 1, String(pauses));
  });
});

describe('readStringMember()', () => {
  it('finds the first member of that name', () => {
    const find = (text: string) => readStringMember(Buffer.from(text), 'name');
    assert.equal(find('{"x": {"name": "inner"}, "name": "first", "name": "second"} more'), 'first');
    assert.equal(find('{"name": 1, "name": "second"}'), '');
    for (const text of ['', '[]', '{}', '{"x": 1', '{"x": 1} {"name": "y"}']) assert.equal(find(text), '', text);
  });
});
