/** A run as one HTML file that needs no other: tables, latency by percentile, answers per second by concurrency. */

import { escapeMarkup, linePlot, type Series } from '../src/report/svg.js';
import type { SideResult } from './measure.js';
import type { BenchOptions } from './options.js';
import { CPP_GRPC_SERVER } from './rivals/cpp-grpc-server.js';
import { type Result, resultTitle } from './run-bench.js';
import { columnsFor } from './table.js';

const STYLE = `body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-size: 13px } td, th { padding: 2px 8px; border-bottom: 1px solid #ddd }
td { text-align: right } td.text { text-align: left } svg { max-width: 44rem; font-family: inherit }`;

const PERCENTILES = ['p50', 'p90', 'p99', 'p99.9', 'max'] as const;

export function formatReport(machine: string, results: readonly Result[], options: BenchOptions): string {
  const parts = [
    ...results.map((result) => resultSection(result, options)),
    ...groupByWorkload(results).map(concurrencyPlot),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>tensorgate bench</title><style>${STYLE}</style></head><body>
<h1>tensorgate bench</h1>
<p>${escapeMarkup(machine)}</p>
${parts.join('\n')}
</body></html>
`;
}

function resultSection(result: Result, options: BenchOptions): string {
  const plot = linePlot({
    title: 'Latency by percentile',
    unit: 'µs',
    places: PERCENTILES,
    series: result.sides.map((side) => ({ name: sideTitle(side), values: latenciesOf(side) })),
  });
  return `<h2>${escapeMarkup(resultTitle(result, options))}</h2>\n${htmlTable(result.sides)}\n${plot}`;
}

function latenciesOf({ median }: SideResult): number[] {
  return [median.p50Micros, median.p90Micros, median.p99Micros, median.p999Micros, median.maxMicros];
}

function htmlTable(sides: readonly SideResult[]): string {
  const columns = columnsFor(sides, CPP_GRPC_SERVER);
  const head = columns.map(({ head }) => `<th>${escapeMarkup(head)}</th>`).join('');
  const rows = sides.map((side) => {
    const cells = columns.map(
      ({ cell, isText }) => `<td${isText ? ' class="text"' : ''}>${escapeMarkup(cell(side))}</td>`,
    );
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<table><tr>${head}</tr>\n${rows.join('\n')}</table>`;
}

function groupByWorkload(results: readonly Result[]): Result[][] {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const key = `${result.model} ${result.batch} ${result.encoding}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()];
}

/** Nothing for a run with one concurrency, whose table says it all. */
function concurrencyPlot(results: readonly Result[]): string {
  const [first] = results;
  if (first === undefined || results.length < 2) return '';
  const title = `${first.model}, ${first.batch} rows as ${first.encoding}: answers per second by requests in flight`;
  const series = first.sides.map(
    (side, i): Series => ({
      name: sideTitle(side),
      values: results.map(({ sides }) => sides[i]?.median.answersPerSecond ?? Number.NaN),
    }),
  );
  const places = results.map(({ concurrency }) => concurrency.name);
  return `<h2>${escapeMarkup(title)}</h2>\n${linePlot({ title: 'Throughput', unit: '1/s', places, series })}`;
}

function sideTitle({ server, door }: SideResult): string {
  return `${server} ${door}`;
}
