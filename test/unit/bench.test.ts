import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differenceOf } from '../../bench/answers.js';
import { formatReport } from '../../bench/html.js';
import { countAnswers, percentiles } from '../../bench/load/h2load.js';
import { parseSummary } from '../../bench/load/wrk.js';
import type { Figures, SideResult } from '../../bench/measure.js';
import { createCall } from '../../bench/models.js';
import { parseOptions } from '../../bench/options.js';
import { treeCpuMicros } from '../../bench/process-cpu.js';
import { createRequest, type Encoding } from '../../bench/requests.js';
import { formatTable } from '../../bench/table.js';
import { formRatio, isReached, type Medians, TARGETS, type Target } from '../../bench/targets.js';
import { formatTargets } from '../../bench/targets-table.js';
import { median } from '../../src/report/median.js';
import { bar } from '../../src/report/progress.js';
import type { PredictCall } from '../support/door-clients.js';

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
    assert.deepEqual(percentiles(`${log}1700000000\t500\t9999\n`), {
      p50Micros: 51,
      p90Micros: 91,
      p99Micros: 100,
      p999Micros: 100,
      maxMicros: 100,
    });
  });
});

it('reads the summary that the script of wrk prints', () => {
  const latencies = 'max=1200\np50=400\np999=1100\np90=700\np99=900\n';
  const output = `Running 2s test\nanswers=100\nrefused=3\nfailed=1\nmicros=2000000\n${latencies}`;
  const expected = { p50Micros: 400, p90Micros: 700, p99Micros: 900, p999Micros: 1100, maxMicros: 1200 };
  assert.deepEqual(parseSummary(output), { goodAnswers: 97, errors: 4, seconds: 2, ...expected });
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
    assert.deepEqual(options?.concurrencies, [{ name: '16', connections: 1, inFlight: 16 }]);
    assert.equal(options?.rate, undefined);
  });

  it('takes connections with streams', () => {
    const options = parseOptions(['--concurrency', '2x8,4']);
    assert.deepEqual(
      options?.concurrencies.map(({ connections, inFlight }) => [connections, inFlight]),
      [
        [2, 16],
        [1, 4],
      ],
    );
    assert.throws(() => parseOptions(['--concurrency', '2x8x3']), /--concurrency takes .*, not "2x8x3"/);
  });

  it('takes servers that run already, with their process where it is known', () => {
    const options = parseOptions(['--door', 'none', '--target', 'a=grpc://10.0.0.1:8500#42,b=rest://tfs:8501']);
    assert.deepEqual(options?.doors, []);
    assert.deepEqual(options?.targets, [
      { server: 'a', door: 'grpc', host: '10.0.0.1', port: 8500, pid: 42 },
      { server: 'b', door: 'rest', host: 'tfs', port: 8501, pid: undefined },
    ]);
    assert.throws(() => parseOptions(['--target', 'a=http://b:1']), /--target takes .*, not "a=http:\/\/b:1"/);
  });

  it('takes the floor beside rivals', () => {
    const { rivals, withFloor } = parseOptions(['--rival', 'node-json,floor']) ?? {};
    assert.deepEqual([rivals, withFloor], [['node-json'], true]);
  });

  it('has shorter bursts for a preset', () => {
    assert.equal(parseOptions(['--preset', 'targets'])?.durationSeconds, 1);
    assert.throws(
      () => parseOptions(['--preset', 'all']),
      /--preset takes targets, tfserver, production, rows, not "all"/,
    );
  });

  it('refuses what it does not know in a sentence', () => {
    assert.throws(() => parseOptions(['--door', 'soap']), /--door takes grpc, rest, graphpipe, not "soap"/);
    assert.throws(() => parseOptions(['--concurrency', '1,0']), /--concurrency takes whole numbers from 1 on, not "0"/);
  });

  it('has only the help to give where help is asked for', () => {
    assert.equal(parseOptions(['--help']), undefined);
  });
});

describe('a request', () => {
  const call: PredictCall = {
    model: 'm',
    inputs: { x: { dtype: 'float', shape: [2, 1], values: [1, 2] } },
    outputs: ['a', 'b'],
  };

  it('has rows over REST, whose outputs come back by name', () => {
    const request = createRequest('rest', call, 'tensor_content');
    assert.equal(Buffer.from(request.body).toString(), '{"instances":[[1],[2]]}');
    assert.deepEqual(request.answersIn(Buffer.from('{"predictions": [{"a": 1, "b": [3]}, {"a": 2, "b": [4]}]}')), {
      a: { shape: [2], values: [1, 2] },
      b: { shape: [2, 1], values: [3, 4] },
    });
  });

  it('carries values over gRPC as bytes or in the field of their type', () => {
    const bytes = (encoding: Encoding) => Buffer.from(createRequest('grpc', call, encoding).body).toString('hex');
    assert.match(bytes('tensor_content'), /22080000803f00000040$/);
    assert.match(bytes('float_val'), /2a080000803f00000040$/);
  });

  it('is the same in every run', () => {
    assert.deepEqual(createCall('mlp', 2), createCall('mlp', 2));
  });
});

