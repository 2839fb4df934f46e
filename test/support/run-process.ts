import { spawn } from 'node:child_process';

export interface RunProcessOptions {
  /** Default 120000. Beyond it the process is killed and the promise rejects. */
  readonly timeoutMillis?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end and resolves with its stdout. Rejects with its stderr's end if it does not end with 0. */
export function runProcess(file: string, args: readonly string[], options: RunProcessOptions = {}): Promise<string> {
  const { timeoutMillis = 120_000, env = process.env } = options;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  // spawn()'s own timeout would keep this process alive after a program that could not be started.
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMillis);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve(stdout);
      else reject(new Error(`${file} ${args.join(' ')} ended with ${status ?? signal}:\n${stderr.slice(-4000)}`));
    });
  });
  return ended.finally(() => clearTimeout(timer));
}
