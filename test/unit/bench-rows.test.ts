/** What `--preset rows` makes of its measurements. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { areAsExpected, formatRows } from '../../bench/rows/report.js';
import type { RowResult } from '../../bench/rows/run-rows.js';

const proven = { signature: 'serving_default', proven: true, reason: '' };
const refused = { signature: 'serving_default', proven: false, reason: 'Cumsum "c" accumulates along the batch axis' };
const result = (changes: Partial<RowResult>): RowResult => ({
  model: 'm',
  isIndependent: true,
  signatures: [proven],
  loadMillis: 100,
  proofMillis: 4.9,
  ...changes,
});

it('expects a proof for each signature whose rows are independent, for no other, and within a twentieth of the load', () => {
  assert.ok(areAsExpected([result({}), result({ isIndependent: false, signatures: [refused] })]));
  assert.ok(!areAsExpected([result({ signatures: [proven, refused] })]));
  assert.ok(!areAsExpected([result({ isIndependent: false })]));
  assert.ok(!areAsExpected([result({ proofMillis: 5 })]));
});

it('says what is proven, why not, and what the proof takes', () => {
  const text = formatRows('2026-11-29 20:00 UTC, a machine', [
    result({ model: 'small' }),
    result({ model: 'sums', isIndependent: false, signatures: [refused], proofMillis: 1 }),
  ]);
  assert.match(text, /1 of 1 signatures whose rows are independent are proven, 1 of 1 of the others are refused/);
  assert.match(text, /at\nmost 4\.9 % of a load/);
  assert.match(text, /^\| small +\| serving_default +\| +100\.0 \| +4\.90 \| +4\.9 % \| proven +\|$/m);
  assert.match(text, /^\| sums .*\| Cumsum "c" accumulates along the batch axis +\|$/m);
});
