/** The results as text for a terminal. */
import { type Column, fixed, layOut } from '../report/text-table.js';
import { type Best, SAME } from './choose.js';
import type { Level, Measured } from './figures.js';
import { batchingText, flagsOf } from './settings.js';
import { letterOf, textPlot } from './text-plot.js';

export interface TuneResult {
  /** The defaults come first. */
  readonly measured: readonly Measured[];
  /** Undefined: none kept to --max_p99_ms without errors. */
  readonly throughput: Best | undefined;
  readonly latency: Best | undefined;
}

/** Where the text of a file of BatchingParameters is to be kept, as the printed flags have it. */
export const BATCHING_FILE = 'batching.pbtxt';

interface Row extends Level {
  readonly letter: string;
  readonly name: string;
}

export function rowsOf(measured: readonly Measured[]): Row[] {
  return measured.flatMap(({ settings: { name }, levels }, i) =>
    levels.map((level) => ({ ...level, name, letter: letterOf(i) })),
  );
}

export const COLUMNS: readonly Column<Row>[] = [
  { head: '', cell: ({ letter }) => letter, isText: true },
  { head: 'settings', cell: ({ name }) => name, isText: true },
  { head: 'in flight', cell: ({ inFlight }) => fixed(inFlight) },
  { head: 'answers/s', cell: ({ answersPerSecond }) => fixed(answersPerSecond) },
  { head: 'p50 ms', cell: ({ p50Micros }) => fixed(p50Micros / 1000, 2) },
  { head: 'p99 ms', cell: ({ p99Micros }) => fixed(p99Micros / 1000, 2) },
  { head: 'load’s CPU', cell: ({ clientCores }) => `${fixed(clientCores, 2)} cores` },
  { head: 'errors', cell: ({ errors }) => fixed(errors) },
];

/** Table, plot, and the best settings with what to copy. Ends with a line feed. */
export function formatTuneResult(result: TuneResult): string {
  const { measured } = result;
  const plot = textPlot({
    title: 'p99 in ms by answers/s: down and to the right is better; each point a number in flight',
    xUnit: 'answers/s',
    series: measured.map(({ settings: { name }, levels }) => ({
      name,
      points: levels.map(({ answersPerSecond: x, p99Micros }) => ({ x, y: p99Micros / 1000 })),
    })),
  });
  return [layOut(COLUMNS, rowsOf(measured)), plot, ...formatBests(result)].join('\n');
}

function formatBests({ measured: [defaults], throughput, latency }: TuneResult): string[] {
  const isSame = throughput !== undefined && throughput.measured === latency?.measured;
  const parts = [formatBest(isSame ? 'Most answers and lowest latency' : 'Most answers', throughput, defaults)];
  if (!isSame) parts.push(formatBest('Lowest latency', latency, defaults));
  return parts;
}

function formatBest(title: string, best: Best | undefined, defaults: Measured | undefined): string {
  if (best === undefined) return `${title}: none of the settings answered all requests within the limit.\n`;
  const { measured, level } = best;
  return `${title}: ${measured.settings.name}. ${sentence(level)}${comparison(best, defaults)}\n${whatToCopy(measured)}`;
}

function sentence({ inFlight, answersPerSecond, p50Micros, p99Micros }: Level): string {
  const times = `p50 ${fixed(p50Micros / 1000, 2)} ms, p99 ${fixed(p99Micros / 1000, 2)} ms`;
  return `With ${inFlight} in flight ${fixed(answersPerSecond)} answers/s, ${times}`;
}

/** To the defaults with as many in flight. */
function comparison({ measured, level }: Best, defaults: Measured | undefined): string {
  const base = defaults?.levels.find(({ inFlight }) => inFlight === level.inFlight);
  if (measured === defaults || base === undefined) return '.';
  const [answers, p99] = [level.answersPerSecond / base.answersPerSecond, level.p99Micros / base.p99Micros];
  return `: ${fixed(answers, 2)} × the answers and ${fixed(p99, 2)} × the p99 of the defaults.`;
}

/** The flags, and the text of the file that they name. */
export function whatToCopy({ settings }: Measured): string {
  const flags = flagsOf(settings, BATCHING_FILE);
  const text = batchingText(settings);
  if (flags.length === 0) return `  No flag is needed: nothing else was better by more than ${100 * SAME} %.\n`;
  const file = text === undefined ? '' : `\n  ${BATCHING_FILE}:\n${text.replace(/^(?=.)/gm, '    ')}`;
  return `  ${flags.join(' ')}\n${file}`;
}
