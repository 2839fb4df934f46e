/** Results as a table. */
import { type Column, DASH, fixed, layOut } from '../src/report/text-table.js';
import type { SideResult } from './measure.js';

/** One line for each side, server CPU also as a multiple of the rival's: a dash where the rival did not take part. */
export function formatTable(results: readonly SideResult[], rival: string): string {
  return layOut(columnsFor(results, rival), results);
}

export function columnsFor(results: readonly SideResult[], rival: string): Column<SideResult>[] {
  const base = results.find(({ server }) => server === rival)?.median.serverCpuMicros ?? Number.NaN;
  const ratio = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(2)} ×` : DASH);
  return [
    { head: 'server', cell: ({ server }) => server, isText: true },
    { head: 'door', cell: ({ door }) => door, isText: true },
    { head: 'load by', cell: ({ generator }) => generator, isText: true },
    { head: 'answers/s', cell: ({ median }) => fixed(median.answersPerSecond) },
    { head: 'MB/s', cell: ({ median }) => fixed(median.megabytesPerSecond, 1) },
    { head: 'p50 µs', cell: ({ median }) => fixed(median.p50Micros) },
    { head: 'p90', cell: ({ median }) => fixed(median.p90Micros) },
    { head: 'p99', cell: ({ median }) => fixed(median.p99Micros) },
    { head: 'p99.9', cell: ({ median }) => fixed(median.p999Micros) },
    { head: 'max', cell: ({ median }) => fixed(median.maxMicros) },
    { head: 'server CPU µs', cell: ({ median }) => fixed(median.serverCpuMicros, 1) },
    { head: `to ${rival}`, cell: ({ median }) => ratio(median.serverCpuMicros / base) },
    { head: 'client CPU µs', cell: ({ median }) => fixed(median.clientCpuMicros, 1) },
    { head: 'RSS MiB', cell: ({ median }) => fixed(median.rssMiB) },
    { head: 'errors', cell: ({ median }) => fixed(median.errors) },
  ];
}
