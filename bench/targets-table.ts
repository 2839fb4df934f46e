/** The table at the end of `--preset targets`. */
import { fixed, layOut } from '../src/report/text-table.js';
import { type Bar, isReached, type Outcome } from './targets.js';

export interface TargetResult {
  readonly target: Bar;
  readonly outcome: Outcome;
}

const SIGNS = { 'at most': '≤', 'at least': '≥' } as const;

/** Ends with the line `N of M targets reached`. */
export function formatTargets(results: readonly TargetResult[]): string {
  const table = layOut(
    [
      { head: 'path', cell: ({ target }) => target.path, isText: true },
      { head: 'of', cell: ({ target }) => target.measure, isText: true },
      {
        head: 'figure',
        cell: ({ target, outcome }) => ('skipped' in outcome ? '–' : quantity(outcome.figure, target)),
      },
      { head: 'bar', cell: ({ target }) => `${SIGNS[target.sense]} ${quantity(target.bar, target)}` },
      { head: 'reached', cell: verdict, isText: true },
    ],
    results,
  );
  const skipped = results.flatMap(({ target, outcome }) =>
    'skipped' in outcome ? [`Skipped: ${target.path}. ${outcome.skipped}\n`] : [],
  );
  const count = results.filter(({ target, outcome }) => isReached(target, outcome)).length;
  return `${table}\n${skipped.join('')}${count} of ${results.length} targets reached\n`;
}

function verdict({ target, outcome }: TargetResult): string {
  if ('skipped' in outcome) return 'skipped';
  return isReached(target, outcome) ? 'yes' : 'no';
}

function quantity(value: number, { unit }: Bar): string {
  return `${fixed(value, unit === 'µs' ? 1 : 2)} ${unit}`;
}
