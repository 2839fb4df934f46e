/** Small programs run in a process of their own: for what may crash, hang or end the process. */
import { spawn } from 'node:child_process';
import { PROJECT_ROOT } from './project-root.js';

export interface ChildResult {
  /** Null if a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From its start to its end. */
  readonly millis: number;
}

export interface ChildOptions {
  /** Default 20000; a child that takes longer is killed and the promise rejects. */
  readonly timeoutMillis?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with the child's id and all that it printed so far, whenever it prints. */
  readonly onOutput?: (pid: number, stdout: string) => void;
}

/** Runs Node with these arguments and resolves when it has ended, however it did. */
export function runNode(args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  const { timeoutMillis = 20_000, env = {}, onOutput } = options;
  const started = Date.now();
  const child = spawn(process.execPath, args, {
    cwd: PROJECT_ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput?.(child.pid ?? -1, stdout);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMillis);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      if (late) reject(new Error(`The child took longer than ${timeoutMillis} ms. It printed:\n${stdout}\n${stderr}`));
      else resolve({ status, signal, stdout, stderr, millis: Date.now() - started });
    });
  });
}

/**
 * Runs an ES module given as text. What `names` lists of test/support/in-process-model.ts is there to be used; so are
 * `binding` (the addon) and `sleep(millis)`.
 */
export function runProgram(names: readonly string[], text: string, options: ChildOptions = {}): Promise<ChildResult> {
  const support = new URL('in-process-model.js', import.meta.url).href;
  const binding = new URL('../../src/native/binding.js', import.meta.url).href;
  const imports = [
    `import { ${names.join(', ')} } from ${JSON.stringify(support)};`,
    `import { binding } from ${JSON.stringify(binding)};`,
    "import { setTimeout as sleep } from 'node:timers/promises';",
  ];
  return runNode(['--input-type=module', '--eval', `${imports.join('\n')}\n${text}`], options);
}
