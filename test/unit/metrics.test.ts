import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModelMetrics } from '../../src/core/model-metrics.js';
import { ManagerState } from '../../src/core/servable-state.js';
import { Code, ServingError } from '../../src/errors.js';
import { exponentialBounds, Histogram } from '../../src/metrics/histogram.js';
import { type AnsweredRequest, PrometheusText, RequestMetrics, requestSource } from '../../src/metrics/metrics.js';

const GRPC = requestSource('grpc', 'Predict');
const REST = requestSource('rest', 'Predict');

const answered = (fields: Partial<AnsweredRequest> = {}): AnsweredRequest => ({
  queueMicros: 1,
  runMicros: 1,
  decodeMicros: 0,
  formatMicros: 0,
  rows: 1,
  ...fields,
});

/** The lines of a scrape that begin with `prefix`. */
function linesOf(source: { write(text: PrometheusText): void }, prefix: string): string[] {
  const text = new PrometheusText();
  source.write(text);
  return text
    .toString()
    .split('\n')
    .filter((line) => line.startsWith(prefix));
}

describe('Histogram', () => {
  it('puts a value that equals a bound below it, and one beyond all bounds into the last bucket', () => {
    const histogram = new Histogram(Float64Array.of(1, 2, 4));
    for (const value of [0, 1, 1.5, 2, 4, 4.1, 1e9]) histogram.observe(value);
    assert.deepEqual([...histogram.counts], [2, 2, 1, 2]);
    assert.equal(histogram.count, 7);
    assert.equal(histogram.sum, 1e9 + 12.6);
  });

  it('has bounds that grow by a factor', () => {
    assert.deepEqual([...exponentialBounds(1, 2, 5)], [1, 2, 4, 8, 16]);
  });
});

describe('PrometheusText', () => {
  it('has a TYPE line for each family, no HELP, and braces also without labels', () => {
    const text = new PrometheusText();
    text.single(':a:b', 'counter', {}, 3);
    assert.equal(text.toString(), '# TYPE :a:b counter\n:a:b{} 3\n');
  });

  it('escapes quotes, backslashes and line feeds in the values of labels', () => {
    const text = new PrometheusText();
    text.sample('m', { name: 'a"b\\c\nd' }, 1);
    assert.equal(text.toString(), 'm{name="a\\"b\\\\c\\nd"} 1\n');
  });

  it('writes a histogram cumulative, with a last +Inf, _sum and _count', () => {
    const histogram = new Histogram(Float64Array.of(10, 104.976123));
    for (const value of [5, 50, 500]) histogram.observe(value);
    const text = new PrometheusText();
    text.histogram('h', { a: 1 }, histogram);
    assert.deepEqual(text.toString().split('\n').slice(0, -1), [
      'h_bucket{a="1",le="10"} 1',
      'h_bucket{a="1",le="104.976"} 2',
      'h_bucket{a="1",le="+Inf"} 3',
      'h_sum{a="1"} 555',
      'h_count{a="1"} 3',
    ]);
  });
});

