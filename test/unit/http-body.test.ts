import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BodyCollector, parseContentLength } from '../../src/doors/http-body.js';
import { Code } from '../../src/errors.js';
import { BodyTooLargeError } from '../../src/ports/body-too-large.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (body: Uint8Array) => new TextDecoder().decode(body);

describe('parseContentLength()', () => {
  it('reads digits, and nothing else', () => {
    assert.equal(parseContentLength('0'), 0);
    assert.equal(parseContentLength('1234'), 1234);
    for (const header of ['', '-1', '1e3', '0x10', '12 34', 'abc']) assert.equal(parseContentLength(header), undefined);
  });
});

describe('BodyCollector', () => {
  it('joins the chunks of a body of known length in one buffer', () => {
    const collector = new BodyCollector(11, 100);
    for (const chunk of ['hello', ' ', 'world']) collector.append(bytes(chunk));
    assert.equal(text(collector.body()), 'hello world');
    assert.equal(collector.body().buffer.byteLength, 16);
  });

  it('lends its memory to the next body once it is released, and to no other before', () => {
    const collect = () => {
      const collector = new BodyCollector(100_000, 1_000_000);
      collector.append(bytes('x'));
      return collector;
    };
    const [one, two] = [collect(), collect()];
    const memory = one.body().buffer;
    assert.notEqual(two.body().buffer, memory);
    one.release();
    assert.equal(one.body().byteLength, 0);
    assert.equal(collect().body().buffer, memory);
  });

  it('does not allocate a huge announced length before the bytes come', () => {
    const collector = new BodyCollector(2 ** 40, 2 ** 41);
    collector.append(bytes('x'));
    assert.equal(collector.body().buffer.byteLength, 64 * 1024 * 1024);
  });

  it('grows for a body of unknown length and keeps its bytes', () => {
    const collector = new BodyCollector(undefined, 10_000_000);
    const chunk = new Uint8Array(300_000).fill(7);
    for (let i = 0; i < 10; i++) collector.append(chunk);
    const body = collector.body();
    assert.equal(body.byteLength, 3_000_000);
    assert.ok(body.every((byte) => byte === 7));
    assert.ok(body.buffer.byteLength <= 10_000_000);
  });

  it('accepts a body exactly as long as the limit and refuses one byte more, naming the limit and its flag', () => {
    const collector = new BodyCollector(undefined, 4);
    collector.append(bytes('abcd'));
    assert.throws(
      () => collector.append(bytes('e')),
      (error) =>
        error instanceof BodyTooLargeError &&
        error.code === Code.RESOURCE_EXHAUSTED &&
        /longer than 4 bytes.*--max_request_bytes/.test(error.message),
    );
    assert.equal(text(collector.body()), 'abcd');
  });
});
