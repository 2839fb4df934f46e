/** gRPC load: a few connections that share the requests in flight as their streams. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withTempDir } from '../../test/support/models.js';
import { runProcess } from '../../test/support/run-process.js';
import { FRAME_HEADER_BYTES, frame } from './grpc-frame.js';
import { GRACE_MILLIS, type Latencies, type Load, type LoadGenerator, type LoadResult, numberIn } from './load.js';

export const h2load: LoadGenerator = { name: 'h2load', package: 'nghttp2-client', run };

function run(load: Load): Promise<LoadResult> {
  return withTempDir(async (folder) => {
    const data = join(folder, 'frame');
    const log = join(folder, 'log');
    await writeFile(data, frame(load.request.body));
    const output = await runProcess('h2load', argumentsFor(load, data, log), {
      timeoutMillis: load.durationSeconds * 1000 + GRACE_MILLIS,
    });
    return { ...countAnswers(output, load), ...percentiles(await readFile(log, 'latin1')) };
  });
}

function argumentsFor(load: Load, data: string, log: string): string[] {
  const { host, port, request, concurrency, connections, durationSeconds } = load;
  const headers = ['-H', `content-type: ${request.contentType}`, '-H', 'te: trailers'];
  const streams = Math.ceil(concurrency / connections);
  const amount = ['-c', String(connections), '-m', String(streams), '-t', '1', '-D', String(durationSeconds)];
  return [...amount, '-d', data, '--log-file', log, ...headers, `http://${host}:${port}${request.path}`];
}

/**
 * h2load does not look at grpc-status: a refused call is a success to it. But only a right answer carries a message, and
 * each has the same length, so the bytes of all messages tell how many there were.
 */
export function countAnswers(
  output: string,
  { replyBytes, durationSeconds }: Pick<Load, 'replyBytes' | 'durationSeconds'>,
): Omit<LoadResult, keyof Latencies> {
  const goodAnswers = Math.round(numberIn(output, /\((\d+)\) data/) / (replyBytes + FRAME_HEADER_BYTES));
  const failed = numberIn(output, /(\d+) failed/);
  const answers = numberIn(output, /(\d+) succeeded/);
  return { goodAnswers, errors: failed + Math.max(0, answers - goodAnswers), seconds: durationSeconds };
}

/** Each line of the log: start, HTTP status, µs. */
export function percentiles(log: string): Latencies {
  const rows = log.split('\n').map((line) => line.split('\t'));
  const micros = Uint32Array.from(rows.filter(([, status]) => status === '200').map((row) => Number(row[2]))).sort();
  const at = (part: number) => micros[Math.min(micros.length - 1, Math.floor(micros.length * part))] ?? Number.NaN;
  return { p50Micros: at(0.5), p90Micros: at(0.9), p99Micros: at(0.99), p999Micros: at(0.999), maxMicros: at(1) };
}
