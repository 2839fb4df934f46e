import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeExampleBody, type ExampleBody } from '../../src/doors/rest/decode-examples.js';
import { Code, ServingError } from '../../src/errors.js';
import { withoutPauses } from '../../src/formats/json-reader.js';
import { decodeMessage } from '../../src/formats/protobuf.js';
import { Example } from '../../src/gen/messages.js';

type Feature = readonly (bigint | number | string)[];

function decode(text: string | Uint8Array): ExampleBody {
  return withoutPauses(decodeExampleBody(typeof text === 'string' ? Buffer.from(text) : text));
}

/** The features of the serialized Example at [start, end); byte strings as latin1 text; a feature without a kind is empty. */
function featuresAt({ input }: ExampleBody, start: number, end: number): Record<string, Feature> {
  const { features } = decodeMessage(Example, input.body.subarray(start, end));
  const list: [string, Feature][] = [...(features?.feature ?? [])].map(([name, feature]) => {
    const bytes = feature.bytes_list?.value.map((value) => Buffer.from(value).toString('latin1'));
    return [name, bytes ?? feature.float_list?.value ?? feature.int64_list?.value ?? []];
  });
  return Object.fromEntries(list);
}

function examplesOf(body: ExampleBody): Record<string, Feature>[] {
  const { ranges } = body.input;
  return Array.from({ length: ranges.length / 2 }, (_, i) =>
    featuresAt(body, ranges[2 * i] as number, ranges[2 * i + 1] as number),
  );
}

/** The one feature `x` of the one example that the JSON text of a value makes. */
function feature(value: string): Feature | undefined {
  return examplesOf(decode(`{"examples": [{"x": ${value}}]}`))[0]?.x;
}

function assertRefused(text: string, message: string | RegExp): void {
  assert.throws(
    () => decode(text),
    (error) => {
      assert.ok(error instanceof ServingError, String(error));
      assert.equal(error.code, Code.INVALID_ARGUMENT);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    },
  );
}

