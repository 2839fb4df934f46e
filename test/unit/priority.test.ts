import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Priority } from '../../src/tensor/predict-request.js';
import { parsePriority } from '../../src/tensor/priority.js';

test('x-priority is a name in any case, or a number of which 1 is the highest; without it a request is normal', () => {
  const cases: [string, Priority][] = [
    ['', Priority.NORMAL],
    ['high', Priority.HIGH],
    ['Normal', Priority.NORMAL],
    ['LOW', Priority.LOW],
    ['0', Priority.NORMAL],
    ['1', Priority.HIGH],
    ['2', Priority.NORMAL],
    ['3', Priority.LOW],
    ['99', Priority.LOW],
  ];
  for (const [text, priority] of cases) assert.equal(parsePriority(text), priority, text);
});

test('x-priority that is neither is as if it were absent', () => {
  for (const text of ['urgent', '-1', '1.5', '123456', '?', ' 1', 'toString'])
    assert.equal(parsePriority(text), Priority.NORMAL, text);
});
