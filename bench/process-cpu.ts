/** CPU time from /proc, so Linux only. */
import { readFileSync } from 'node:fs';
import { processTree } from './process-tree.js';

/** The kernel counts in USER_HZ, which is 100 a second on every architecture that Node runs on. */
const MICROS_PER_TICK = 10_000;

/** CPU time in µs (user and system) that a process and all its descendants have used so far. Throws if it is gone. */
export function treeCpuMicros(pid: number): number {
  return processTree(pid).reduce((total, each) => total + cpuMicros(each), 0);
}

/** CPU time in µs of this process, and of all that it started and that have ended: what load costs at the client's end. */
export function clientCpuMicros(): number {
  const { utime, stime, cutime, cstime } = times('self');
  return (utime + stime + cutime + cstime) * MICROS_PER_TICK;
}

function cpuMicros(pid: number): number {
  const { utime, stime } = times(String(pid));
  return (utime + stime) * MICROS_PER_TICK;
}

function times(process: string): { utime: number; stime: number; cutime: number; cstime: number } {
  const stat = readFileSync(`/proc/${process}/stat`, 'latin1');
  // The second field, the name in brackets, may itself hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15).map(Number);
  return { utime, stime, cutime, cstime };
}
