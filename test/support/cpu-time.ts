/** What code takes by the processor's clock, which a busy machine does not make longer. */
import assert from 'node:assert/strict';

/** Fails if this process has had the processor for longer than that since `since`, which process.cpuUsage() has told. */
export function assertCheap(since: NodeJS.CpuUsage, maxMillis: number): void {
  const { user, system } = process.cpuUsage(since);
  const millis = (user + system) / 1000;
  assert.ok(millis < maxMillis, `It took ${millis} ms of the processor`);
}
