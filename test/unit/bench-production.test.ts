/** What `--preset production` makes of its measurements. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PacedResult, parsePaced } from '../../bench/load/paced.js';
import { parseOptions } from '../../bench/options.js';
import { judge } from '../../bench/production/burst.js';
import { judgeOverload } from '../../bench/production/deadlines.js';
import { slope } from '../../bench/production/load-cycles.js';
import { formatTargets } from '../../bench/targets-table.js';

const OUTPUT = `fifo=1
seconds=2.000000
drain_seconds=0.250000
good_while_sending=180
failed=1
unsent=2
unanswered=3
in_time=150
other_in_time=30
first_p50=55.0
good=200
good_p50=100.0
good_p90=200.0
good_p99=300.0
good_max=400.0
refused=0
refused_p50=nan
refused_p90=nan
refused_p99=nan
refused_max=nan
`;

it('reads what the client of fixed times prints, and counts all that is no answer as failed', () => {
  const result = parsePaced(OUTPUT);
  assert.deepEqual(result, {
    runsFirst: true,
    seconds: 2,
    drainSeconds: 0.25,
    goodWhileSending: 180,
    inTime: 150,
    otherInTime: 30,
    firstP50Micros: 55,
    good: { count: 200, p50Micros: 100, p90Micros: 200, p99Micros: 300 },
    refused: { count: 0, p50Micros: Number.NaN, p90Micros: Number.NaN, p99Micros: Number.NaN },
    failed: 6,
  });
  assert.throws(() => parsePaced('paced: cannot connect'), /cannot connect/);
});

it('takes the slope of the line that fits best', () => {
  assert.equal(slope([5, 5, 5]), 0);
  assert.equal(slope([1, 3, 5, 7]), 2);
  assert.ok(Math.abs(slope([0, 2, 1, 3]) - 0.8) < 1e-9);
});

it('takes some of the scenarios', () => {
  assert.deepEqual(parseOptions(['--preset', 'production', '--scenario', 'burst,devices'])?.scenarios, [
    'burst',
    'devices',
  ]);
  assert.throws(
    () => parseOptions(['--scenario', 'none']),
    /--scenario takes batching, devices, burst, .*, not "none"/,
  );
});

it('takes --long with --preset production', () => {
  assert.equal(parseOptions(['--preset', 'production'])?.long, false);
  assert.equal(parseOptions(['--preset', 'production', '--long'])?.long, true);
});

describe('the burst', () => {
  const paced = (changed: Partial<PacedResult>): PacedResult => ({ ...parsePaced(OUTPUT), failed: 0, ...changed });
  const latencies = (p50Micros: number, p99Micros: number) => ({
    count: 100,
    p50Micros,
    p90Micros: p50Micros,
    p99Micros,
  });
  const none = latencies(Number.NaN, Number.NaN);
  const during = paced({ goodWhileSending: 190, good: latencies(1000, 320_000), refused: latencies(400, 6000) });
  const normal = paced({ good: latencies(100, 300), refused: { ...none, count: 0 } });

  it('is judged by its goodput, the time of a full queue, the refusals, and what comes after', () => {
    const { results } = judge({ capacity: 100, before: normal, during, after: normal, clientCores: 0.1 });
    assert.deepEqual(
      results.map(({ outcome }) => ('figure' in outcome ? outcome.figure : outcome.skipped)),
      [0.95, 1, 0.4, 6, 1],
    );
    assert.match(formatTargets(results), /4 of 5 targets reached/);
  });

  it('has not been recovered from where normal load is still refused', () => {
    const after = { ...normal, refused: latencies(100, 100) };
    const { results } = judge({ capacity: 100, before: normal, during, after, clientCores: 0.1 });
    assert.deepEqual(results.at(-1)?.outcome, {
      skipped: '100 requests of normal load were not answered after the burst.',
    });
  });
});

it('judges an overload by what is answered in time, by the runs in vain, and by the lesser half', () => {
  const bar = (measure: string) => ({ path: 'path', measure, bar: 1, sense: 'at least', unit: '×' }) as const;
  const bars = { goodput: bar('goodput'), wasted: bar('wasted'), share: bar('share') };
  const overload = { load: 2, isMixed: true, bars };
  const results = judgeOverload({ overload, capacity: 100, result: parsePaced(OUTPUT), runs: 200, clientCores: 0 });
  assert.deepEqual(
    results.map(({ outcome }) => Number(outcome.figure.toFixed(3))),
    [0.9, 0.1, 0.15],
  );
});
