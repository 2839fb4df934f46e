import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { formatLogLine, isLogEnabled, log, setLogLevel } from '../../src/log.js';
import { captureLog } from '../support/capture-log.js';

const TIME = new Date('2026-01-31T12:00:00Z');

afterEach(() => setLogLevel('info'));

describe('formatLogLine()', () => {
  it('writes time, level, message and fields on one line', () => {
    const line = formatLogLine(TIME, 'info', 'Model loaded.', { model: 'm', version: 3n, millis: 1.5, warm: true });
    assert.equal(line, '2026-01-31T12:00:00.000Z I Model loaded. model=m version=3 millis=1.5 warm=true\n');
  });

  it('leaves undefined fields out', () => {
    assert.equal(formatLogLine(TIME, 'warn', 'x', { a: undefined, b: 1 }), '2026-01-31T12:00:00.000Z W x b=1\n');
  });

  it('quotes values that would not be one word', () => {
    const line = formatLogLine(TIME, 'error', 'x', { a: 'two words', b: '', c: 'k=v', d: 'q"' });
    assert.equal(line, '2026-01-31T12:00:00.000Z E x a="two words" b="" c="k=v" d="q\\""\n');
  });

  it('lets nobody forge a second line or move the cursor', () => {
    const line = formatLogLine(TIME, 'info', 'a\nb\u001b[2J', { name: 'c\r\nd\u009b' });
    assert.equal(line, '2026-01-31T12:00:00.000Z I a\\nb\\u001b[2J name="c\\r\\nd\\u009b"\n');
  });
});

describe('log', () => {
  it('writes from info upward by default', () => {
    assert.deepEqual(linesAt('info'), ['I i', 'W w', 'E e']);
  });

  it('writes events of the chosen level and above only', () => {
    assert.deepEqual(linesAt('debug'), ['D d', 'I i', 'W w', 'E e']);
    assert.deepEqual(linesAt('error'), ['E e']);
    assert.equal(isLogEnabled('warn'), false);
    assert.equal(isLogEnabled('error'), true);
  });
});

function linesAt(level: 'debug' | 'info' | 'error'): string[] {
  const captured = captureLog();
  try {
    setLogLevel(level);
    log.debug('d');
    log.info('i');
    log.warn('w');
    log.error('e');
    return captured.lines();
  } finally {
    captured.restore();
  }
}
