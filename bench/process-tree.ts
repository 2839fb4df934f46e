/** A process and what it started, from /proc, so Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** The process id and those of all its descendants. Throws if the process is gone. */
export function processTree(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) => childrenOfThread(pid, thread).split(' ').filter(Boolean).map(Number));
  return [pid, ...children.flatMap(processTree)];
}

/** A thread may end between the listing and the look at it. */
function childrenOfThread(pid: number, thread: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1');
  } catch {
    return '';
  }
}
