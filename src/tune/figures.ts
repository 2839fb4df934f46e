/** What is measured of settings, and its medians. */
import { median } from '../report/median.js';
import type { Settings } from './settings.js';

/** Of one burst of load, or medians of several. */
export interface Figures {
  readonly answersPerSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** Requests that were not answered with status 200. */
  readonly errors: number;
  /** CPU seconds of the load generator, which runs on the same machine, for each second. */
  readonly clientCores: number;
}

export interface Level extends Figures {
  readonly inFlight: number;
}

export interface Measured {
  readonly settings: Settings;
  /** By ascending numbers in flight. */
  readonly levels: readonly Level[];
}

/** Of each figure its median; of the errors, their number in all rounds. */
export function medianFigures(rounds: readonly Figures[]): Figures {
  const of = (name: keyof Figures) => median(rounds.map((round) => round[name]));
  return {
    answersPerSecond: of('answersPerSecond'),
    p50Micros: of('p50Micros'),
    p99Micros: of('p99Micros'),
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
    clientCores: of('clientCores'),
  };
}
