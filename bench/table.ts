/** Results as Markdown that also reads well as plain text. */
import type { SideResult } from './measure.js';

type Column = readonly [head: string, cell: (result: SideResult) => string];

const whole = (value: number): string => (Number.isFinite(value) ? value.toFixed(0) : '–');
const tenth = (value: number): string => (Number.isFinite(value) ? value.toFixed(1) : '–');

/** One line for each side, server CPU also as a multiple of the rival's: a dash where the rival did not take part. */
export function formatTable(results: readonly SideResult[], rival: string): string {
  const base = results.find(({ server }) => server === rival)?.median.serverCpuMicros ?? Number.NaN;
  const ratio = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(2)} ×` : '–');
  const columns: readonly Column[] = [
    ['server', ({ server }) => server],
    ['door', ({ door }) => door],
    ['load by', ({ generator }) => generator],
    ['answers/s', ({ median }) => whole(median.answersPerSecond)],
    ['p50 µs', ({ median }) => whole(median.p50Micros)],
    ['p99 µs', ({ median }) => whole(median.p99Micros)],
    ['server CPU µs', ({ median }) => tenth(median.serverCpuMicros)],
    [`to ${rival}`, ({ median }) => ratio(median.serverCpuMicros / base)],
    ['client CPU µs', ({ median }) => tenth(median.clientCpuMicros)],
    ['errors', ({ median }) => whole(median.errors)],
  ];
  return layOut(columns, results);
}

/** The first columns, which hold words, to the left; figures to the right. */
const WORD_COLUMNS = 3;

function layOut(columns: readonly Column[], results: readonly SideResult[]): string {
  const rows = [columns.map(([head]) => head), ...results.map((result) => columns.map(([, cell]) => cell(result)))];
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (text: string, i: number) =>
    i < WORD_COLUMNS ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
  const rule = widths.map((width, i) => (i < WORD_COLUMNS ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const lines = rows.map((row) => row.map(pad));
  lines.splice(1, 0, rule);
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
