/** `tensorgate tune` without servers: what is tried, chosen and printed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkBatchingParameters } from '../../src/batching/batching-parameters.js';
import { Code, ServingError } from '../../src/errors.js';
import { parseFlags } from '../../src/flags/flags.js';
import { parseTextProto } from '../../src/formats/text-proto.js';
import { BatchingParameters } from '../../src/gen/messages.js';
import { pointPlot } from '../../src/report/svg.js';
import { bestLatency, bestThroughput } from '../../src/tune/choose.js';
import { type Level, type Measured, medianFigures } from '../../src/tune/figures.js';
import { formatTuneReport } from '../../src/tune/html.js';
import { openConnection } from '../../src/tune/http-connection.js';
import { parseTuneOptions } from '../../src/tune/options.js';
import { formatTuneResult } from '../../src/tune/report.js';
import { madeUpRequest, requestsFrom, servedSignatures } from '../../src/tune/requests.js';
import {
  batchingSettings,
  batchingText,
  DEFAULTS,
  flagsOf,
  type Settings,
  threadSettings,
} from '../../src/tune/settings.js';
import { textPlot } from '../../src/tune/text-plot.js';
import { modelPath, withTempDir } from '../support/models.js';

const NO_LIMIT = Number.POSITIVE_INFINITY;

function level(inFlight: number, answersPerSecond: number, p50Micros: number, p99Micros: number, errors = 0): Level {
  return { inFlight, answersPerSecond, p50Micros, p99Micros, errors, clientCores: 0.4 };
}

function measured(settings: Settings, ...levels: Level[]): Measured {
  return { settings, levels };
}

const ONE_WORKER: Settings = { name: 'one worker', workers: 1 };
const WAITING: Settings = { name: 'waiting', workers: 2, batching: { maxBatchSize: 32, timeoutMicros: 1000 } };

describe('the settings that tune tries', () => {
  it('are flags that the server takes, and files that it accepts', () => {
    for (const cores of [1, 2, 64]) {
      for (const settings of [...threadSettings(cores), ...threadSettings(cores).flatMap(batchingSettings)]) {
        assert.deepEqual(parseFlags(flagsOf(settings, 'file')).unknown, []);
        const text = batchingText(settings);
        if (text === undefined) continue;
        assert.doesNotThrow(() => checkBatchingParameters(parseTextProto(BatchingParameters, text), 'file'));
      }
    }
  });

  it('begin with the defaults, and have no two alike', () => {
    for (const cores of [1, 2, 64]) {
      const all = [...threadSettings(cores), ...batchingSettings(DEFAULTS).slice(1)];
      assert.deepEqual(flagsOf(all[0] as Settings, ''), []);
      const texts = all.map((settings) => `${flagsOf(settings, '')} ${batchingText(settings)}`);
      assert.equal(new Set(texts).size, all.length);
      assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    }
  });
});

describe('the best settings', () => {
  const defaults = measured(DEFAULTS, level(1, 1000, 900, 1000), level(64, 2000, 30_000, 40_000));
  const oneWorker = measured(ONE_WORKER, level(1, 1500, 600, 700), level(64, 1800, 33_000, 41_000));
  const waiting = measured(WAITING, level(1, 500, 1900, 2000), level(64, 4000, 15_000, 19_000));
  const all = [defaults, oneWorker, waiting];

  it('are those with the most answers per second, and those with the lowest p50 at the fewest in flight', () => {
    assert.equal(bestThroughput(all, NO_LIMIT)?.measured, waiting);
    assert.equal(bestThroughput(all, NO_LIMIT)?.level.inFlight, 64);
    assert.equal(bestLatency(all)?.measured, oneWorker);
  });

  it('keep to the limit of p99', () => {
    assert.equal(bestThroughput(all, 10_000)?.measured, oneWorker);
    assert.equal(bestThroughput(all, 10), undefined);
  });

  it('are the defaults, unless others are better by more than 5 %', () => {
    const hardlyBetter = measured(ONE_WORKER, level(1, 1040, 870, 990), level(64, 2080, 29_000, 39_000));
    assert.equal(bestThroughput([hardlyBetter, defaults], NO_LIMIT)?.measured, defaults);
    assert.equal(bestLatency([hardlyBetter, defaults])?.measured, defaults);
  });

  it('are of equals those with the lowest p99', () => {
    const other = measured({ ...WAITING, workers: 4 }, level(1, 500, 1900, 2000), level(64, 3900, 15_000, 16_000));
    assert.equal(bestThroughput([...all, other], NO_LIMIT)?.measured, other);
  });

  it('answer all requests', () => {
    const refusing = measured(WAITING, level(1, 9000, 10, 10, 1), level(64, 9000, 10, 10, 1));
    assert.equal(bestThroughput([defaults, refusing], NO_LIMIT)?.measured, defaults);
    assert.equal(bestLatency([defaults, refusing])?.measured, defaults);
    assert.equal(bestLatency([refusing]), undefined);
  });

  it('are printed with what they gain, and with the flags and the file to copy', () => {
    const text = formatTuneResult({
      measured: all,
      throughput: bestThroughput(all, NO_LIMIT),
      latency: bestLatency(all),
    });
    assert.match(text, /^\| c \| waiting +\| +64 \| +4000 \| +15\.00 \| +19\.00 \| 0\.40 cores \| +0 \|$/m);
    assert.match(text, /^Most answers: waiting\. .*: 2\.00 × the answers and 0\.47 × the p99 of the defaults\.$/m);
    assert.ok(text.includes('  --num_workers=2 --enable_batching=true --batching_parameters_file=batching.pbtxt\n'));
    assert.ok(text.includes('    max_batch_size { value: 32 }\n    batch_timeout_micros { value: 1000 }\n'));
    assert.match(
      text,
      /^Lowest latency: one worker\. With 1 in flight 1500 answers\/s, p50 0\.60 ms, p99 0\.70 ms: 1\.50 ×/m,
    );
  });

  it('that are best at both stand there once, with the figures of both, in the report too', () => {
    const both = measured(ONE_WORKER, level(1, 2000, 400, 500), level(64, 4000, 15_000, 19_000));
    const result = {
      measured: [defaults, both],
      throughput: bestThroughput([defaults, both], NO_LIMIT),
      latency: bestLatency([defaults, both]),
    };
    for (const text of [formatTuneResult(result), formatTuneReport(result, [])]) {
      assert.equal(text.match(/--num_workers=1/g)?.length, 1);
      assert.ok(
        text.includes('one worker. With 64 in flight 4000 answers/s, p50 15.00 ms, p99 19.00 ms: 2.00 × '),
        text,
      );
      assert.ok(text.includes('With 1 in flight 2000 answers/s, p50 0.40 ms, p99 0.50 ms: 2.00 × '), text);
    }
  });

  it('have an axis with at least two numbers, and none that overlap, however far apart the figures are', () => {
    const spans = [
      [100, 101],
      [2100, 4900],
      [51, 96],
      [1000, 9900],
      [3, 90_000],
      [1, 1e6],
      [0.2, 7e6],
    ] as const;
    for (const [low, high] of spans) {
      const points = [
        { x: low, y: 1 },
        { x: high, y: 2 },
      ];
      const svg = pointPlot({ title: '', unit: '', series: [{ name: 'one', points }] });
      const labels = [...svg.matchAll(/<text x="([\d.]+)" y="308.0"[^>]*>([^<]+)</g)];
      assert.ok(labels.length >= 2, `${low} to ${high}: ${svg}`);
      for (const [i, [, x, label = '']] of labels.entries()) {
        const [, before, beforeLabel = ''] = labels[i - 1] ?? [undefined, '-100'];
        assert.ok(
          Number(x) - Number(before) >= ((label.length + beforeLabel.length) / 2) * 6.5,
          `${beforeLabel} ${label}`,
        );
      }
    }
  });

  it('are drawn in a report that is well-formed and has no figure that is none', () => {
    const html = formatTuneReport({ measured: all, throughput: undefined, latency: bestLatency(all) }, ['<about>']);
    assert.ok(html.includes('&#60;about&#62;'));
    assert.equal(html.match(/<polyline /g)?.length, 2 * all.length);
    assert.doesNotMatch(html, /NaN|undefined|Infinity/);
  });
});

it('takes medians, and adds up errors', () => {
  const { answersPerSecond, errors } = medianFigures([
    level(1, 10, 1, 1, 1),
    level(1, 30, 1, 1, 0),
    level(1, 20, 1, 1, 2),
  ]);
  assert.deepEqual({ answersPerSecond, errors }, { answersPerSecond: 20, errors: 3 });
});

describe('the plot in characters', () => {
  it('has the smallest values in its lower left corner and the largest in its upper right', () => {
    const points = [
      { x: 100, y: 1 },
      { x: 10_000, y: 50 },
    ];
    const lines = textPlot({ title: 'Title', xUnit: 'answers/s', series: [{ name: 'one', points }] }).split('\n');
    assert.equal(lines[0], 'Title');
    assert.match(lines[1] as string, /^ {8}50 \| {63}a$/);
    assert.match(lines[14] as string, /^ {7}1\.0 \|a$/);
    assert.match(lines[16] as string, /^ {12}100 +10,000 answers\/s$/);
  });

  it('marks places where series meet', () => {
    const series = ['one', 'two'].map((name) => ({ name, points: [{ x: 5, y: 5 }] }));
    assert.match(textPlot({ title: '', xUnit: '', series }), /\|\*$/m);
  });

  it('leaves out what is no number, and is nothing without points', () => {
    const points = [
      { x: Number.NaN, y: 1 },
      { x: 0, y: 1 },
    ];
    assert.equal(textPlot({ title: '', xUnit: '', series: [{ name: 'one', points }] }), '');
  });
});

describe('the requests of tune', () => {
  const signatures = (model: string) => servedSignatures(join(modelPath(model), '1'));

  it('are ones in the shapes that the default signature declares', () => {
    const [request] = madeUpRequest(signatures('half_plus_two')).requests;
    assert.equal(request?.path, '/v1/models/model:predict');
    const body = JSON.parse(Buffer.from(request?.body ?? []).toString()) as object;
    assert.deepEqual(body, { signature_name: 'serving_default', inputs: { x: [1] } });
  });

  it('are refused where JSON has no such type', () => {
    const declared = signatures('echo_complex64').map((signature) => {
      return { ...signature, inputs: signature.inputs.map((input) => ({ ...input, shape: [-1] })) };
    });
    assert.throws(() => madeUpRequest(declared), /JSON has no DT_COMPLEX64, .* --requests=FILE\.$/);
  });

  it('are refused for types that the REST door does not take, not sent in vain', () => {
    for (const model of ['echo_half', 'echo_bfloat16', 'echo_uint16']) {
      const declared = signatures(model).map((signature) => {
        return { ...signature, inputs: signature.inputs.map((input) => ({ ...input, shape: [-1] })) };
      });
      assert.throws(() => madeUpRequest(declared), /over REST, .* JSON has no DT_/, model);
    }
  });

  it('are refused where an output cannot be sent, which REST cannot leave out', () => {
    const handles = signatures('composites').filter(({ name }) => name === 'handles');
    assert.throws(
      () => madeUpRequest(handles),
      /over REST, .* no leaving out its output 'handle', .* --requests=FILE\.$/,
    );
  });

  it('are refused where the shape is not declared', () => {
    assert.throws(
      () => madeUpRequest(signatures('echo_float')),
      /the rank of its input 'x' is not declared\. Give some with/,
    );
  });

  it('are the documents of a file as they stand, each to the method that it is for', () =>
    withTempDir(async (folder) => {
      const file = join(folder, 'requests.json');
      await writeFile(file, '{"instances": [1.50]}\n{"inputs": [ 2 ]}\n');
      const { requests } = await requestsFrom(file, signatures('half_plus_two'));
      assert.deepEqual(
        requests.map(({ body }) => Buffer.from(body).toString()),
        ['{"instances": [1.50]}', '{"inputs": [ 2 ]}'],
      );
    }));

  it('are refused with the name of the file and the number of the request', () =>
    withTempDir(async (folder) => {
      const file = join(folder, 'requests.json');
      await writeFile(file, '{"instances": [1]} {"instances": ["a"], "signature_name": "none"}');
      await assert.rejects(requestsFrom(file, signatures('half_plus_two')), (error: ServingError) => {
        assert.equal(error.code, Code.INVALID_ARGUMENT);
        return /requests\.json cannot be used\. Request 2: .*"none"/.test(error.message);
      });
      await assert.rejects(requestsFrom(join(folder, 'none'), []), /--requests=.*none cannot be read/);
    }));
});

describe('the command line of tune', () => {
  it('has defaults', () => {
    const { inFlight, seconds, rounds, maxP99Micros } = parseTuneOptions(['folder']);
    assert.deepEqual(
      { inFlight, seconds, rounds, maxP99Micros },
      { inFlight: [1, 8, 64], seconds: 1, rounds: 3, maxP99Micros: NO_LIMIT },
    );
  });

  for (const [args, message] of [
    [['--seconds=1'], /One folder is needed/],
    [['a', 'b'], /One folder is needed/],
    [['a', '--seconds=0'], /--seconds takes numbers above 0 and up to 600, not "0"/],
    [['a', '--rounds=1.5'], /--rounds takes whole numbers/],
    [['a', '--in_flight=8,1'], /--in_flight must ascend/],
    [['a', '--none'], /Unknown option '--none'/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, () => {
      assert.throws(
        () => parseTuneOptions(args),
        (error: Error) => error instanceof ServingError && message.test(error.message),
      );
    });
  }
});

it('the load does not wait for an answer from a server that is gone', { timeout: 10_000 }, async () => {
  const server = createServer((socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const connection = await openConnection((server.address() as AddressInfo).port);
  assert.equal(await connection.send(Buffer.from('x')), 200);
  await assert.rejects(connection.send(Buffer.from('x')));
  await assert.rejects(connection.send(Buffer.from('x')));
  connection.close();
  server.close();
});
