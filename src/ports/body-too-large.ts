import { Code, ServingError } from '../errors.js';

/** RESOURCE_EXHAUSTED as the others, yet HTTP has a status of its own for it: 413. */
export class BodyTooLargeError extends ServingError {
  constructor(message: string) {
    super(Code.RESOURCE_EXHAUSTED, message);
  }
}

/** `form`: which of the two lengths of a packed body passes its limit. */
export function bodyTooLarge(maxBodyBytes: number, form: 'sent' | 'unpacked' = 'sent'): BodyTooLargeError {
  const is = form === 'sent' ? 'is' : 'is, unpacked,';
  const flags = form === 'sent' ? '--max_request_bytes' : '--max_unpacked_request_bytes (and --max_request_bytes)';
  return new BodyTooLargeError(
    `The request body ${is} longer than ${maxBodyBytes} bytes, the most that this server accepts; send less at a time, ` +
      `or start the server with a larger ${flags}.`,
  );
}
