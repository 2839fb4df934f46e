/**
 * A profile as an XSpace (tsl/profiler/protobuf/xplane.proto), which TensorBoard and the tools beside it read: the plane of the
 * host, with a timeline for each thread that runs models and as many for requests as there were at the same time.
 */
import { Code, codeName } from '../errors.js';
import type { Init } from '../formats/protobuf.js';
import type { XSpace } from '../gen/messages.js';
import { REQUEST_TRACE_WORDS, type TracedRequests } from '../metrics/metrics.js';
import type { RunTraceWords } from '../workers/run-trace.js';
import { PlaneBuilder, type Span } from './plane-builder.js';
import { RUN_TRACE_WORDS, type Trace } from './trace.js';

/** TensorFlow's name for what ran on the CPUs: the tools look for it. */
const HOST_PLANE = '/host:CPU';

const NANOS_PER_MICRO = 1000;
const NANOS_PER_MILLI = 1e6;

const TAKEN_BY_LOOP = 1;
const RUN = 2;

export function toXSpace({ hostName, startMillis, runs, requests }: Trace): Init<XSpace> {
  const plane = new PlaneBuilder(HOST_PLANE, startMillis);
  for (const [name, spans] of threadLines(runs)) plane.addLine(name, spans);
  for (const [index, spans] of requestLines(requests).entries()) plane.addLine(`requests ${index + 1}`, spans);
  const dropped = runs.dropped + requests.dropped;
  const warning = `${dropped} events were too many and are missing here. Profile for a shorter time.`;
  return { planes: [plane.build()], hostnames: [hostName], warnings: dropped > 0 ? [warning] : [] };
}

/** By thread: what it took, and inside it the runs. */
function threadLines(trace: RunTraceWords): Map<string, Span[]> {
  const events = rows(trace.words, RUN_TRACE_WORDS);
  const names = threadNames(events);
  const lines = new Map<string, Span[]>([...names.values()].map((name) => [name, []]));
  for (const [kind = 0, thread = 0, beginNanos = 0, endNanos = 0, count = 0, model = 0, signature = 0] of events) {
    const isRun = kind === RUN;
    const name = isRun ? ['Run', trace.names[model], trace.names[signature]].filter(Boolean).join(' ') : 'Serve';
    // Runs of signatures that count no rows have -1.
    const stats: Span['stats'] = isRun ? (count < 0 ? {} : { rows: count }) : { requests: count };
    lines.get(names.get(thread) as string)?.push({ name, beginNanos, endNanos, stats });
  }
  return lines;
}

/** The event loop is the thread that takes requests as such. */
function threadNames(events: readonly Float64Array[]): Map<number, string> {
  const threads = [...new Set(events.map(([, thread]) => thread as number))].sort((a, b) => a - b);
  const loops = new Set(events.filter(([kind]) => kind === TAKEN_BY_LOOP).map(([, thread]) => thread));
  const workers = threads.filter((thread) => !loops.has(thread));
  return new Map(threads.map((thread) => [thread, nameOf(thread, loops, workers)]));
}

function nameOf(thread: number, loops: ReadonlySet<number | undefined>, workers: readonly number[]): string {
  return loops.has(thread) ? 'event loop' : `worker ${workers.indexOf(thread) + 1}`;
}

/** Requests that overlap go on different timelines. */
function requestLines(trace: TracedRequests): Span[][] {
  const requests = rows(trace.words, REQUEST_TRACE_WORDS).map((words) => requestSpans(words, trace.labels));
  requests.sort(([a], [b]) => a.beginNanos - b.beginNanos);
  const lines: { readonly spans: Span[]; end: number }[] = [];
  for (const spans of requests) {
    const [{ beginNanos, endNanos }] = spans;
    let line = lines.find(({ end }) => end <= beginNanos);
    if (line === undefined) {
      line = { spans: [], end: 0 };
      lines.push(line);
    }
    line.spans.push(...spans);
    line.end = endNanos;
  }
  return lines.map(({ spans }) => spans);
}

/** The request, and inside it its wait for a worker and the encoding of its answer. When it ran is its worker's to say. */
function requestSpans(words: Float64Array, labels: readonly string[]): [Span, ...Span[]] {
  const [label = 0, beginMillis = 0, endMillis = 0, queueMicros = 0, runMicros = 0, encodeMillis = 0, bytes = 0] =
    words;
  const code = words[7] as Code;
  const name = labels[label] as string;
  const beginNanos = beginMillis * NANOS_PER_MILLI;
  const endNanos = endMillis * NANOS_PER_MILLI;
  if (code !== Code.OK) return [{ name, beginNanos, endNanos, stats: { error: codeName(code) } }];
  const stats = { queue_us: queueMicros, run_us: runMicros, answer_bytes: bytes };
  const waited = Math.min(endNanos, beginNanos + queueMicros * NANOS_PER_MICRO);
  const encoding = Math.max(waited, endNanos - encodeMillis * NANOS_PER_MILLI);
  return [
    { name, beginNanos, endNanos, stats },
    { name: 'Wait for a worker', beginNanos, endNanos: waited, stats: {} },
    { name: 'Encode the answer', beginNanos: encoding, endNanos, stats: {} },
  ];
}

function rows(words: Float64Array, size: number): Float64Array[] {
  return Array.from({ length: words.length / size }, (_, row) => words.subarray(row * size, (row + 1) * size));
}
