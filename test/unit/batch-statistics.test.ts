import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BatchStatistics } from '../../src/metrics/batch-statistics.js';

const run = (rows: number, runs = 1) => ({ rows, runs, runMicros: 10, decodeMicros: 2, formatMicros: 3 });

describe('BatchStatistics', () => {
  it('adds up runs and times by rows, the smallest first', () => {
    const statistics = new BatchStatistics();
    for (const each of [run(32), run(1), run(32, 4)]) statistics.add(each);
    assert.deepEqual(statistics.bySize(), [
      { rows: 1, runs: 1, runMicros: 10, decodeMicros: 2, formatMicros: 3 },
      { rows: 32, runs: 5, runMicros: 20, decodeMicros: 4, formatMicros: 6 },
    ]);
  });

  it('puts sizes beyond the first 128 together at powers of two, and loses no run', () => {
    const statistics = new BatchStatistics();
    for (let rows = 0; rows < 5000; rows++) statistics.add(run(rows));
    const sizes = statistics.bySize();
    assert.deepEqual(
      sizes.slice(126).map(({ rows }) => rows),
      [126, 127, 128, 256, 512, 1024, 2048, 4096, 8192],
    );
    assert.equal(
      sizes.reduce((sum, { runs }) => sum + runs, 0),
      5000,
    );
  });

  it('adds up others size by size, so that what is told of a size never shrinks', () => {
    const [one, other] = [new BatchStatistics(), new BatchStatistics()];
    for (let rows = 1; rows <= 100; rows++) one.add(run(rows));
    for (let rows = 1001; rows <= 1100; rows++) other.add(run(rows));
    const sum = () => {
      const both = new BatchStatistics();
      for (const each of [one, other]) both.addAll(each);
      return new Map(both.bySize().map(({ rows, runs }) => [rows, runs]));
    };
    const before = sum();
    assert.equal(before.size, 200);
    one.add(run(101));
    for (const [rows, runs] of before) assert.equal(sum().get(rows), runs);
  });
});
