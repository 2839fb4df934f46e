import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countAnswers, percentiles } from '../../bench/load/h2load.js';
import { parseSummary } from '../../bench/load/wrk.js';
import { type Figures, median, type SideResult } from '../../bench/measure.js';
import { MODELS } from '../../bench/models.js';
import { parseOptions } from '../../bench/options.js';
import { treeCpuMicros } from '../../bench/process-cpu.js';
import { createRequest } from '../../bench/requests.js';
import { formatTable } from '../../bench/table.js';

describe('h2load', () => {
  const output =
    'requests: 110 total, 110 started, 110 done, 100 succeeded, 2 failed, 2 errored, 0 timeout\n' +
    'traffic: 10.0KB (10240) total, 1.0KB (1024) headers (space savings 90.00%), 4.4KB (4500) data\n';

  it('counts an answer without a message as an error', () => {
    const result = countAnswers(output, { replyBytes: 45, durationSeconds: 2 });
    assert.deepEqual(result, { goodAnswers: 90, errors: 12, seconds: 2 });
  });

  it('says what it did not find in the output of a program that failed', () => {
    assert.throws(() => countAnswers('no such host', { replyBytes: 45, durationSeconds: 2 }), /no such host/);
  });

  it('takes the latencies of answers from the log', () => {
    const log = Array.from({ length: 100 }, (_, i) => `1700000000\t200\t${100 - i}\n`).join('');
    assert.deepEqual(percentiles(`${log}1700000000\t500\t9999\n`), { p50Micros: 51, p99Micros: 100 });
  });
});

it('reads the summary that the script of wrk prints', () => {
  const output = 'Running 2s test\nanswers=100\nrefused=3\nfailed=1\nmicros=2000000\np50=400\np99=900\n';
  const expected = { goodAnswers: 97, errors: 4, seconds: 2, p50Micros: 400, p99Micros: 900 };
  assert.deepEqual(parseSummary(output), expected);
});

it('takes the median of an odd and of an even number of values', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

it('counts the CPU time of this process', () => {
  const before = treeCpuMicros(process.pid);
  for (const end = Date.now() + 300; Date.now() < end; );
  assert.ok(treeCpuMicros(process.pid) - before >= 50_000);
});

describe('the command line', () => {
  it('has a default for everything', () => {
    const options = parseOptions([]);
    assert.deepEqual(options?.doors, ['grpc', 'rest', 'graphpipe']);
    assert.deepEqual(options?.concurrencies, [16]);
  });

  it('refuses what it does not know in a sentence', () => {
    assert.throws(() => parseOptions(['--door', 'soap']), /--door takes grpc, rest, graphpipe, not "soap"/);
    assert.throws(() => parseOptions(['--concurrency', '1,0']), /--concurrency takes whole numbers from 1 on, not "0"/);
  });

  it('has only the help to give where help is asked for', () => {
    assert.equal(parseOptions(['--help']), undefined);
  });
});

it('finds a wrong answer', () => {
  const known = MODELS.half_plus_two;
  assert.ok(known !== undefined);
  const request = createRequest('rest', known);
  assert.equal(request.differenceIn(Buffer.from('{"predictions": [2.5, 3.0, 4.5]}')), undefined);
  assert.equal(request.differenceIn(Buffer.from('{"predictions": [2.5, 3.0, 5.5]}')), 'y[2] is 5.5, not 4.5');
});

it('compares the server CPU of each side with that of the rival', () => {
  const figures: Figures = {
    answersPerSecond: 1000,
    p50Micros: 10,
    p99Micros: 20,
    serverCpuMicros: 30,
    clientCpuMicros: 5,
    errors: 0,
  };
  const side = (server: string, serverCpuMicros: number): SideResult => {
    return { server, door: 'grpc', generator: 'h2load', median: { ...figures, serverCpuMicros }, rounds: [] };
  };
  const [, , ours] = formatTable([side('ours', 15), side('rival', 30)], 'rival').split('\n');
  assert.match(ours ?? '', /^\| ours +\| grpc \|.* 15\.0 \| +0\.50 × \|/);
  assert.match(formatTable([side('ours', 15)], 'rival'), /15\.0 \| +– \|/);
});
