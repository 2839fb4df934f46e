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
  return [layOut(COLUMNS, rowsOf(measured)), plot, ...choices(result).map(formatChoice)].join('\n');
}

function formatChoice({ title, reason, copy = '' }: Choice): string {
  return `${title}: ${reason}\n${copy}`;
}

/** The best settings: what they are best at, what they gave there, and what to copy. */
export interface Choice {
  readonly title: string;
  /** E.g. `defaults. With 1 in flight …`. */
  readonly reason: string;
  /** Undefined: there are none. */
  readonly copy: string | undefined;
}

/** Settings that are best at both stand there once, with the figures of both. */
export function choices({ measured: [defaults], throughput, latency }: TuneResult): Choice[] {
  if (throughput !== undefined && throughput.measured === latency?.measured) {
    const bests = throughput.level === latency.level ? [throughput] : [throughput, latency];
    return [choice('Most answers and lowest latency', bests, defaults)];
  }
  const each = (best: Best | undefined) => (best === undefined ? [] : [best]);
  return [choice('Most answers', each(throughput), defaults), choice('Lowest latency', each(latency), defaults)];
}

function choice(title: string, bests: readonly Best[], defaults: Measured | undefined): Choice {
  const [best] = bests;
  const none = 'none of the settings answered all requests within the limit.';
  if (best === undefined) return { title, reason: none, copy: undefined };
  const figures = bests.map((each) => `${sentence(each.level)}${comparison(each, defaults)}`);
  return { title, reason: `${best.measured.settings.name}. ${figures.join(' ')}`, copy: whatToCopy(best.measured) };
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
