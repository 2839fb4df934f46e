/** Memory from /proc, so Linux only. */
import { readFileSync } from 'node:fs';
import { processTree } from './process-tree.js';

/** Resident memory in MiB of a process and all its descendants. Throws if it is gone. */
export function treeRssMiB(pid: number): number {
  return processTree(pid).reduce((total, each) => total + rssKiB(each), 0) / 1024;
}

function rssKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
}
