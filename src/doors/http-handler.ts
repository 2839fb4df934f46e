/** What the HTTP listener and a door's handler promise each other. */
import type { Cancellation } from '../tensor/predict-request.js';

/** One HTTP request and the way to answer it. */
export interface HttpExchange {
  /** As it stands in the request line, which is upper case for all methods there are. */
  readonly method: string;
  /** The raw path as it stood in the request line, without the query string. */
  readonly path: string;
  /** The raw query string without `?`; empty if there was none. */
  readonly query: string;
  /** Cancelled when the client goes away before the answer. */
  readonly cancellation: Cancellation;
  /** One of the request headers that the listener was told to keep (`HttpOptions.keepHeaders`); '' if absent. */
  header(name: string): string;
  /**
   * Sends the whole answer, corked; does nothing if the client has gone or an answer was given before. To HEAD only the
   * headers are sent. No Content-Type is sent where `contentType` is empty. `body` is copied or sent before reply() returns:
   * the caller may reuse its memory.
   */
  reply(
    status: number,
    contentType: string,
    body: Uint8Array | string,
    extraHeaders?: readonly [string, string][],
  ): void;
}

/**
 * Handles one request, whatever its method. `body` is borrowed: valid until the handler returns, which for a promise means
 * until its first `await` (it may be the network's own buffer, which is then taken away); empty if there was none. A
 * handler that throws, or returns a promise that rejects, makes the listener call `onError`.
 */
export type HttpHandler = (exchange: HttpExchange, body: Uint8Array) => void | Promise<void>;

export interface HttpOptions {
  /** The door's name, for errors. */
  readonly name: string;
  /** Empty: all interfaces, by the IPv6 wildcard where the machine has IPv6, which takes in IPv4. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Longest body accepted; beyond it `onError` gets a BodyTooLargeError (to be answered with 413) as soon as it is known. */
  readonly maxBodyBytes: number;
  /** Lower-case names of the request headers that handlers ask for. */
  readonly keepHeaders: readonly string[];
  readonly handler: HttpHandler;
  /** Writes an error in the door's own form. */
  readonly onError: (exchange: HttpExchange, error: unknown) => void;
}
