/**
 * The command line: one table of all flags, and its parser. Names and grammar are tensorflow_model_server's, so that its
 * start scripts carry over: `--name=value`, `-name=value` or `--name value`; a boolean may stand bare.
 */
import { invalidArgument, type ServingError } from './errors.js';
import { LOG_LEVELS } from './log.js';
import { nearest } from './nearest.js';

interface FlagBase {
  /** As on the command line, without dashes. */
  readonly name: string;
  readonly group: 'Model' | 'Doors' | 'Execution' | 'Operation';
  /** One line. Says the meaning of values that do not speak for themselves; the default is printed behind it. */
  readonly help: string;
}

interface IntFlag extends FlagBase {
  readonly type: 'int';
  readonly default: number;
  /** In the plural, e.g. `seconds`. */
  readonly unit: string;
  readonly min: number;
  readonly max: number;
}

interface BoolFlag extends FlagBase {
  readonly type: 'bool';
  readonly default: boolean;
}

interface StringFlag extends FlagBase {
  readonly type: 'string';
  readonly default: string;
  /** What the value is, e.g. `DIR`. */
  readonly unit: string;
}

interface ChoiceFlag extends FlagBase {
  readonly type: 'choice';
  readonly default: string;
  readonly choices: readonly string[];
}

export type Flag = IntFlag | BoolFlag | StringFlag | ChoiceFlag;

const MAX_INT32 = 2 ** 31 - 1;
const PORT = { type: 'int', unit: 'port', min: 0, max: 65535 } as const;
const THREADS = { type: 'int', unit: 'threads', min: 0, max: 4096 } as const;
const MILLIS = { type: 'int', unit: 'milliseconds', min: -MAX_INT32, max: MAX_INT32 } as const;
const SECONDS = { type: 'int', unit: 'seconds', min: 0, max: 86400 } as const;

