/** CPU time from /proc, so Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts in USER_HZ, which is 100 a second on every architecture that Node runs on. */
const MICROS_PER_TICK = 10_000;

/** CPU time in µs (user and system) that a process and all its descendants have used so far. Throws if it is gone. */
export function treeCpuMicros(pid: number): number {
  const { utime, stime } = times(String(pid));
  return (utime + stime) * MICROS_PER_TICK + sum(childrenOf(pid), treeCpuMicros);
}

/** CPU time in µs of all processes that this one started and that have ended. */
export function endedChildrenCpuMicros(): number {
  const { cutime, cstime } = times('self');
  return (cutime + cstime) * MICROS_PER_TICK;
}

function times(process: string): { utime: number; stime: number; cutime: number; cstime: number } {
  const stat = readFileSync(`/proc/${process}/stat`, 'latin1');
  // The second field, the name in brackets, may itself hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15).map(Number);
  return { utime, stime, cutime, cstime };
}

function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const lists = threads.map((thread) => childrenOfThread(pid, thread));
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

/** A thread may end between the listing and the look at it. */
function childrenOfThread(pid: number, thread: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1');
  } catch {
    return '';
  }
}

function sum(items: readonly number[], of: (item: number) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
