/** A server of its own process, on free ports of the loopback address, for the time of a measurement. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { failedPrecondition, ServingError } from '../errors.js';
import { freePort } from '../free-port.js';
import { NODE_FLAGS } from '../node-flags.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const READY_LINE = 'tensorgate is ready';
const START_FAILURE = /^Failed to start server\. Error: (.*)$/m;
/** How long a server may take to end after SIGTERM before it is killed. */
const STOP_MILLIS = 10_000;
/** How long after its connections have broken a server may take to be gone. */
const ENDING_MILLIS = 1000;

/**
 * Runs `fn` with the REST port of a server that has these flags and has loaded its models, and ends the server afterwards,
 * whatever happens. Rejects with FAILED_PRECONDITION if it does not start, with its own words, or ends by itself.
 */
export async function withTunedServer<T>(
  flags: readonly string[],
  signal: AbortSignal,
  fn: (port: number) => Promise<T>,
): Promise<T> {
  const port = await freePort();
  const doors = ['--host=127.0.0.1', '--port=0', '--graphpipe_port=0', `--rest_api_port=${port}`];
  // A model that cannot be loaded ends the server at once.
  const strict = ['--strict', '--max_num_load_retries=0', '--log_level=info'];
  const args = [...NODE_FLAGS, MAIN, ...doors, ...strict, ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = endOf(child);
  try {
    await untilReady(child, ended, signal);
    return await fn(port).catch(async (error: unknown) => {
      signal.throwIfAborted();
      throw await causeOf(error, child, ended);
    });
  } finally {
    await stop(child, ended);
  }
}

/** Resolves when the process has ended or could not be started. */
function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('close', () => resolve()).once('error', () => resolve());
  });
}

/** Of a server that ends by itself, whoever asks it sees a broken connection first. */
async function causeOf(error: unknown, child: ChildProcess, ended: Promise<void>): Promise<unknown> {
  if (error instanceof ServingError) return error;
  await Promise.race([ended, sleep(ENDING_MILLIS, undefined, { ref: false })]);
  const how = child.signalCode ?? child.exitCode;
  if (how === null) return error;
  const text = `The server that was measured ended by itself (${how}). Is there enough memory for the model?`;
  return failedPrecondition(text);
}

async function untilReady(child: ChildProcess, ended: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let output = '';
  const ready = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes(READY_LINE)) resolve();
      });
    }
  });
  const failed = ended.then(() => {
    throw failedPrecondition(`No server could be started to be measured: ${reasonIn(output)}`);
  });
  const settled = new AbortController();
  const aborted = once(signal, 'abort', { signal: settled.signal });
  try {
    await Promise.race([ready, failed, aborted]);
    signal.throwIfAborted();
  } finally {
    settled.abort();
    // Whichever of them came too late must not count as unhandled.
    for (const late of [failed, aborted]) late.catch(() => {});
  }
}

function reasonIn(output: string): string {
  return START_FAILURE.exec(output)?.[1] ?? (output.trim().split('\n').at(-1) || 'it said nothing.');
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLIS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(killer);
}