describe('RequestMetrics', () => {
  it('counts request_count by model and status over REST and gRPC, and leaves out GraphPipe', () => {
    const requests = new RequestMetrics();
    for (const source of [GRPC, REST, requestSource('graphpipe', 'Predict')]) {
      const recorder = requests.recorder('m', 1n, 's', source);
      recorder.begin(1);
      recorder.succeed(answered(), 1, 1);
    }
    requests.countRefused(REST, 'm', Code.NOT_FOUND);
    requests.countOther('m', Code.OK);
    assert.deepEqual(linesOf(requests, ':tensorflow:serving:request_count'), [
      ':tensorflow:serving:request_count{model_name="m",status="OK"} 3',
      ':tensorflow:serving:request_count{model_name="m",status="NOT_FOUND"} 1',
    ]);
  });

  it('puts versions and signatures together in request_latency, by API and entrypoint', () => {
    const requests = new RequestMetrics();
    requests.recorder('m', 1n, 'a', GRPC).succeed(answered(), 100, 1);
    requests.recorder('m', 2n, 'b', GRPC).succeed(answered(), 200, 1);
    requests.recorder('m', 2n, 'b', REST).succeed(answered(), 400, 1);
    assert.deepEqual(linesOf(requests, ':tensorflow:serving:request_latency_sum'), [
      ':tensorflow:serving:request_latency_sum{model_name="m",API="Predict",entrypoint="GRPC"} 300',
      ':tensorflow:serving:request_latency_sum{model_name="m",API="predict",entrypoint="REST"} 400',
    ]);
  });

  it('keeps what a version counted in TF Serving’s sums when the version is gone, and drops its own series', () => {
    const requests = new RequestMetrics();
    const recorder = requests.recorder('m', 1n, 's', GRPC);
    recorder.begin(1);
    recorder.succeed(answered(), 100, 1);
    requests.retire(recorder);
    requests.retire(recorder);
    requests.recorder('m', 2n, 's', GRPC).succeed(answered(), 50, 1);
    assert.deepEqual(linesOf(requests, ':tensorflow:serving:request_latency_sum'), [
      ':tensorflow:serving:request_latency_sum{model_name="m",API="Predict",entrypoint="GRPC"} 150',
    ]);
    assert.equal(linesOf(requests, 'tensorgate_requests_total').length, 1);
  });

  it('tells requests in flight, and errors by code', () => {
    const requests = new RequestMetrics();
    const recorder = requests.recorder('m', 1n, 's', GRPC);
    for (let i = 0; i < 3; i++) recorder.begin(10);
    recorder.fail(Code.DEADLINE_EXCEEDED);
    const labels = 'model="m",version="1",signature="s",door="grpc",api="Predict"';
    assert.deepEqual(linesOf(requests, 'tensorgate_requests_in_flight'), [
      `tensorgate_requests_in_flight{${labels}} 2`,
    ]);
    assert.deepEqual(linesOf(requests, 'tensorgate_request_bytes_total'), [
      `tensorgate_request_bytes_total{${labels}} 30`,
    ]);
    assert.deepEqual(linesOf(requests, 'tensorgate_request_errors_total'), [
      `tensorgate_request_errors_total{${labels},code="DEADLINE_EXCEEDED"} 1`,
    ]);
  });

  it('tells when the last request began, also where one that began before it is known later', () => {
    const requests = new RequestMetrics();
    const [holder, recorder] = [requests.recorder('m', 1n, '', REST), requests.recorder('m', 1n, 's', REST)];
    holder.hold();
    recorder.begin(1, 2000);
    recorder.takeOver(holder, 1, 1000);
    assert.equal(recorder.lastMillis, 2000);
    assert.deepEqual([holder.inFlight, recorder.inFlight], [0, 2]);
  });

  it('does not grow with the names that clients make up', () => {
    const requests = new RequestMetrics();
    for (let i = 0; i < 1000; i++) requests.countRefused(GRPC, `made-up-${i}`, Code.NOT_FOUND);
    const lines = linesOf(requests, ':tensorflow:serving:request_count');
    assert.ok(lines.length <= 101, String(lines.length));
    assert.ok(lines.includes(':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 900'));
    assert.equal(linesOf(requests, 'tensorgate_request_errors_total').length, 1);
  });

  it('keeps the names of models that are served apart from them', () => {
    const requests = new RequestMetrics();
    for (let i = 0; i < 1000; i++) requests.countRefused(GRPC, `made-up-${i}`, Code.NOT_FOUND);
    requests.recorder('m', 1n, 's', REST);
    requests.countOther('m', Code.OK);
    assert.ok(linesOf(requests, ':tensorflow:serving:request_count{model_name="m",status="OK"} 1').length === 1);
  });

  it('request_example_counts has buckets 2^n, 15; MultiInference counts in request_example_count_total alone', () => {
    const requests = new RequestMetrics();
    requests.countExamples('m', 7, requestSource('warmup', 'Classify'));
    requests.countExamples('m', 3, requestSource('grpc', 'Classify'));
    requests.countExamples('m', 5, requestSource('grpc', 'MultiInference'));
    const buckets = linesOf(requests, ':tensorflow:serving:request_example_counts_bucket');
    assert.equal(buckets.length, 16);
    assert.equal(buckets[14], ':tensorflow:serving:request_example_counts_bucket{model="m",le="16384"} 1');
    assert.deepEqual(linesOf(requests, ':tensorflow:serving:request_example_counts_count'), [
      ':tensorflow:serving:request_example_counts_count{model="m"} 1',
    ]);
    assert.deepEqual(linesOf(requests, ':tensorflow:serving:request_example_count_total'), [
      ':tensorflow:serving:request_example_count_total{model="m"} 8',
    ]);
  });

  it('batching_session:queuing_latency has buckets of 100·1.2^n microseconds, 52, and the thread pool’s name', () => {
    const requests = new RequestMetrics();
    requests.observeBatching();
    requests.recorder('m', 1n, 's', GRPC).succeed(answered({ queueMicros: 110 }), 300, 1);
    const buckets = linesOf(requests, ':tensorflow:serving:batching_session:queuing_latency_bucket');
    assert.equal(buckets.length, 53);
    const name =
      ':tensorflow:serving:batching_session:queuing_latency_bucket{thread_pool_name="model_server_batch_threads"';
    assert.deepEqual(buckets.slice(0, 2), [`${name},le="100"} 0`, `${name},le="120"} 1`]);
  });
});

