/** Results as Markdown that also reads well as plain text. */
import type { SideResult } from './measure.js';

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  /** Words stand to the left, figures to the right. */
  readonly isText?: true;
}

const DASH = '–';

/** With so many places behind the point, or a dash for a figure that is not known. */
export function fixed(value: number, places = 0): string {
  return Number.isFinite(value) ? value.toFixed(places) : DASH;
}

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

/** Each line ends with a line feed. */
export function layOut<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map(({ head }) => head), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const pad = (text: string, i: number) =>
    columns[i]?.isText ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
  const rule = widths.map((width, i) => (columns[i]?.isText ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const padded = lines.map((line) => line.map(pad));
  padded.splice(1, 0, rule);
  return padded.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
