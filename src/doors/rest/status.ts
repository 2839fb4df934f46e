/** gRPC's canonical codes as the HTTP statuses that TF Serving's REST API gives them. */
import { Code, type ServingError } from '../../errors.js';
import { BodyTooLargeError } from '../../ports/body-too-large.js';

const INTERNAL_SERVER_ERROR = 500;

/** Codes that are not here (UNKNOWN, INTERNAL, DATA_LOSS) are 500. */
const HTTP_STATUS: Partial<Record<Code, number>> = {
  [Code.OK]: 200,
  [Code.CANCELLED]: 499,
  [Code.INVALID_ARGUMENT]: 400,
  [Code.DEADLINE_EXCEEDED]: 504,
  [Code.NOT_FOUND]: 404,
  [Code.ALREADY_EXISTS]: 409,
  [Code.PERMISSION_DENIED]: 403,
  [Code.RESOURCE_EXHAUSTED]: 429,
  [Code.FAILED_PRECONDITION]: 400,
  [Code.ABORTED]: 409,
  [Code.OUT_OF_RANGE]: 400,
  [Code.UNIMPLEMENTED]: 501,
  [Code.UNAVAILABLE]: 503,
  [Code.UNAUTHENTICATED]: 401,
};

/** The HTTP status of an error; 413 for a body that is too long, since 429 would have clients send it again. */
export function httpStatusOf(error: ServingError): number {
  if (error instanceof BodyTooLargeError) return 413;
  return HTTP_STATUS[error.code] ?? INTERNAL_SERVER_ERROR;
}
