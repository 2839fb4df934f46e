/** The command line of `tensorgate tune`. */
import { parseArgs } from 'node:util';
import { invalidArgument } from '../errors.js';

export const TUNE_USAGE = `Usage: tensorgate tune DIR [flags]

Tries settings of threads and of batching on the SavedModel in DIR, or on the highest version in it: starts one server
after the other on this machine, loads it, and prints which settings are best and what they cost. Run it where the
model will be served, with nothing else at work.

  --requests=FILE      requests as REST has them, one document a line or a list of them, sent in turns:
                       {"signature_name": "…", "instances": […]} or "inputs" for predict,
                       {"method": "classify" or "regress", "examples": [{…}, …]} for those;
                       without it, a row of ones in the shapes that the model declares
  --in_flight=N,...    requests in flight, ascending, default 1,8,64
  --seconds=S          of load for each of them and each of the settings in each round, default 1
  --rounds=N           rounds, of which the tables show medians, default 3
  --max_p99_ms=N       the best throughput is looked for where 99 % of the answers take no longer than this
  --enable_batching=true
                       also tries ways of batching where rows are declared and not proven to be independent
  --html=FILE          also writes a report with plots to this file
`;

export interface TuneOptions {
  readonly directory: string;
  readonly requests: string | undefined;
  readonly inFlight: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  /** Infinity: no limit. */
  readonly maxP99Micros: number;
  /** Whether declared shapes are trusted, as by the server's --enable_batching=true. */
  readonly trustsShapes: boolean;
  readonly html: string | undefined;
}

const OPTIONS = {
  requests: { type: 'string' },
  in_flight: { type: 'string', default: '1,8,64' },
  seconds: { type: 'string', default: '1' },
  rounds: { type: 'string', default: '3' },
  max_p99_ms: { type: 'string' },
  enable_batching: { type: 'string', default: 'auto' },
  html: { type: 'string' },
} as const;

const MOST_IN_FLIGHT = 10_000;
const MOST_SECONDS = 600;
const MOST_ROUNDS = 100;

/** Throws INVALID_ARGUMENT with the usage. */
export function parseTuneOptions(args: readonly string[]): TuneOptions {
  const { values, positionals } = parse(args);
  const [directory, ...rest] = positionals;
  if (directory === undefined || rest.length > 0) throw misuse('One folder is needed.');
  const inFlight = values.in_flight.split(',').map((text) => wholeNumber('in_flight', text, MOST_IN_FLIGHT));
  if (inFlight.some((count, i) => count <= (inFlight[i - 1] ?? 0)))
    throw misuse('--in_flight must ascend, as in 1,8,64.');
  return {
    directory,
    requests: values.requests,
    inFlight,
    seconds: positive('seconds', values.seconds, MOST_SECONDS),
    rounds: wholeNumber('rounds', values.rounds, MOST_ROUNDS),
    maxP99Micros:
      values.max_p99_ms === undefined
        ? Number.POSITIVE_INFINITY
        : positive('max_p99_ms', values.max_p99_ms, 1e9) * 1000,
    trustsShapes: trustsShapes(values.enable_batching),
    html: values.html,
  };
}

function trustsShapes(text: string): boolean {
  if (text === 'auto' || text === 'true') return text === 'true';
  throw misuse(`--enable_batching takes auto, the default, or true, not "${text}".`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw misuse((error as Error).message);
  }
}

function wholeNumber(name: string, text: string, most: number): number {
  const value = positive(name, text, most);
  if (Number.isInteger(value)) return value;
  throw misuse(`--${name} takes whole numbers, not ${text}.`);
}

function positive(name: string, text: string, most: number): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= most) return value;
  throw misuse(`--${name} takes numbers above 0 and up to ${most}, not "${text}".`);
}

function misuse(text: string) {
  return invalidArgument(`${text}\n${TUNE_USAGE}`);
}