describe('A feature', () => {
  it('that is a string or {"b64"} holds bytes', () => {
    assert.deepEqual(feature('"a\\u00e9"'), ['a\u00c3\u00a9']);
    assert.deepEqual(feature('["a", {"b64": "AP8="}, ""]'), ['a', '\x00\xff', '']);
    assert.deepEqual(feature('{"b64": "_-8\\n"}'), ['\xff\xef']);
    assert.deepEqual(feature('{"b64": ""}'), ['']);
  });

  it('that is a number with point or exponent holds floats', () => {
    assert.deepEqual(feature('1.0'), [1]);
    assert.deepEqual(feature('[0.1, 1e2, -2.5E-1]'), [Math.fround(0.1), 100, -0.25]);
    assert.deepEqual(feature('[NaN, Infinity, -Inf, 1e39]'), [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('that is another number or a boolean holds int64', () => {
    assert.deepEqual(feature('1'), [1n]);
    assert.deepEqual(feature('[true, false, -1, 0, 300]'), [1n, 0n, -1n, 0n, 300n]);
    assert.deepEqual(feature('[9223372036854775807, -9223372036854775808, 9007199254740993]'), [
      2n ** 63n - 1n,
      -(2n ** 63n),
      2n ** 53n + 1n,
    ]);
  });

  it('that no 64 bits hold is a float, and one that only fits a uint64 is refused', () => {
    assert.deepEqual(feature('18446744073709551616'), [2 ** 64]);
    assert.deepEqual(feature('-9223372036854775809'), [-(2 ** 63)]);
    assertRefused(
      '{"examples": [{"x": 9223372036854775808}]}',
      'Feature: x has uint64 element. Only int64 is supported.',
    );
  });

  it('may be an empty list, which has no kind', () => {
    assert.deepEqual(feature('[]'), []);
  });

  it('is of one kind, that of its first value', () => {
    const text = (values: string) => `{"examples": [{"x": [${values}]}]}`;
    assertRefused(text('1, 1.0'), 'Unexpected element type in feature: x expecting type: int64');
    assertRefused(text('1.0, 1'), 'Unexpected element type in feature: x expecting type: float');
    assertRefused(text('1.5, true'), 'Unexpected element type in feature: x expecting type: float');
    assertRefused(text('"a", 1'), 'Unexpected element type in feature: x expecting type: bytes');
    assertRefused(text('1, {"b64": ""}'), 'Unexpected element type in feature: x expecting type: int64');
  });

  it('cannot be null, a list in a list or an object', () => {
    const refused = (value: string, type: string) =>
      assertRefused(`{"examples": [{"x": ${value}}]}`, `Feature: x has element with unexpected JSON type: ${type}`);
    refused('null', 'Null');
    refused('[1, null]', 'Null');
    refused('[[1]]', 'Array');
    refused('{}', 'Object');
    refused('{"b64": 1}', 'Object');
    refused('{"b64": "", "c": 1}', 'Object');
    refused('[{"a": "AA=="}]', 'Object');
  });

  it('that no double holds is refused', () => {
    for (const text of ['1e309', '-1e309', '9'.repeat(400)])
      assertRefused(
        `{"examples": [{"x": ${text}}]}`,
        /^Feature: x has the number -?(1e309|9{40}), which no double holds\.$/,
      );
    assert.deepEqual(feature('[1e39, -Inf, Infinity]'), [Infinity, -Infinity, Infinity]);
  });

  it('that is no base64 is refused', () => {
    assertRefused(
      '{"examples": [{"x": {"b64": "A"}}]}',
      /^Unable to base64 decode\. Feature: x: it ends with a single/,
    );
  });
});

describe('The body of :classify and :regress', () => {
  it('makes an Example of each object, empty ones too', () => {
    const body = decode('{"signature_name": "s", "examples": [{"a": 1, "b": "x"}, {}, {"a": [2, 3]}]}');
    assert.equal(body.signatureName, 's');
    assert.deepEqual(examplesOf(body), [{ a: [1n], b: ['x'] }, {}, { a: [2n, 3n] }]);
    assert.equal(body.input.context, undefined);
  });

  it('takes members in any order, ignores others, and has a context if there is one', () => {
    const body = decode(
      '{"other": [[{}]], "examples": [{"a": 1}], "context": {"c": 0.5}, "signature_name": ""} trailing',
    );
    assert.deepEqual(examplesOf(body), [{ a: [1n] }]);
    assert.deepEqual(featuresAt(body, ...(body.input.context as [number, number])), { c: [0.5] });
    assert.equal(body.signatureName, '');
  });

  it('counts the first of equal keys', () => {
    const body = decode('{"signature_name": "first", "signature_name": 2, "examples": [{"a": 1}], "examples": 3}');
    assert.equal(body.signatureName, 'first');
    assert.deepEqual(examplesOf(body), [{ a: [1n] }]);
  });

  it('counts the last of equal features, though all must be good', () => {
    const body = decode('{"context": {"c": 1, "c": "x"}, "examples": [{"a": 1, "b": 2, "a": [0.5, 2.5]}]}');
    assert.deepEqual(examplesOf(body), [{ a: [0.5, 2.5], b: [2n] }]);
    assert.deepEqual(featuresAt(body, ...(body.input.context as [number, number])), { c: ['x'] });
    assertRefused('{"examples": [{"a": null, "a": 1}]}', 'Feature: a has element with unexpected JSON type: Null');
  });

  it('is refused in the words of TF Serving where it is not so', () => {
    assertRefused('[1]', 'JSON Value: [1] Is not object');
    assertRefused('{}', "JSON Value: {} When method is classify, key 'examples' is expected and was not found");
    assertRefused('{"examples": {}}', /^JSON Value: .* Expecting 'examples' value to be an list\/array$/);
    assertRefused('{"examples": []}', /^JSON Value: .* 'examples' value is an empty array$/);
    assertRefused(
      '{"signature_name": 1, "examples": [{}]}',
      /^JSON Value: .* not formatted correctly\. 'signature_name' key must be a string value\.$/,
    );
    for (const [value, type] of [
      ['null', 'Null'],
      ['[]', 'Array'],
      ['1', 'Number'],
      ['"a"', 'String'],
      ['true', 'True'],
    ]) {
      const text = `Example must be JSON object but got JSON ${type}`;
      assertRefused(`{"examples": [{}, ${value}]}`, text);
      assertRefused(`{"context": ${value}, "examples": [{}]}`, text);
    }
  });

  it('is called malformed rather than anything else, wherever that is', () => {
    assertRefused(
      '{"signature_name": 1, "examples": [null], "x": [}',
      /not valid JSON: a value is expected at byte 48/,
    );
    assertRefused('', /not valid JSON/);
  });

  it('may be nested as deeply as it likes where nobody looks', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    assert.deepEqual(examplesOf(decode(`{"x": ${deep}, "examples": [{"a": 1}]}`)), [{ a: [1n] }]);
    assertRefused(`{"examples": [{"a": ${deep}}]}`, 'Feature: a has element with unexpected JSON type: Array');
  });

  it('that is large is read in many short turns', () => {
    const examples = Array.from({ length: 2000 }, (_, i) => ({ x: i, values: Array(100).fill(i + 0.5), text: 'abc' }));
    const steps = decodeExampleBody(Buffer.from(JSON.stringify({ examples })));
    let longest = 0;
    let all = 0;
    let turns = 0;
    for (let done = false; !done; turns++) {
      const started = performance.now();
      const step = steps.next();
      const millis = performance.now() - started;
      longest = Math.max(longest, millis);
      all += millis;
      done = step.done === true;
      if (step.done) assert.equal(step.value.input.ranges.length, 4000);
    }
    assert.ok(turns > 35, `${turns} turns, of two passes over the body`);
    assert.ok(longest < all / 2, `${longest} of ${all} ms`);
  });
});
