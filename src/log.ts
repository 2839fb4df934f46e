/**
 * The server's log: one line per event on stderr, `2026-01-31T12:00:00.000Z I message key=value`. A leaf module: whoever
 * imports it gets the one log of its thread. A line that cannot be written is counted (standard-streams.ts). The level is the
 * thread's own; a worker is told its level when it starts.
 */
import { writeTo } from './standard-streams.js';

/** From the most talkative to the most silent. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Written behind the message in this order as ` key=value`; undefined values are left out. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

const SEVERITY: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const LETTER: Record<LogLevel, string> = { debug: 'D', info: 'I', warn: 'W', error: 'E' };

/** What may stand bare behind `key=`; anything else is written as a JSON string. */
const BARE_VALUE = /^[^\s"=\p{Cc}]+$/u;
const CONTROL_CHARACTERS = /\p{Cc}/gu;

let threshold = SEVERITY.info;

/** Events below this level are dropped from now on. The level at start is `info`. */
export function setLogLevel(level: LogLevel): void {
  threshold = SEVERITY[level];
}

/** For callers that would have to compute something before they can log it. */
export function isLogEnabled(level: LogLevel): boolean {
  return SEVERITY[level] >= threshold;
}

export const log = {
  debug(message: string, fields?: LogFields): void {
    write('debug', message, fields);
  },
  info(message: string, fields?: LogFields): void {
    write('info', message, fields);
  },
  warn(message: string, fields?: LogFields): void {
    write('warn', message, fields);
  },
  error(message: string, fields?: LogFields): void {
    write('error', message, fields);
  },
};

function write(level: LogLevel, message: string, fields: LogFields | undefined): void {
  if (SEVERITY[level] < threshold) return;
  writeTo('stderr', formatLogLine(new Date(), level, message, fields));
}

/** One line with its line feed. Control characters are escaped: what a client sent cannot forge a second line. */
export function formatLogLine(time: Date, level: LogLevel, message: string, fields: LogFields = {}): string {
  let line = `${time.toISOString()} ${LETTER[level]} ${message.replace(CONTROL_CHARACTERS, escapeControl)}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${key}=${formatValue(String(value))}`;
  }
  return `${line}\n`;
}

function formatValue(text: string): string {
  return BARE_VALUE.test(text) ? text : JSON.stringify(text).replace(CONTROL_CHARACTERS, escapeControl);
}

function escapeControl(character: string): string {
  return character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
