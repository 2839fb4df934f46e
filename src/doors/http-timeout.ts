/** How long a client over HTTP waits for its answer: `x-request-timeout-ms: 250`, or `grpc-timeout: 250m` as gRPC writes it. */
import { invalidArgument } from '../errors.js';
import type { HttpExchange } from './http-handler.js';

/** For HttpOptions.keepHeaders. */
export const TIMEOUT_HEADERS = ['x-request-timeout-ms', 'grpc-timeout'] as const;
const [MILLIS_HEADER, GRPC_HEADER] = TIMEOUT_HEADERS;

const MILLIS = /^\d{1,15}$/;
/** TimeoutValue and TimeoutUnit of "gRPC over HTTP2" (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
const GRPC = /^(\d{1,8})([HMSmun])$/;
const UNIT_MILLIS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Milliseconds since the epoch after which the answer is not wanted any more: what the client allows from now on, but no more
 * than the server's own limit; Infinity for neither. Throws INVALID_ARGUMENT for a header that says no time.
 */
export function deadlineOf(exchange: HttpExchange, limitMillis: number): number {
  const millis = exchange.header(MILLIS_HEADER);
  const grpc = exchange.header(GRPC_HEADER);
  const allowed =
    millis === '' && grpc === '' ? limitMillis : Math.min(parseMillis(millis), parseGrpc(grpc), limitMillis);
  return allowed === Number.POSITIVE_INFINITY ? allowed : Date.now() + allowed;
}

function parseMillis(text: string): number {
  if (text === '') return Number.POSITIVE_INFINITY;
  const millis = Number(text);
  if (!MILLIS.test(text) || millis === 0)
    throw refused(MILLIS_HEADER, text, 'Give it a whole number of milliseconds, at least 1, such as 250.');
  return millis;
}

function parseGrpc(text: string): number {
  if (text === '') return Number.POSITIVE_INFINITY;
  const [, value, unit] = GRPC.exec(text) ?? [];
  if (value === undefined || unit === undefined)
    throw refused(
      GRPC_HEADER,
      text,
      'Give it up to eight digits and a unit, H, M, S, m, u or n, such as 250m for 250 ms.',
    );
  return Number(value) * (UNIT_MILLIS[unit] as number);
}

function refused(header: string, text: string, remedy: string) {
  return invalidArgument(`The header ${header} cannot be ${JSON.stringify(text.slice(0, 100))}. ${remedy}`);
}