/** The texts of all bounds as TensorFlow Serving prints them: each factor times the one before, by printf's %g. */
const LATENCY_BOUNDS =
  '10 18 32.4 58.32 104.976 188.957 340.122 612.22 1102 1983.59 3570.47 6426.84 11568.3 20823 ' +
  '37481.3 67466.4 121440 218591 393464 708235 1.27482e+06 2.29468e+06 4.13043e+06 7.43477e+06 ' +
  '1.33826e+07 2.40887e+07 4.33596e+07 7.80473e+07 1.40485e+08 2.52873e+08 4.55172e+08 8.19309e+08 ' +
  '1.47476e+09';
const EXAMPLE_BOUNDS = '1 2 4 8 16 32 64 128 256 512 1024 2048 4096 8192 16384';
const QUEUING_BOUNDS =
  '100 120 144 172.8 207.36 248.832 298.598 358.318 429.982 515.978 619.174 743.008 891.61 1069.93 ' +
  '1283.92 1540.7 1848.84 2218.61 2662.33 3194.8 3833.76 4600.51 5520.61 6624.74 7949.68 9539.62 ' +
  '11447.5 13737.1 16484.5 19781.4 23737.6 28485.2 34182.2 41018.6 49222.4 59066.8 70880.2 85056.2 ' +
  '102067 122481 146977 176373 211647 253977 304772 365726 438871 526646 631975 758370 910044 ' +
  '1.09205e+06';

describe('The bounds of TensorFlow Serving’s histograms, to the letter', () => {
  const boundsOf = (requests: RequestMetrics, family: string) =>
    linesOf(requests, `:tensorflow:serving:${family}_bucket`).map((line) => /le="([^"]*)"/.exec(line)?.[1]);
  const rows: [string, string, number][] = [
    ['request_latency', LATENCY_BOUNDS, 33],
    ['runtime_latency', LATENCY_BOUNDS, 33],
    ['request_example_counts', EXAMPLE_BOUNDS, 15],
    ['batching_session:queuing_latency', QUEUING_BOUNDS, 52],
  ];
  for (const [family, bounds, count] of rows) {
    it(`${family} has ${count} of them, and +Inf`, () => {
      const requests = new RequestMetrics();
      requests.observeBatching();
      requests.recorder('m', 1n, 's', GRPC).succeed(answered({ queueMicros: 110 }), 300, 1);
      requests.countExamples('m', 3, requestSource('grpc', 'Classify'));
      assert.equal(bounds.split(' ').length, count);
      assert.deepEqual(boundsOf(requests, family), [...bounds.split(' '), '+Inf']);
    });
  }
});

describe('ModelMetrics', () => {
  const id = { name: 'm', version: 1n };

  it('tells the state of each version and how long its load took', () => {
    let now = 0;
    const models = new ModelMetrics(() => now);
    models.onStateChange({ id, state: ManagerState.START });
    models.onStateChange({ id, state: ManagerState.LOADING });
    now = 2500;
    models.onStateChange({ id, state: ManagerState.AVAILABLE });
    assert.deepEqual(linesOf(models, 'tensorgate_model'), [
      'tensorgate_model_state{model="m",version="1",state="AVAILABLE"} 1',
      'tensorgate_model_load_seconds{model="m",version="1"} 2.5',
      'tensorgate_model_loads_total{model="m",status="success"} 1',
    ]);
  });

  it('keeps a version that failed to load, and forgets one that was unloaded', () => {
    const models = new ModelMetrics();
    const error = new ServingError(Code.NOT_FOUND, 'x');
    models.onStateChange({ id, state: ManagerState.LOADING });
    models.onStateChange({ id, state: ManagerState.END, error });
    assert.deepEqual(linesOf(models, 'tensorgate_model'), [
      'tensorgate_model_state{model="m",version="1",state="END"} 1',
      'tensorgate_model_loads_total{model="m",status="failure"} 1',
    ]);
    models.onStateChange({ id, state: ManagerState.AVAILABLE });
    models.onStateChange({ id, state: ManagerState.END });
    assert.deepEqual(linesOf(models, 'tensorgate_model_state'), []);
  });

  it('tells one state of a version that moves: that of the one that is served', () => {
    const models = new ModelMetrics();
    const at = (place: string, ...states: ManagerState[]) => {
      for (const state of states) models.onStateChange({ id, state }, { place });
      return linesOf(models, 'tensorgate_model_state');
    };
    const { START, LOADING, AVAILABLE, UNLOADING, END } = ManagerState;
    const available = ['tensorgate_model_state{model="m",version="1",state="AVAILABLE"} 1'];
    assert.deepEqual(at('/a', START, LOADING, AVAILABLE), available);
    assert.deepEqual(at('/b', START, LOADING), available);
    assert.deepEqual(at('/b', AVAILABLE), available);
    assert.deepEqual(at('/a', UNLOADING, END), available);
    models.onStateChange({ id, state: END, error: new ServingError(Code.NOT_FOUND, 'x') }, { place: '/c' });
    assert.deepEqual(at('/d', START), available);
    assert.deepEqual(at('/d', END), available);
    assert.deepEqual(at('/b', UNLOADING, END), [], 'what failed at another place is not told for ever');
  });
});
