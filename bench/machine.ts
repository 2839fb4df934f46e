/** Where a run took place, for whoever reads its figures later. */
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../test/support/project-root.js';
import { runProcess } from '../test/support/run-process.js';

export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly tensorflow: string;
  /** Over the minute before the run: figures taken beside other work say little. */
  readonly load: number;
}

export async function describeMachine(): Promise<Machine> {
  const versions = await runProcess(process.execPath, [join(PROJECT_ROOT, 'dist/src/main.js'), '--version']);
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? arch(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    tensorflow: /TensorFlow Library: (.*)/.exec(versions)?.[1] ?? 'unknown',
    load: loadavg()[0] as number,
  };
}

export function machineLine(machine: Machine): string {
  const { date, cpu, cores, memoryGiB, kernel, node, tensorflow, load } = machine;
  const hardware = `${cores} × ${cpu}, ${memoryGiB} GiB`;
  const software = `Linux ${kernel}, Node ${node}, TensorFlow ${tensorflow}`;
  return `${date.slice(0, 16).replace('T', ' ')} UTC, ${hardware}, ${software}, load before the run ${load.toFixed(2)}`;
}
