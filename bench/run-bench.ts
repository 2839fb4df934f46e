/** All combinations of the options, one after the other. */

import type { Progress } from '../src/report/progress.js';
import { burstsFor, measure, type SideResult } from './measure.js';
import { floorLine, measureModelFloor } from './model-floor.js';
import { MODELS } from './models.js';
import type { BenchOptions, Concurrency } from './options.js';
import { RIVALS } from './rivals/rivals.js';
import { createSides, type Endpoint, ourServer, prepareRivals, type Workload, withEndpoints } from './sides.js';

export interface Result extends Workload {
  readonly concurrency: Concurrency;
  readonly sides: readonly SideResult[];
  /** What TF_SessionRun alone takes, as a line; undefined if that is not wanted. */
  readonly floor: string | undefined;
}

export interface BenchRun {
  readonly results: readonly Result[];
  /** A sentence for each part that could not take part. */
  readonly skipped: readonly string[];
}

export async function runBench(options: BenchOptions, signal: AbortSignal, progress: Progress): Promise<BenchRun> {
  progress.note('building');
  const { starters, skipped } = await prepareRivals(options.rivals.map((name) => RIVALS[name]));
  if (options.doors.length > 0) starters.unshift(ourServer(options.doors));
  const results: Result[] = [];
  for (const model of options.models) {
    progress.note(`starting the servers with ${model}`);
    await withEndpoints(model, starters, async (endpoints) => {
      results.push(...(await benchModel(model, [...endpoints, ...options.targets], options, signal, progress)));
    });
  }
  return { results, skipped };
}

async function benchModel(
  model: string,
  endpoints: readonly Endpoint[],
  options: BenchOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const workload of workloadsOf(model, options)) {
    const sides = await createSides(endpoints, workload, options.rate);
    const floor = options.withFloor
      ? floorLine(await measureModelFloor(model, workload.batch, options.durationSeconds))
      : undefined;
    for (const concurrency of options.concurrencies) {
      const { connections, inFlight } = concurrency;
      const onStep = (step: string) => progress.step(`${model} ${workload.batch}, ${step}`);
      const measured = await measure(sides, { ...options, connections, concurrency: inFlight, signal, onStep });
      results.push({ ...workload, concurrency, sides: measured, floor });
    }
  }
  return results;
}

function workloadsOf(model: string, { batches, encodings }: BenchOptions): Workload[] {
  const chosen = batches ?? MODELS[model]?.batches ?? [];
  return chosen.flatMap((batch) => encodings.map((encoding) => ({ model, batch, encoding })));
}

/** The most bursts that a run can have, for the progress bar. */
export function countSteps(options: BenchOptions): number {
  const sides = options.doors.length + options.rivals.length + options.targets.length;
  const workloads = options.models.flatMap((model) => workloadsOf(model, options)).length;
  return workloads * options.concurrencies.length * sides * burstsFor(options.rounds);
}

export function resultTitle(result: Result, { rounds, durationSeconds, rate, encodings }: BenchOptions): string {
  const { model, batch, encoding, concurrency } = result;
  const load = rate === undefined ? `${concurrency.name} in flight` : `${rate} requests a second are due`;
  const rows = `${batch} ${batch === 1 ? 'row' : 'rows'}`;
  const words = encodings.length > 1 ? `${rows} as ${encoding}` : rows;
  return `${model}, ${words}, ${load}, medians of ${rounds} rounds of ${durationSeconds} s`;
}