// biome-ignore format: a table, one flag a paragraph
export const FLAGS = [
  { name: 'model_base_path', group: 'Model', type: 'string', unit: 'DIR', default: '',
    help: 'Base folder of the model: one sub-folder per version, named by its number. Empty: the bundled example model.' },
  { name: 'model_name', group: 'Model', type: 'string', unit: 'NAME', default: 'default',
    help: 'Name under which clients ask for the model.' },
  { name: 'graphpipe_model', group: 'Model', type: 'string', unit: 'NAME', default: '',
    help: 'Model served to GraphPipe clients, who cannot name one. Empty: the one of --model_name.' },
  { name: 'saved_model_tags', group: 'Model', type: 'string', unit: 'TAG,...', default: 'serve',
    help: 'Tags of the meta graph to load from the SavedModel, all of them and no others.' },
  { name: 'model_config_file', group: 'Model', type: 'string', unit: 'FILE', default: '',
    help: 'Text proto ModelServerConfig with the models to serve; --model_name and --model_base_path are then not looked at.' },
  { name: 'model_config_file_poll_wait_seconds', group: 'Model', ...SECONDS, default: 0,
    help: 'Wait between two looks into --model_config_file, which is put in force when it has changed; 0 reads it once.' },
  { name: 'file_system_poll_wait_seconds', group: 'Model', ...SECONDS, min: -86400, default: 1,
    help: 'Wait between two looks into the base folders for new versions; 0 looks once, at start; negative: never.' },
  { name: 'aspired_version_policy', group: 'Model', type: 'choice',
    choices: ['availability_preserving', 'resource_preserving'], default: 'availability_preserving',
    help: 'Whether a new version is loaded before the old one is dropped, or after, which saves memory.' },
  { name: 'max_num_load_retries', group: 'Model', type: 'int', unit: 'tries', min: 0, max: MAX_INT32, default: 5,
    help: 'Tries to load a version after the first one has failed.' },
  { name: 'load_retry_interval_micros', group: 'Model', type: 'int', unit: 'microseconds',
    min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, default: 60_000_000,
    help: 'Wait between those tries; 0 or less: none.' },
  { name: 'allow_version_labels_for_unavailable_models', group: 'Model', type: 'bool', default: false,
    help: 'A label may be given to a version that is not loaded yet, unless the label points to another one.' },
  { name: 'strict', group: 'Model', type: 'bool', default: false,
    help: 'Do not start unless every model is available, as tensorflow_model_server does.' },
  { name: 'enable_signature_method_name_check', group: 'Model', type: 'bool', default: false,
    help: "Insist that a signature's method name is the one of the call: predict, classify or regress." },

  { name: 'host', group: 'Doors', type: 'string', unit: 'ADDRESS', default: '0.0.0.0',
    help: 'Address that all doors listen on; 127.0.0.1 lets in nobody from outside.' },
  { name: 'port', group: 'Doors', ...PORT, default: 8500,
    help: "TensorFlow Serving's gRPC API; 0 turns it off." },
  { name: 'rest_api_port', group: 'Doors', ...PORT, default: 8501,
    help: "TensorFlow Serving's REST API; 0 turns it off." },
  { name: 'graphpipe_port', group: 'Doors', ...PORT, default: 9000,
    help: 'GraphPipe over HTTP; 0 turns it off.' },
  { name: 'rest_api_timeout_in_ms', group: 'Doors', ...MILLIS, default: 30000,
    help: 'Time limit of a request that came in over REST or GraphPipe; 0 or less is none.' },
  { name: 'rest_api_enable_cors_support', group: 'Doors', type: 'bool', default: false,
    help: 'Let pages from any origin read REST answers: each gets Access-Control-Allow-* headers.' },
  { name: 'max_unpacked_request_bytes', group: 'Doors', type: 'int', unit: 'bytes', min: 1, max: MAX_INT32,
    default: 512 * 1024 * 1024,
    help: 'Longest REST body that one packed with gzip may unpack to; never more than --max_request_bytes.' },
  { name: 'max_request_bytes', group: 'Doors', type: 'int', unit: 'bytes', min: 1, max: MAX_INT32,
    default: MAX_INT32,
    help: 'Longest request body that any door accepts.' },

  { name: 'num_workers', group: 'Execution', ...THREADS, default: 0,
    help: 'Worker threads for each device, each running one batch at a time; 0 takes the number from the cores.' },
  { name: 'enable_batching', group: 'Execution', type: 'bool', default: true,
    help: 'Requests that wait for a worker share a run, where inputs and outputs are declared as rows. Nothing waits to be joined.' },
  { name: 'tensorflow_session_parallelism', group: 'Execution', ...THREADS, default: 0,
    help: "Threads of TensorFlow's intra-op and inter-op pools alike; 0 is automatic." },
  { name: 'tensorflow_intra_op_parallelism', group: 'Execution', ...THREADS, default: 0,
    help: 'Threads that share the work of one operation; 0 follows --tensorflow_session_parallelism.' },
  { name: 'tensorflow_inter_op_parallelism', group: 'Execution', ...THREADS, default: 0,
    help: 'Threads that run operations side by side; 0 follows --tensorflow_session_parallelism.' },
  { name: 'libtensorflow_dir', group: 'Execution', type: 'string', unit: 'DIR', default: '',
    help: 'Folder with libtensorflow_cc.so.2 or libtensorflow.so.2. Empty: found as the installation does.' },

  { name: 'drain_timeout_seconds', group: 'Operation', ...SECONDS, default: 30,
    help: 'Time that requests under way get to finish when the server is told to stop.' },
  { name: 'log_level', group: 'Operation', type: 'choice', choices: LOG_LEVELS, default: 'info',
    help: 'Least severe events to log, on stderr.' },
  { name: 'version', group: 'Operation', type: 'bool', default: false,
    help: 'Print the versions of the server and of TensorFlow, and end.' },
  { name: 'help', group: 'Operation', type: 'bool', default: false,
    help: 'Print this text, and end.' },
] as const satisfies readonly Flag[];

