/** What the scenarios of `--preset production` have in common. */
import { FLAGS } from '../../src/flags/flags.js';
import type { TrialOptions } from '../target-trials.js';
import type { Bar } from '../targets.js';
import type { TargetResult } from '../targets-table.js';

export interface ScenarioOptions extends TrialOptions {
  /** As long as the bars say: a burst of 30 s, 200 load cycles of three models. */
  readonly long: boolean;
}

export interface ScenarioResult {
  readonly results: readonly TargetResult[];
  /** Sentences on how the figures came about. */
  readonly notes: readonly string[];
}

export interface Scenario {
  /** Lines of the table, all of which are skipped if run() rejects. */
  readonly bars: readonly Bar[];
  run(options: ScenarioOptions): Promise<ScenarioResult>;
}

export const atMost = (bar: number, unit: Bar['unit'] = '×') => ({ bar, unit, sense: 'at most' }) as const;
export const atLeast = (bar: number, unit: Bar['unit'] = '×') => ({ bar, unit, sense: 'at least' }) as const;

/** Rejects with a sentence if this server has no such flag. */
export function requireFlag(wanted: string): void {
  const names: readonly string[] = FLAGS.map(({ name }) => name);
  if (!names.includes(wanted)) throw new Error(`This server has no --${wanted}.`);
}