describe('the comparison of answers', () => {
  const expected = { y: { shape: [2], values: [1000, 2] } };

  it('lets the last digits differ', () => {
    assert.equal(differenceOf({ y: { shape: [2], values: [1000.05, 2] } }, expected), undefined);
  });

  it('finds wrong values, shapes and outputs', () => {
    assert.equal(differenceOf({ y: { shape: [2], values: [1000, 2.001] } }, expected), 'y[1] is 2.001, not 2');
    assert.match(differenceOf({ y: { shape: [2, 1], values: [1000, 2] } }, expected) ?? '', /shape \[2,1\], not \[2\]/);
    assert.match(differenceOf({ ...expected, z: expected.y }, expected) ?? '', /outputs are y, z, not y/);
  });
});

const FIGURES: Figures = {
  answersPerSecond: 1000,
  megabytesPerSecond: 1,
  p50Micros: 10,
  p90Micros: 15,
  p99Micros: 20,
  p999Micros: 30,
  maxMicros: 40,
  serverCpuMicros: 30,
  clientCpuMicros: 5,
  rssMiB: 100,
  errors: 0,
};

it('compares the server CPU of each side with that of the rival', () => {
  const side = (server: string, serverCpuMicros: number): SideResult => {
    return { server, door: 'grpc', generator: 'h2load', median: { ...FIGURES, serverCpuMicros }, rounds: [] };
  };
  const [, , ours] = formatTable([side('ours', 15), side('rival', 30)], 'rival').split('\n');
  assert.match(ours ?? '', /^\| ours +\| grpc \|.* 15\.0 \| +0\.50 × \|/);
  assert.match(formatTable([side('ours', 15)], 'rival'), /15\.0 \| +– \|/);
});

describe('a target', () => {
  const ratio = { figure: 'serverCpuMicros', of: 'grpc', to: 'cpp' } as const;
  const medians: Medians = new Map([
    ['grpc', { ...FIGURES, serverCpuMicros: 27 }],
    ['cpp', FIGURES],
  ]);

  it('is formed of the medians of two sides', () => {
    assert.deepEqual(formRatio(ratio, medians, new Map()), { figure: 0.9 });
  });

  it('is skipped for the reason that a side is missing', () => {
    const missing = new Map([['cpp', 'No compiler.']] as const);
    const only: Medians = new Map([['grpc', FIGURES]]);
    assert.deepEqual(formRatio(ratio, only, missing), { skipped: 'No compiler.' });
  });

  it('is reached on its side of the bar, and never without a figure', () => {
    assert.ok(isReached({ bar: 0.9, sense: 'at most' }, { figure: 0.9 }));
    assert.ok(!isReached({ bar: 0.9, sense: 'at most' }, { figure: 0.91 }));
    assert.ok(isReached({ bar: 2, sense: 'at least' }, { figure: 2.5 }));
    assert.ok(!isReached({ bar: 2, sense: 'at least' }, { skipped: 'No compiler.' }));
    assert.ok(!isReached({ bar: 2, sense: 'at most' }, { figure: Number.NaN }));
  });

  it('names sides that its trial measures', () => {
    for (const { path, from } of TARGETS) {
      if (typeof from === 'string') continue;
      assert.ok(from.trial.sides.includes(from.ratio.of) && from.trial.sides.includes(from.ratio.to), path);
    }
  });
});

it('ends the table of targets with how many are reached, and names what was skipped', () => {
  const [first, second, third] = TARGETS as readonly [Target, Target, Target];
  const text = formatTargets([
    { target: first, outcome: { figure: 0.62 } },
    { target: second, outcome: { figure: 1.2 } },
    { target: third, outcome: { skipped: 'No compiler.' } },
  ]);
  assert.match(text, /\| 0\.62 × \| ≤ 1\.00 × \| yes +\|\n.*\| 1\.20 × \| ≤ 1\.00 × \| no +\|\n.*\| skipped \|/);
  assert.match(text, /\nSkipped: gRPC, spectra 50, tensor_content, 1×8\. No compiler\.\n1 of 3 targets reached\n$/);
});

it('draws a bar that fills', () => {
  assert.equal(bar(5, 10), '[##########----------] 5/10');
});

it('writes a report that needs no other file', () => {
  const options = parseOptions([]);
  assert.ok(options !== undefined);
  const side: SideResult = { server: 'a<b', door: 'grpc', generator: 'h2load', median: FIGURES, rounds: [] };
  const [concurrency] = options.concurrencies;
  assert.ok(concurrency !== undefined);
  const result = { model: 'm', batch: 1, encoding: 'float_val', concurrency, sides: [side], floor: undefined } as const;
  const html = formatReport('a machine', [result, result], options);
  assert.equal(html.match(/<svg /g)?.length, 3);
  assert.ok(html.includes('a&#60;b') && !html.includes('a<b') && !html.includes('NaN'));
});
