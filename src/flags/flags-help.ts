import { FLAGS, type Flag } from './flags.js';

const WIDTH = 100;
/** Where the help of a flag begins. */
const HELP_COLUMN = 44;
const NO_BREAK_SPACE = '\u00a0';

const HEAD = `tensorgate serves TensorFlow models over gRPC and REST (TensorFlow Serving's APIs) and GraphPipe.

Usage:
  tensorgate [--flag=value ...]    serves until it is told to stop (SIGTERM or SIGINT)
  tensorgate inspect DIR           prints signatures and shapes of the SavedModel in DIR
  tensorgate record-warmup DIR     writes warm-up requests beside the SavedModel in DIR (--help)
  tensorgate tune DIR              finds settings that suit the SavedModel in DIR (--help)

Flags may be written --name=value, -name=value or --name value; booleans may stand bare, and are
off where no default is given.
`;

/** What --help prints: usage, then the flags by group, at most 100 columns wide. Ends with a line feed. */
export function formatHelp(): string {
  const groups = new Map<string, Flag[]>();
  for (const flag of FLAGS) groups.set(flag.group, [...(groups.get(flag.group) ?? []), flag]);
  return HEAD + [...groups].map(([group, flags]) => `\n${group}:\n${flags.map(formatFlag).join('')}`).join('');
}

function formatFlag(flag: Flag): string {
  const left = `  --${flag.name}${placeholder(flag)}`;
  const lines = wrap(`${flag.help}${formatDefault(flag)}`, WIDTH - HELP_COLUMN);
  const text = lines.map((line) => `${''.padEnd(HELP_COLUMN)}${line}\n`).join('');
  // A long name has a line of its own.
  return left.length < HELP_COLUMN ? left + text.slice(left.length) : `${left}\n${text}`;
}

function placeholder(flag: Flag): string {
  switch (flag.type) {
    case 'bool':
      return '';
    case 'choice':
      return `=${flag.choices.join('|')}`;
    case 'string':
      return `=${flag.unit}`;
    case 'int':
    case 'float':
      return `=${flag.unit.toUpperCase()}`;
  }
}

/** Kept on one line by a no-break space, which wrap() turns back. */
function formatDefault(flag: Flag): string {
  if (flag.default === false || flag.default === '') return '';
  return ` (default${NO_BREAK_SPACE}${flag.default})`;
}

/** Breaks between words so that no line is longer than `width`, unless a single word is. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => line.replaceAll(NO_BREAK_SPACE, ' '));
}
