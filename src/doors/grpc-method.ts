/** What a gRPC method is to its listener: bytes in, bytes out; decoding is the method's own. */
import { Code, resourceExhausted, ServingError } from '../errors.js';
import type { Unpacker } from '../ports/unpacker.js';
import type { Cancellation } from '../tensor/predict-request.js';
import type { Door } from './door.js';

export interface CallContext {
  /** Milliseconds since the epoch after which the client does not wait any more; Infinity for none. */
  readonly deadlineMillis: number;
  /** Cancelled when the client goes away, or its deadline passes, before the answer. */
  readonly cancellation: Cancellation;
  /** The metadata x-priority, of at most six bytes (a longer one is as `?`); default: none. */
  readonly priority?: string;
}

export interface UnaryCall extends CallContext {
  /** The answer, once; its bytes have been copied on return. In vain, but no error, once the call is over. */
  reply(message: Uint8Array): void;
}

/** How a call ends; the codes are gRPC's, which ServingError has too. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  /** Told the client as grpc-retry-pushback-ms (gRFC A6): how long it had better wait before it tries again. */
  readonly retryMillis?: number;
}

/**
 * Replies once, or throws or rejects with what becomes the call's status. The request's memory is lent: until the method
 * returns, or returns its promise.
 */
export type UnaryMethod = (request: Uint8Array, call: UnaryCall) => void | Promise<void>;

/** A method that makes its whole answer first. It has read the request's memory when it returns its promise. */
export type AnsweringMethod = (request: Uint8Array, context: CallContext) => Promise<Uint8Array>;

/** Answers of a method that has several. The stream ends by itself, UNAVAILABLE, when the listener drains. */
export interface ReplyStream {
  send(message: Uint8Array): void;
  /** Ends the call: with OK, or with the status of the error. */
  end(error?: unknown): void;
}

/** One request, many answers. What it throws ends the call. Context: the cancellation comes at any end of the call. */
export type ServerStreamMethod = (request: Uint8Array, replies: ReplyStream, context: CallContext) => void;

/** Many requests, each answered by one message. What it throws ends the call. */
export type DialogueMethod = (request: Uint8Array) => Uint8Array;

/** PEM texts. */
export interface GrpcTls {
  readonly key: string;
  readonly certificate: string;
  /** What client certificates are checked against; undefined: the certificate authorities that Node knows. */
  readonly authorities: string | undefined;
  /** Whether clients must show a certificate. */
  readonly verifyClients: boolean;
}

export interface GrpcListenerOptions {
  readonly host: string;
  /** 0: any free port; undefined: no TCP. */
  readonly port?: number | undefined;
  /** Unix socket to listen on too; empty, which is the default: none. */
  readonly socketPath?: string;
  /**
   * Settings of the transport by gRPC's names: `grpc.max_connection_age_ms`, `grpc.max_connection_age_grace_ms`,
   * `grpc.max_connection_idle_ms`, `grpc.server_handshake_timeout_ms`. Others do no harm.
   */
  readonly channelArguments?: Readonly<Record<string, number | string>>;
  /** How long a request that has begun may stand still, in milliseconds; default 120000. Of the native transport. */
  readonly stallMillis?: number;
  /** Default: plain text. */
  readonly tls?: GrpcTls | undefined;
  /** Longest request message accepted, after decompression. Default: 2^31 - 1, the most that protobuf can hold. */
  readonly maxMessageBytes?: number;
  /** Default: one of its own, without a memory budget. Of the native transport. */
  readonly unpacker?: Unpacker;
  /** Maps whatever a method threw. */
  readonly toStatus: (thrown: unknown) => GrpcStatus;
}

/** Register all methods before listen(). Paths are `/package.Service/Method`; a path can be registered once. */
export interface GrpcListener extends Door {
  register(path: string, method: UnaryMethod): void;
  registerServerStream(path: string, method: ServerStreamMethod): void;
  registerDialogue(path: string, method: DialogueMethod): void;
}

export const DEFAULT_MAX_MESSAGE_BYTES = 2 ** 31 - 1;

/** How long a drain waits, once no call runs, for clients to close and for calls that are on their way. */
export const IDLE_GRACE_MILLIS = 1000;

export function messageTooLong(maxMessageBytes: number): ServingError {
  return resourceExhausted(
    `The request message is longer than ${maxMessageBytes} bytes. ` +
      'Send smaller batches, or raise the limit with --max_request_bytes.',
  );
}

export function stopping(): ServingError {
  return new ServingError(Code.UNAVAILABLE, 'The server is stopping.');
}

export function registeredTwice(path: string): ServingError {
  return new ServingError(Code.INTERNAL, `The gRPC method ${path} is registered twice.`);
}

/** `host:port`. */
export function formatAddress(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export function beingClosed(address: string): ServingError {
  return new ServingError(Code.UNAVAILABLE, `The gRPC door at ${address} is being closed.`);
}

export function cannotBind(address: string, cause: Error): ServingError {
  const reason = /EADDRINUSE|already in use/.test(cause.message)
    ? 'another process listens there already. Stop it, or choose another port with --port'
    : `${cause.message}. Check that the host is an address of this machine and that the port may be opened`;
  return new ServingError(Code.UNAVAILABLE, `The gRPC door cannot listen at ${address}: ${reason}.`, { cause });
}
