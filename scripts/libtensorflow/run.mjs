/** Runs another program to its end and tells how it went; nothing is thrown. */
import { spawn } from 'node:child_process';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill();
});

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: Record<string, string | undefined>, cwd?: string, input?: string }} [options]
 * @returns {Promise<{ ok: boolean, missing: boolean, output: string }>}
 *   missing: there is no such program; output: stdout and stderr
 */
export function run(program, args, { input = '', ...options } = {}) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(child);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.stdin.on('error', () => {}).end(input); // a program may end without reading its input
    child.on('error', (error) =>
      resolve({ ok: false, missing: 'code' in error && error.code === 'ENOENT', output: error.message }),
    );
    child.on('close', (code) => {
      running.delete(child);
      resolve({ ok: code === 0, missing: false, output });
    });
  });
}
