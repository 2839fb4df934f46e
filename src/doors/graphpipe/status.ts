/**
 * Errors as GraphPipe's clients get them: the message as plain text. GraphPipe's own server answers 400 to all that a
 * client caused (unknown names too), so only what asks for another reaction of the client has a status of its own.
 */
import { Code, type ServingError, toServingError } from '../../errors.js';
import { BodyTooLargeError } from '../../ports/body-too-large.js';
import { type HttpExchange, retryAfterHeaders } from '../http.js';

export const TEXT = 'text/plain; charset=utf-8';

const HTTP_STATUS: Record<Code, number> = {
  [Code.OK]: 200,
  // Seen by nobody: the client has gone.
  [Code.CANCELLED]: 499,
  [Code.UNKNOWN]: 500,
  [Code.INVALID_ARGUMENT]: 400,
  [Code.DEADLINE_EXCEEDED]: 504,
  [Code.NOT_FOUND]: 400,
  [Code.ALREADY_EXISTS]: 400,
  [Code.PERMISSION_DENIED]: 403,
  [Code.RESOURCE_EXHAUSTED]: 429,
  [Code.FAILED_PRECONDITION]: 400,
  [Code.ABORTED]: 500,
  [Code.OUT_OF_RANGE]: 400,
  [Code.UNIMPLEMENTED]: 501,
  [Code.INTERNAL]: 500,
  [Code.UNAVAILABLE]: 503,
  [Code.DATA_LOSS]: 500,
  [Code.UNAUTHENTICATED]: 401,
};

/** The HTTP status of an error; a body that is too long is told apart from a server that has too much to do. */
export function httpStatus(error: ServingError): number {
  return error instanceof BodyTooLargeError ? 413 : HTTP_STATUS[error.code];
}

/** Answers with an error, whatever was thrown. */
export function replyError(exchange: HttpExchange, thrown: unknown): void {
  const error = toServingError(thrown);
  exchange.reply(httpStatus(error), TEXT, error.message, retryAfterHeaders(error));
}
