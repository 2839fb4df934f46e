/** HTTP load at fixed times by the client of paced/: for what happens to requests while a server has too much to do. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withTempDir } from '../../test/support/models.js';
import { PROJECT_ROOT } from '../../test/support/project-root.js';
import { runProcess } from '../../test/support/run-process.js';
import { httpRequest } from './http-request.js';
import { GRACE_MILLIS, type Load, numberIn } from './load.js';

const SOURCE = join(PROJECT_ROOT, 'bench/load/paced');
const BUILD = join(PROJECT_ROOT, 'build/bench/paced');
/** How long it waits for what is unanswered. */
const DRAIN_MILLIS = 60_000;

export interface PacedLoad extends Pick<Load, 'host' | 'port' | 'request' | 'durationSeconds'> {
  /** Requests a second. */
  readonly rate: number;
  readonly mostConnections: number;
  /** How long a good answer may take to count as in time; default: any time. */
  readonly limitMillis?: number;
  /** Sent in turns with `request`. */
  readonly other?: { readonly request: Load['request']; readonly limitMillis: number };
}

/** In µs from when a request was due; NaN of none. */
export interface PacedLatencies {
  readonly count: number;
  readonly p50Micros: number;
  readonly p90Micros: number;
  readonly p99Micros: number;
}

export interface PacedResult {
  /** Whether it ran before all other threads: else its own waits for a core count, too. */
  readonly runsFirst: boolean;
  readonly seconds: number;
  /** From the last request to the last answer. */
  readonly drainSeconds: number;
  readonly goodWhileSending: number;
  /** Good answers within the limit, of `request` and of the other one. */
  readonly inTime: number;
  readonly otherInTime: number;
  /** p50 of the first ten good answers. */
  readonly firstP50Micros: number;
  readonly good: PacedLatencies;
  /** Answered with 429. */
  readonly refused: PacedLatencies;
  /** Of any other kind: other statuses, broken connections, not sent, not answered. */
  readonly failed: number;
}

/** Compiled when it is first needed. */
export async function buildPaced(): Promise<void> {
  await runProcess('cmake', ['-S', SOURCE, '-B', BUILD]);
  await runProcess('cmake', ['--build', BUILD]);
}

export function runPaced(load: PacedLoad): Promise<PacedResult> {
  return withTempDir(async (folder) => {
    const file = join(folder, 'request');
    await writeFile(file, httpRequest(load));
    const { host, port, rate, durationSeconds, mostConnections, limitMillis = 0, other } = load;
    const args = [host, port, file, rate, durationSeconds, mostConnections, limitMillis].map(String);
    if (other !== undefined) {
      const otherFile = join(folder, 'other-request');
      await writeFile(otherFile, httpRequest({ ...load, request: other.request }));
      args.push(otherFile, String(other.limitMillis));
    }
    const timeoutMillis = durationSeconds * 1000 + DRAIN_MILLIS + GRACE_MILLIS;
    return parsePaced(await runProcess(join(BUILD, 'paced'), args, { timeoutMillis }));
  });
}

export function parsePaced(output: string): PacedResult {
  const value = (name: string) => numberIn(output, new RegExp(`^${name}=(.*)$`, 'm'));
  const latencies = (kind: string): PacedLatencies => ({
    count: value(kind),
    p50Micros: value(`${kind}_p50`),
    p90Micros: value(`${kind}_p90`),
    p99Micros: value(`${kind}_p99`),
  });
  return {
    runsFirst: value('fifo') === 1,
    seconds: value('seconds'),
    drainSeconds: value('drain_seconds'),
    goodWhileSending: value('good_while_sending'),
    inTime: value('in_time'),
    otherInTime: value('other_in_time'),
    firstP50Micros: value('first_p50'),
    good: latencies('good'),
    refused: latencies('refused'),
    failed: value('failed') + value('unsent') + value('unanswered'),
  };
}
