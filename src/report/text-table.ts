/** Tables as Markdown that also reads well as plain text. */

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  /** Words stand to the left, figures to the right. */
  readonly isText?: true;
}

export const DASH = '–';

/** With so many places behind the point, or a dash for a figure that is not known. */
export function fixed(value: number, places = 0): string {
  return Number.isFinite(value) ? value.toFixed(places) : DASH;
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
