import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequestConfig } from '../../src/doors/graphpipe/request-config.js';

test('a JSON object names model, version and signature', () => {
  const text = ' {"model": "m", "version": 12, "signature": "s", "else": [1]}';
  assert.deepEqual(parseRequestConfig(text), { model: 'm', version: 12n, signature: 's' });
  assert.deepEqual(parseRequestConfig('{"version": "9223372036854775807"}'), { version: 9223372036854775807n });
  assert.deepEqual(parseRequestConfig('{}'), {});
});

test('text that is no JSON object is left to others', () => {
  for (const text of ['', 'free text', '[1]', '"m"', '7', 'null', '{oops', `x${'y'.repeat(5000)}`]) {
    assert.deepEqual(parseRequestConfig(text), {});
  }
});

test('fields of the wrong type are refused by name', () => {
  assert.throws(() => parseRequestConfig('{"model": null}'), /"model" in config must be a string, not null/);
  assert.throws(
    () => parseRequestConfig('{"signature": ["s"]}'),
    /"signature" in config must be a string, not \["s"\]/,
  );
  for (const version of ['-1', '1.5', '1e30', '"new"', '""', '"9223372036854775808"', 'true', '9007199254740993']) {
    assert.throws(() => parseRequestConfig(`{"version": ${version}}`), /"version" in config must be an integer/);
  }
});

test('an object longer than any config is refused without being parsed', () => {
  assert.throws(() => parseRequestConfig(`{"model": "${'m'.repeat(5000)}"}`), /at most 4096 are read/);
});
