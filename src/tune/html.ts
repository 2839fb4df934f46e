/** The results as one HTML file that needs no other. */
import { escapeMarkup, pointPlot } from '../report/svg.js';
import { type Choice, COLUMNS, choices, rowsOf, type TuneResult } from './report.js';
import { letterOf } from './text-plot.js';

const STYLE = `body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-size: 13px } td, th { padding: 2px 8px; border-bottom: 1px solid #ddd }
td { text-align: right } td.text { text-align: left } svg { max-width: 52rem; font-family: inherit }
pre { background: #f4f4f4; padding: .5rem 1rem }`;

/** `about`: lines that say what was measured, and how. */
export function formatTuneReport(result: TuneResult, about: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>tensorgate tune</title><style>${STYLE}</style></head><body>
<h1>tensorgate tune</h1>
${about.map((line) => `<p>${escapeMarkup(line)}</p>`).join('\n')}
${choices(result).map(formatChoice).join('\n')}
<h2>Trade-off</h2>
<p>Down and to the right is better. The points of a line are numbers in flight.</p>
${plot(result, 'p50', ({ p50Micros }) => p50Micros)}
${plot(result, 'p99', ({ p99Micros }) => p99Micros)}
<h2>Figures</h2>
${table(result)}
</body></html>
`;
}

function formatChoice({ title, reason, copy }: Choice): string {
  const head = `<h2>${title}</h2>\n<p>${escapeMarkup(reason)}</p>`;
  return copy === undefined ? head : `${head}\n<pre>${escapeMarkup(copy)}</pre>`;
}

type LevelOf = TuneResult['measured'][number]['levels'][number];

function plot({ measured }: TuneResult, title: string, micros: (level: LevelOf) => number): string {
  const series = measured.map(({ settings: { name }, levels }, i) => ({
    name: `${letterOf(i)}  ${name}`,
    points: levels.map((level) => ({ x: level.answersPerSecond, y: micros(level) / 1000 })),
  }));
  return pointPlot({ title, unit: 'ms by answers/s', series });
}

function table({ measured }: TuneResult): string {
  const head = COLUMNS.map((column) => `<th>${escapeMarkup(column.head)}</th>`).join('');
  const rows = rowsOf(measured).map((row) => {
    const cells = COLUMNS.map(
      ({ cell, isText }) => `<td${isText ? ' class="text"' : ''}>${escapeMarkup(cell(row))}</td>`,
    );
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<table><tr>${head}</tr>\n${rows.join('\n')}</table>`;
}
