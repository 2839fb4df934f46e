/** The command line of the bench. */
import { parseArgs } from 'node:util';
import { DOOR_NAMES, type DoorName } from '../test/support/door-clients.js';
import { MODELS } from './models.js';
import { SCENARIO_NAMES, type ScenarioName } from './production/names.js';
import { ENCODINGS, type Encoding } from './requests.js';
import { RIVAL_NAMES, type RivalName } from './rivals/rivals.js';
import type { Endpoint } from './sides.js';

export interface Concurrency {
  /** As it was written. */
  readonly name: string;
  /** Over gRPC; over HTTP each request in flight has its own. */
  readonly connections: number;
  /** In all connections together. */
  readonly inFlight: number;
}

export interface BenchOptions {
  readonly preset: (typeof PRESETS)[number] | undefined;
  readonly doors: readonly DoorName[];
  readonly models: readonly string[];
  /** Rows of a request; undefined: each model's own. */
  readonly batches: readonly number[] | undefined;
  readonly encodings: readonly Encoding[];
  /** One table each. */
  readonly concurrencies: readonly Concurrency[];
  /** Requests a second of an open loop; undefined: closed loop. */
  readonly rate: number | undefined;
  /** Of one burst of load. */
  readonly durationSeconds: number;
  readonly rounds: number;
  readonly rivals: readonly RivalName[];
  /** Whether TF_SessionRun is also measured alone. */
  readonly withFloor: boolean;
  /** Servers that run already. */
  readonly targets: readonly Endpoint[];
  /** Of --preset production. */
  readonly scenarios: readonly ScenarioName[];
  /** For --preset production: as long as its bars say. */
  readonly long: boolean;
  /** Paths of files for the results; undefined: none. */
  readonly json: string | undefined;
  readonly html: string | undefined;
}

const MODEL_NAMES = Object.keys(MODELS);
const PRESETS = ['targets', 'tfserver', 'production', 'rows'] as const;
const FLOOR = 'floor';

export const HELP = `Measures tensorgate's doors beside other servers in the same run.

Usage: npm run bench -- [--option value ...]

  --door LIST          of ${DOOR_NAMES.join(', ')}, or none (default: all)
  --model LIST         of ${MODEL_NAMES.join(', ')} (default half_plus_two)
  --batch LIST         rows of a request (default: each model's own)
  --encoding LIST      of ${ENCODINGS.join(', ')}: how gRPC requests carry values (default tensor_content)
  --concurrency LIST   requests in flight, as N or as CONNECTIONSxSTREAMS (default 16); N over gRPC: one connection
  --rate N             open loop: N requests a second, latency counted from the time each was due (default: closed loop)
  --duration SECONDS   of each burst of load, a whole number (default 2)
  --rounds N           bursts for each server and door, taken in turns; the tables show medians (default 5)
  --rival LIST         of ${RIVAL_NAMES.join(', ')}, or none: servers that the bench starts itself (default cpp);
                       ${FLOOR} adds a line with what TF_SessionRun alone takes
  --target LIST        servers that run already and serve the models under their names: NAME=grpc://HOST:PORT, or with
                       rest:// or graphpipe://; #PID behind it, of a process on this machine, lets its CPU be counted
  --preset targets     measures the speed that the project promises; takes --rounds, --duration (default 1) and --json;
                       ends with status 0 only if all is reached
  --preset production  measures batching, devices, overload, first requests, memory and loads beside requests against the bars
                       of the project; takes --rounds, --duration (default 1), --json and --long; status as above
  --scenario LIST      with it: of ${SCENARIO_NAMES.join(', ')} (default: all)
  --long               with it: a burst of 30 s in place of 10, and 200 load cycles of three models in place of 60 of one
  --preset tfserver    the benchmark in the README of tfserver: seconds for 1600 requests of about 100 spectra, each door
  --preset rows        whether rows are proven independent, of models of full size and of those in test/models/rows, and what
                       the proof takes of their loads; writes bench/results/DATE-rows.md, too
  --json FILE          also writes all figures of all rounds to this file
  --html FILE          also writes a report with plots to this file
  --help               prints this text

Lists are written with commas. Load comes from h2load (Debian package nghttp2-client) and wrk, or from Node where they
are missing and for --rate: the tables say which. Server CPU is user and system time of the server's processes per right
answer. Answers are compared between all sides before anything is measured. Compare the lines of one run only. The large
models are made on demand by Python, into the user's cache folder.
`;

