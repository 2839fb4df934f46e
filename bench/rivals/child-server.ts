/** A rival's process: started, waited for, ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ChildServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** What the server prints to stderr as soon as it listens. */
  readonly readyText: string;
  /** Default 60000. */
  readonly readyTimeoutMillis?: number;
}

/** Runs `fn` with the server's process id, and ends the server afterwards. Rejects with its stderr if it does not get ready. */
export async function withChildServer<T>(options: ChildServerOptions, fn: (pid: number) => Promise<T>): Promise<T> {
  const child = spawn(options.command, options.args, { stdio: ['ignore', 'ignore', 'pipe'] });
  // 'close' need not follow 'error'.
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve()).once('error', () => resolve());
  });
  try {
    await untilReady(child, ended, options);
    return await fn(child.pid as number);
  } finally {
    // These servers hold nothing that they would have to put in order.
    child.kill('SIGKILL');
    await ended;
  }
}

async function untilReady(child: ChildProcess, ended: Promise<void>, options: ChildServerOptions): Promise<void> {
  let log = '';
  const ready = new Promise<'ready'>((resolve) => {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes(options.readyText)) resolve('ready');
    });
  });
  const timeout = sleep(options.readyTimeoutMillis ?? 60_000, 'took too long', { ref: false });
  const outcome = await Promise.race([ready, timeout, ended.then(() => 'ended')]);
  if (outcome !== 'ready') throw new Error(`${options.command} ${outcome} before it was ready. It printed:\n${log}`);
}
