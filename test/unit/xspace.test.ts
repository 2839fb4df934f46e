import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, invalidArgument } from '../../src/errors.js';
import { decodeMessage, encodeMessage } from '../../src/formats/protobuf.js';
import { XSpace } from '../../src/gen/messages.js';
import { RequestRecorder, requestSource } from '../../src/metrics/metrics.js';
import { RequestTrace } from '../../src/metrics/request-trace.js';
import { isEmptyTrace, type Trace } from '../../src/profiling/trace.js';
import { toXSpace } from '../../src/profiling/xspace.js';

/** As TensorFlow's tools would read it: names in place of numbers, times in nanoseconds. */
function read(trace: Trace) {
  const { planes, ...rest } = decodeMessage(XSpace, encodeMessage(XSpace, toXSpace(trace)));
  const lines = planes.flatMap(({ lines: own, event_metadata, stat_metadata }) =>
    own.map(({ name, timestamp_ns, events }) => ({
      name,
      timestamp_ns,
      events: events.map(({ metadata_id, offset_ps, duration_ps, stats }) => [
        event_metadata.get(metadata_id)?.name,
        Number(offset_ps ?? 0n) / 1000,
        Number(duration_ps) / 1000,
        ...stats.map((stat) => `${stat_metadata.get(stat.metadata_id)?.name}=${stat.int64_value ?? stat.str_value}`),
      ]),
    })),
  );
  return { ...rest, lines };
}

function traceOf(parts: { runs?: number[]; requests?: number[]; dropped?: number }): Trace {
  const { runs = [], requests = [], dropped = 0 } = parts;
  return {
    hostName: 'host',
    startMillis: 1_700_000_000_000.25,
    runs: { words: Float64Array.from(runs), names: ['m/1', 'serving_default', ''], dropped },
    requests: { words: Float64Array.from(requests), labels: ['grpc Predict m/1 serving_default'], dropped },
  };
}

describe('toXSpace()', () => {
  it('has a timeline for each worker and one for the event loop, runs within what was taken', () => {
    const { lines, hostnames } = read(
      traceOf({
        // kind, thread, begin, end, count, model, signature
        runs: [
          ...[2, 7, 110, 190, 12, 0, 1],
          ...[0, 7, 100, 200, 4, 0, 0],
          ...[2, 3, 310, 320, -1, 0, 2],
          ...[1, 3, 300, 330, 1, 0, 0],
          ...[0, 9, 500, 600, 1, 0, 0],
        ],
      }),
    );
    assert.deepEqual(hostnames, ['host']);
    assert.deepEqual(
      lines.map(({ name, events }) => [name, events]),
      [
        [
          'event loop',
          [
            ['Serve', 300, 30, 'requests=1'],
            ['Run m/1', 310, 10],
          ],
        ],
        [
          'worker 1',
          [
            ['Serve', 100, 100, 'requests=4'],
            ['Run m/1 serving_default', 110, 80, 'rows=12'],
          ],
        ],
        ['worker 2', [['Serve', 500, 100, 'requests=1']]],
      ],
    );
    assert.equal(lines[0]?.timestamp_ns, 1_700_000_000_000_250_000n);
  });

  it('puts requests that overlap on different timelines, with their waits and the encoding of their answers', () => {
    const { lines } = read(
      traceOf({
        // label, begin and end ms, queue µs, run µs, encode ms, bytes, code
        requests: [
          ...[0, 2, 4, 1000, 500, 0.25, 8, Code.OK],
          ...[0, 1, 3, 0, 0, 0, 0, Code.UNAVAILABLE],
          ...[0, 3, 5, 0, 1, 0, 0, Code.OK],
        ],
      }),
    );
    const title = 'grpc Predict m/1 serving_default';
    assert.deepEqual(
      lines.map(({ name, events }) => [
        name,
        events.map(([what, begin, duration, ...stats]) => [what, begin, duration, ...stats]),
      ]),
      [
        [
          'requests 1',
          [
            [title, 1e6, 2e6, 'error=UNAVAILABLE'],
            [title, 3e6, 2e6, 'queue_us=0', 'run_us=1', 'answer_bytes=0'],
            ['Wait for a worker', 3e6, 0],
            ['Encode the answer', 5e6, 0],
          ],
        ],
        [
          'requests 2',
          [
            [title, 2e6, 2e6, 'queue_us=1000', 'run_us=500', 'answer_bytes=8'],
            ['Wait for a worker', 2e6, 1e6],
            ['Encode the answer', 3.75e6, 0.25e6],
          ],
        ],
      ],
    );
  });

  it('warns of events that were too many', () => {
    assert.deepEqual(read(traceOf({})).warnings, []);
    assert.match(read(traceOf({ dropped: 2 })).warnings[0] ?? '', /^4 events were too many/);
  });

  it('is told apart from a profile in which nothing happened', () => {
    assert.equal(isEmptyTrace(traceOf({})), true);
    assert.equal(isEmptyTrace(traceOf({ runs: [0, 1, 1, 2, 1, 0, 0] })), false);
    assert.equal(isEmptyTrace(traceOf({ requests: [0, 1, 2, 0, 0, 0, 0, 0] })), false);
  });
});

describe('RequestTrace', () => {
  const recorder = new RequestRecorder({
    model: 'm',
    version: '1',
    signature: 's',
    source: requestSource('rest', 'Classify'),
  });
  const outputs = { queueMicros: 1, runMicros: 2, totalBytes: 3 };

  it('notes requests that come in and end while it is on, good ones and failed ones', () => {
    const trace = new RequestTrace();
    trace.start(10, performance.now());
    trace.watch(recorder).succeed(outputs);
    trace.watch(recorder).fail(invalidArgument('x'));
    const unfinished = trace.watch(recorder);
    const { words, labels } = trace.stop();
    unfinished.succeed(outputs);
    assert.deepEqual(labels, ['rest Classify m/1 s']);
    assert.equal(words.length, 16);
    assert.deepEqual([words[3], words[4], words[6], words[7]], [1, 2, 3, Code.OK]);
    assert.equal(words[15], Code.INVALID_ARGUMENT);
    trace.start(10, performance.now());
    assert.equal(trace.stop().words.length, 0);
  });

  it('tells how long the encoding of an answer took, and how many requests were too many', () => {
    const trace = new RequestTrace();
    trace.start(1, performance.now());
    const watched = trace.watch(recorder);
    const before = performance.now();
    watched.ready();
    while (performance.now() < before + 3);
    watched.succeed(outputs);
    trace.watch(recorder).fail(invalidArgument('x'));
    const { words, dropped } = trace.stop();
    assert.ok((words[5] ?? 0) >= 2.5, String(words[5]));
    assert.equal(dropped, 1);
  });
});
