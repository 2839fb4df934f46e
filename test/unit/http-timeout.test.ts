/** How long a client over HTTP says that it waits. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { HttpExchange } from '../../src/doors/http-handler.js';
import { deadlineOf } from '../../src/doors/http-timeout.js';
import { Code, type ServingError } from '../../src/errors.js';

function millisFor(headers: Readonly<Record<string, string>>, limitMillis: number): number {
  const exchange = { header: (name: string) => headers[name] ?? '' } as unknown as HttpExchange;
  const before = Date.now();
  const deadline = deadlineOf(exchange, limitMillis);
  const late = Date.now() - before;
  const millis = deadline - before;
  return Number.isFinite(millis) && late > 0 ? Math.min(millis, Math.ceil(millis) - late) : millis;
}

it('takes whole milliseconds, and what gRPC writes, but never more than the limit of the server', () => {
  const none = Number.POSITIVE_INFINITY;
  assert.equal(millisFor({}, none), none);
  assert.equal(millisFor({}, 3_600_000), 3_600_000);
  for (const [text, millis] of [
    ['250', 250],
    ['1', 1],
    ['3600000', 3_600_000],
    ['99999999999', 10_000_000],
  ] as const)
    assert.equal(millisFor({ 'x-request-timeout-ms': text }, 10_000_000), millis, text);
  for (const [text, millis] of [
    ['250m', 250],
    ['2S', 2000],
    ['1M', 60_000],
    ['1H', 3_600_000],
    ['5000000u', 5000],
    ['99999999H', 10_000_000],
  ] as const)
    assert.equal(millisFor({ 'grpc-timeout': text }, 10_000_000), millis, text);
  assert.equal(millisFor({ 'grpc-timeout': '2S', 'x-request-timeout-ms': '700' }, none), 700);
  assert.equal(millisFor({ 'grpc-timeout': '2S', 'x-request-timeout-ms': '7000' }, none), 2000);
});

it('refuses what says no time, with the name of the header and how it is written', () => {
  for (const [header, texts] of [
    ['x-request-timeout-ms', ['0', '-1', '1.5', '1e3', '10s', 'soon', '9999999999999999', ' ']],
    ['grpc-timeout', ['250', 'm', '123456789m', '-1m', '1.5S', '1s', '1 S']],
  ] as const)
    for (const text of texts)
      assert.throws(
        () => millisFor({ [header]: text }, 1000),
        ({ code, message }: ServingError) =>
          code === Code.INVALID_ARGUMENT && message.includes(header) && message.includes(JSON.stringify(text)),
        `${header}: ${text}`,
      );
});