type Row = (typeof FLAGS)[number];
export type FlagName = Row['name'];

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

type ValueOf<F extends Flag> = F extends { type: 'int' }
  ? number
  : F extends { type: 'bool' }
    ? boolean
    : F extends { type: 'choice'; choices: readonly (infer Choice)[] }
      ? Choice
      : string;

/** Values of all flags, given or default: `--rest_api_port` is `restApiPort`. */
export type Flags = { readonly [F in Row as CamelCase<F['name']>]: ValueOf<F> };

export interface CommandLine {
  readonly flags: Flags;
  /** The flags that stood on the command line, whatever their value. */
  readonly given: ReadonlySet<FlagName>;
}

const BY_NAME = new Map<string, Flag>(FLAGS.map((flag) => [flag.name, flag]));

/**
 * Parses the arguments behind the program's name. Of a flag that is given twice the last one counts. Throws
 * INVALID_ARGUMENT for an unknown flag, a value of the wrong kind, a missing value, or an argument that is no flag.
 */
export function parseFlags(args: readonly string[]): CommandLine {
  const values = new Map<string, string | number | boolean>(FLAGS.map((flag) => [flag.name, flag.default]));
  const given = new Set<FlagName>();
  for (let i = 0; i < args.length; ) {
    const { flag, text, taken } = parseArgument(args, i);
    values.set(flag.name, parseValue(flag, text));
    given.add(flag.name as FlagName);
    i += taken;
  }
  const flags = Object.fromEntries([...values].map(([name, value]) => [camelCase(name), value]));
  return { flags: flags as unknown as Flags, given };
}

/** The flag at args[index], the text of its value, and how many arguments that took. */
function parseArgument(args: readonly string[], index: number): { flag: Flag; text: string; taken: number } {
  const [, name, inline] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(args[index] as string) ?? [];
  if (name === undefined) throw notAFlag(args[index] as string);
  const flag = BY_NAME.get(name);
  if (flag === undefined) throw unknownFlag(name);
  if (inline !== undefined) return { flag, text: inline, taken: 1 };
  const next = args[index + 1];
  if (flag.type === 'bool') {
    return next !== undefined && BOOLEANS.has(next) ? { flag, text: next, taken: 2 } : { flag, text: 'true', taken: 1 };
  }
  if (next === undefined || /^--?[a-z]/.test(next)) throw missingValue(flag);
  return { flag, text: next, taken: 2 };
}

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

function parseValue(flag: Flag, text: string): string | number | boolean {
  switch (flag.type) {
    case 'int':
      return parseInteger(flag, text);
    case 'bool':
      return BOOLEANS.get(text) ?? refuse(flag, text, 'true, false, 1 or 0');
    case 'choice':
      return flag.choices.includes(text) ? text : refuse(flag, text, `one of ${flag.choices.join(', ')}`);
    case 'string':
      return text;
  }
}

function parseInteger(flag: IntFlag, text: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= flag.min && value <= flag.max) return value;
  return refuse(flag, text, `a whole number from ${flag.min} to ${flag.max}`);
}

function refuse(flag: Flag, text: string, expected: string): never {
  throw invalidArgument(
    `Flag --${flag.name} cannot be "${text}". Give it ${expected}, as in --${flag.name}=${flag.default}.`,
  );
}

function missingValue(flag: Flag): ServingError {
  return invalidArgument(`Flag --${flag.name} needs a value. Write it as --${flag.name}=${example(flag)}.`);
}

function example(flag: Flag): string {
  return flag.type === 'string' && flag.default === '' ? flag.unit : String(flag.default);
}

function unknownFlag(name: string): ServingError {
  return invalidArgument(
    `Unknown flag --${name}. Did you mean --${nearest(name, BY_NAME.keys())}? --help lists all flags.`,
  );
}

function notAFlag(argument: string): ServingError {
  return invalidArgument(`Argument "${argument}" is no flag. Flags are written --name=value; --help lists them.`);
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
