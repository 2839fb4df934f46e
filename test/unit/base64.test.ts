import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeBase64 } from '../../src/formats/base64.js';
import { checkProperty } from '../support/check-property.js';

const textOf = (base64: string) => decodeBase64(base64).toString('latin1');

describe('Base64', () => {
  it('is of either alphabet, with all padding or without any', () => {
    for (const text of ['/+8=', '_-8=', '_+8', '_-8.']) assert.equal(textOf(text), '\xff\xef');
    assert.equal(textOf('YQ=='), 'a');
    assert.equal(textOf('YQ'), 'a');
    assert.equal(textOf('YQ..'), 'a');
    assert.equal(textOf(''), '');
  });

  it('may have ASCII blanks and line breaks anywhere', () => {
    assert.equal(textOf('QUJ\nD'), 'ABC');
    assert.equal(textOf(' \vQ\fU\r\nJ\tD R EVG\n'), 'ABCDEF');
    assert.equal(textOf('YQ= \n=\n'), 'a');
    assert.equal(textOf('\n'), '');
  });

  it('is whatever bytes were encoded, in lines of any length', (t) =>
    checkProperty(
      t,
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 80 }), (bytes, length) => {
        const base64 = Buffer.from(bytes).toString('base64');
        const lines = base64.replace(new RegExp(`.{1,${length}}`, 'g'), '$&\r\n');
        assert.deepEqual(new Uint8Array(decodeBase64(lines)), bytes);
      }),
    ));

  it('is refused with the reason and the place', () => {
    const cases: [string, RegExp][] = [
      ['A', /^it ends with a single digit of a group of four$/],
      ['AAAA A', /single digit/],
      ['AA=', /^it ends with 1 padding characters, not 2$/],
      ['AAA==', /^it ends with 2 padding characters, not 1$/],
      ['AAAA=', /^it ends with 1 padding characters, not 0$/],
      ['====', /^it ends with 4 padding characters, not 0$/],
      ['AA=A', /^'A' stands at its place 3$/],
      ['AA\nA*', /^'\*' stands at its place 4$/],
      ['AA\0A', /^character 0 stands at its place 2$/],
      ['AA\xa0A', /^character 160 stands at its place 2$/],
    ];
    for (const [text, message] of cases) assert.throws(() => decodeBase64(text), { message });
  });

  it('may be as long as a body', () => {
    const bytes = Buffer.alloc(30_000_000, 'tensor');
    assert.ok(decodeBase64(`${bytes.toString('base64')}\n`).equals(bytes));
  });
});
