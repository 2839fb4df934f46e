/** The command line of the bench. */
import { parseArgs } from 'node:util';
import { DOOR_NAMES, type DoorName } from '../test/support/door-clients.js';
import { MODELS } from './models.js';

export interface BenchOptions {
  readonly doors: readonly DoorName[];
  readonly models: readonly string[];
  /** Requests in flight, one table each. */
  readonly concurrencies: readonly number[];
  /** Of one burst of load. */
  readonly durationSeconds: number;
  readonly rounds: number;
  /** Path of a file for the results as JSON; undefined: none. */
  readonly json: string | undefined;
}

const MODEL_NAMES = Object.keys(MODELS);

export const HELP = `Measures tensorgate's doors beside a C++ gRPC server on the same libtensorflow, in the same run.

Usage: npm run bench -- [--option value ...]

  --door LIST          of ${DOOR_NAMES.join(', ')} (default: all)
  --model LIST         of ${MODEL_NAMES.join(', ')} (default half_plus_two)
  --concurrency LIST   requests in flight; gRPC: streams of one connection, HTTP: connections (default 16)
  --duration SECONDS   of each burst of load, a whole number (default 2)
  --rounds N           bursts for each server and door, taken in turns; the tables show medians (default 5)
  --json FILE          also writes all figures of all rounds to this file
  --help               prints this text

Lists are written with commas. Load comes from h2load (Debian package nghttp2-client) and wrk. Server CPU is user and
system time of the server's processes per right answer. Compare the lines of one run only.
`;

const OPTIONS = {
  door: { type: 'string', default: DOOR_NAMES.join(',') },
  model: { type: 'string', default: 'half_plus_two' },
  concurrency: { type: 'string', default: '16' },
  duration: { type: 'string', default: '2' },
  rounds: { type: 'string', default: '5' },
  json: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** Undefined if help is wanted. Throws an Error with a sentence for what it does not understand. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) return undefined;
  return {
    doors: listOf('door', values.door, DOOR_NAMES),
    models: listOf('model', values.model, MODEL_NAMES),
    concurrencies: values.concurrency.split(',').map((text) => positive('concurrency', text)),
    durationSeconds: positive('duration', values.duration),
    rounds: positive('rounds', values.rounds),
    json: values.json,
  };
}

function listOf<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  return text.split(',').map((word) => {
    const found = known.find((name) => name === word);
    if (found === undefined) throw new Error(`--${option} takes ${known.join(', ')}, not "${word}".`);
    return found;
  });
}

function positive(option: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Error(`--${option} takes whole numbers from 1 on, not "${text}".`);
}