const OPTIONS = {
  preset: { type: 'string' },
  door: { type: 'string', default: DOOR_NAMES.join(',') },
  model: { type: 'string', default: 'half_plus_two' },
  batch: { type: 'string' },
  encoding: { type: 'string', default: 'tensor_content' },
  concurrency: { type: 'string', default: '16' },
  rate: { type: 'string' },
  duration: { type: 'string' },
  rounds: { type: 'string', default: '5' },
  rival: { type: 'string', default: 'cpp' },
  target: { type: 'string' },
  scenario: { type: 'string', default: SCENARIO_NAMES.join(',') },
  long: { type: 'boolean', default: false },
  json: { type: 'string' },
  html: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** Undefined if help is wanted. Throws an Error with a sentence for what it does not understand. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) return undefined;
  const preset = values.preset === undefined ? undefined : oneOf('preset', values.preset, PRESETS);
  const rivals = listOrNone('rival', values.rival, [...RIVAL_NAMES, FLOOR] as const);
  return {
    preset,
    doors: listOrNone('door', values.door, DOOR_NAMES),
    models: listOf('model', values.model, MODEL_NAMES),
    batches: values.batch?.split(',').map((text) => positive('batch', text)),
    encodings: listOf('encoding', values.encoding, ENCODINGS),
    concurrencies: values.concurrency.split(',').map(parseConcurrency),
    rate: values.rate === undefined ? undefined : positive('rate', values.rate),
    durationSeconds: positive('duration', values.duration ?? (preset === undefined ? '2' : '1')),
    rounds: positive('rounds', values.rounds),
    rivals: rivals.filter((name) => name !== FLOOR),
    withFloor: rivals.includes(FLOOR),
    targets: values.target?.split(',').map(parseTarget) ?? [],
    scenarios: listOf('scenario', values.scenario, SCENARIO_NAMES),
    long: values.long,
    json: values.json,
    html: values.html,
  };
}

function listOrNone<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  return text === 'none' ? [] : listOf(option, text, known);
}

function listOf<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  return text.split(',').map((word) => oneOf(option, word, known));
}

function oneOf<T extends string>(option: string, word: string, known: readonly T[]): T {
  const found = known.find((name) => name === word);
  if (found === undefined) throw new Error(`--${option} takes ${known.join(', ')}, not "${word}".`);
  return found;
}

function positive(option: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Error(`--${option} takes whole numbers from 1 on, not "${text}".`);
}

/** `16` or `2x8`. */
export function parseConcurrency(text: string): Concurrency {
  const [first = '', second, ...others] = text.split('x');
  if (others.length > 0) throw new Error(`--concurrency takes numbers or pairs such as 2x8, not "${text}".`);
  const [connections, streams] = second === undefined ? ['1', first] : [first, second];
  const count = positive('concurrency', connections);
  return { name: text, connections: count, inFlight: count * positive('concurrency', streams) };
}

const TARGET = /^([^=]+)=(grpc|rest|graphpipe):\/\/(\[[^\]]+\]|[^:/]+):(\d{1,5})\/?(?:#(\d+))?$/;

function parseTarget(text: string): Endpoint {
  const [, server, door, host, port, pid] = TARGET.exec(text) ?? [];
  if (server === undefined || host === undefined) {
    throw new Error(`--target takes NAME=grpc://HOST:PORT, NAME=rest://… or NAME=graphpipe://…, not "${text}".`);
  }
  return { server, door: door as DoorName, host, port: Number(port), pid: pid === undefined ? undefined : Number(pid) };
}
