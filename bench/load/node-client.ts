/**
 * The bench's own load generator. It costs more client CPU than h2load and wrk, and takes part where they cannot: in the
 * open loop, whose latencies count from the time a request was due, so that a stall is paid for by all that it delays.
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';
import type { Latencies, Load, LoadGenerator, LoadResult } from './load.js';
import { createTransport } from './transport.js';

export const nodeClient: LoadGenerator = { name: 'node', package: undefined, run };

/** One request of a run: sent, and entered with its latency from `dueMillis` on, or as an error. Never rejects. */
type Send = (dueMillis: number) => Promise<void>;

async function run(load: Load): Promise<LoadResult> {
  const transport = createTransport(load, load.request, load.door === 'grpc' ? load.connections : load.concurrency);
  const latencies = build({ highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: 3 });
  let errors = 0;
  const send: Send = async (dueMillis) => {
    try {
      const { byteLength } = await transport.send();
      if (byteLength !== load.replyBytes) errors++;
      else latencies.recordValue(Math.max(1, Math.round((performance.now() - dueMillis) * 1000)));
    } catch {
      errors++;
    }
  };
  const start = performance.now();
  try {
    await (load.rate === undefined ? closedLoop(load, send) : openLoop(load, load.rate, send));
  } finally {
    transport.close();
  }
  const seconds = (performance.now() - start) / 1000;
  return { goodAnswers: latencies.totalCount, errors, seconds, ...percentilesOf(latencies) };
}

async function closedLoop({ concurrency, durationSeconds }: Load, send: Send): Promise<void> {
  const end = performance.now() + durationSeconds * 1000;
  const loop = async () => {
    for (let now = performance.now(); now < end; now = performance.now()) await send(now);
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
}

/** Longer than a timer may be late. */
const TIMER_MILLIS = 3;

/** However many are unanswered: over HTTP those beyond the connections wait in the client, and their clock runs. */
async function openLoop({ durationSeconds }: Load, rate: number, send: Send): Promise<void> {
  const start = performance.now();
  const total = Math.round(rate * durationSeconds);
  const underWay = new Set<Promise<void>>();
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate) + 1);
    for (; sent < due; sent++) {
      const sending = send(start + (sent / rate) * 1000).finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
    // Timers count in whole ms; between requests that are closer the loop only turns, which costs client CPU.
    const wait = start + (sent / rate) * 1000 - performance.now();
    await (wait > TIMER_MILLIS ? sleep(wait - TIMER_MILLIS) : turn());
  }
  await Promise.all(underWay);
}

function percentilesOf(histogram: Histogram): Latencies {
  const at = (percentile: number) =>
    histogram.totalCount === 0 ? Number.NaN : histogram.getValueAtPercentile(percentile);
  return { p50Micros: at(50), p90Micros: at(90), p99Micros: at(99), p999Micros: at(99.9), maxMicros: at(100) };
}
