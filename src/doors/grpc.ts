/**
 * The shared gRPC listener on @grpc/grpc-js. A method takes and gives bytes, so that decoding is the method's own and
 * another transport could carry it.
 */
import * as grpc from '@grpc/grpc-js';
import { Code, resourceExhausted, ServingError } from '../errors.js';
import { Cancellation } from '../tensor/predict-request.js';
import type { Door } from './door.js';
import { takeOverSocket } from './grpc-socket.js';

export interface CallContext {
  /** Milliseconds since the epoch after which the client does not wait any more; Infinity for none. */
  readonly deadlineMillis: number;
  /** Cancelled when the client goes away, or its deadline passes, before the answer. */
  readonly cancellation: Cancellation;
}

/** How a call ends; the codes are gRPC's, which ServingError has too. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
}

/** Whatever it throws or rejects with becomes the call's status. The request's memory is the method's own. */
export type UnaryMethod = (request: Uint8Array, context: CallContext) => Promise<Uint8Array>;

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

export interface GrpcListenerOptions {
  readonly host: string;
  /** 0: any free port; undefined: no TCP. */
  readonly port?: number | undefined;
  /** Unix socket to listen on too; empty: none. */
  readonly socketPath?: string;
  /** Settings of the transport by gRPC's names; unknown ones do no harm. */
  readonly channelArguments?: Readonly<Record<string, number | string>>;
  /** Longest request message accepted, after decompression. Default: 2^31 - 1, the most that protobuf can hold. */
  readonly maxMessageBytes?: number;
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
const IDLE_GRACE_MILLIS = 1000;

export function createGrpcListener(options: GrpcListenerOptions): GrpcListener {
  return new GrpcJsListener(options);
}

const identity = (bytes: Buffer): Buffer => bytes;

class GrpcJsListener implements GrpcListener {
  readonly name = 'gRPC';
  readonly #options: GrpcListenerOptions;
  readonly #server: grpc.Server;
  /** Ends each stream that is open: they would hold up the drain for as long as their clients like. */
  readonly #openStreams = new Set<() => void>();
  /** Calls that are not over: from their headers until their answer, if there is one, has gone out entirely. */
  #running = 0;
  #draining = false;
  #drained: () => void = () => {};

  constructor(options: GrpcListenerOptions) {
    this.#options = options;
    const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    // grpc-js would write its own line about a port in use, beside the error that listen() rejects with.
    if (process.env.GRPC_VERBOSITY === undefined) grpc.setLogVerbosity(grpc.logVerbosity.NONE);
    // channelz must stay on: without it forceShutdown() of grpc-js 1.14 forgets the open connections.
    this.#server = new grpc.Server({
      ...options.channelArguments,
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': -1,
      interceptors: [(_method, call) => this.#count(explainTooLarge(call, maxMessageBytes))],
    });
  }

  register(path: string, method: UnaryMethod): void {
    this.#add(path, 'unary', (call: grpc.ServerUnaryCall<Buffer, Buffer>, respond: grpc.sendUnaryData<Buffer>) => {
      void answer(method, call, respond, this.#options.toStatus);
    });
  }

  registerServerStream(path: string, method: ServerStreamMethod): void {
    this.#add(path, 'serverStream', (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      const cancellation = new Cancellation();
      const end = this.#track(call, cancellation);
      const replies = { send: (message: Uint8Array) => void call.write(asBuffer(message)), end };
      try {
        method(call.request, replies, { deadlineMillis: deadlineMillisOf(call), cancellation });
      } catch (error) {
        end(error);
      }
    });
  }

  registerDialogue(path: string, method: DialogueMethod): void {
    this.#add(path, 'bidi', (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      const end = this.#track(call, new Cancellation());
      call.on('data', (request: Buffer) => {
        try {
          call.write(asBuffer(method(request)));
        } catch (error) {
          end(error);
        }
      });
      call.on('end', () => end());
    });
  }

  async listen(): Promise<number> {
    const { host, port, socketPath = '' } = this.#options;
    if (socketPath !== '') {
      takeOverSocket(socketPath);
      await this.#bind(`unix:${socketPath}`);
    }
    return port === undefined ? 0 : this.#bind(`${host.includes(':') ? `[${host}]` : host}:${port}`);
  }

  #bind(address: string): Promise<number> {
    if (this.#draining) throw new ServingError(Code.UNAVAILABLE, `The gRPC door at ${address} is being closed.`);
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(cannotBind(address, error));
      });
    });
  }

  drain(): Promise<void> {
    this.#draining = true;
    for (const end of this.#openStreams) end();
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#server.tryShutdown(() => resolve());
      this.#finishWhenIdle();
    });
  }

  close(): void {
    this.#draining = true;
    this.#server.forceShutdown();
  }

  /** Counts a call from its headers on, so that a drain waits for messages that are still coming in. */
  #count(call: grpc.ServerInterceptingCall): grpc.ServerInterceptingCall {
    const start = call.start.bind(call);
    call.start = (listener) => {
      this.#running++;
      const onCancel = listener.onCancel.bind(listener);
      // grpc-js reports every end of a call so, the good ones too.
      listener.onCancel = () => {
        this.#running--;
        this.#finishWhenIdle();
        onCancel();
      };
      start(listener);
    };
    return call;
  }

  /** A client that does not close its side of an idle connection would hold up tryShutdown() for ever. */
  #finishWhenIdle(): void {
    if (!this.#draining || this.#running > 0) return;
    const finish = () => {
      if (this.#running > 0) return;
      this.close();
      this.#drained();
    };
    setTimeout(finish, IDLE_GRACE_MILLIS).unref();
  }

  #add(path: string, type: string, handler: unknown): void {
    const added = this.#server.register<Buffer, Buffer>(
      path,
      handler as grpc.handleUnaryCall<Buffer, Buffer>,
      identity,
      identity,
      type,
    );
    if (!added) throw new ServingError(Code.INTERNAL, `The gRPC method ${path} is registered twice.`);
  }

  /** Makes the function that ends the stream, and has it called when the listener drains. */
  #track(call: StreamCall, cancellation: Cancellation): (error?: unknown) => void {
    const stop = () => end(new ServingError(Code.UNAVAILABLE, 'The server is stopping.'));
    const end = (error?: unknown) => {
      if (!this.#openStreams.delete(stop)) return;
      cancellation.cancel();
      if (error === undefined) call.end();
      else call.emit('error', this.#options.toStatus(error));
    };
    this.#openStreams.add(stop);
    call.on('cancelled', () => {
      this.#openStreams.delete(stop);
      cancellation.cancel();
    });
    return end;
  }
}

type StreamCall = grpc.ServerWritableStream<Buffer, Buffer> | grpc.ServerDuplexStream<Buffer, Buffer>;

async function answer(
  method: UnaryMethod,
  call: grpc.ServerUnaryCall<Buffer, Buffer>,
  respond: grpc.sendUnaryData<Buffer>,
  toStatus: GrpcListenerOptions['toStatus'],
): Promise<void> {
  const cancellation = new Cancellation();
  let answered = false;
  call.on('cancelled', () => {
    if (!answered) cancellation.cancel();
  });
  try {
    const reply = await method(call.request, { deadlineMillis: deadlineMillisOf(call), cancellation });
    answered = true;
    respond(null, asBuffer(reply));
  } catch (error) {
    answered = true;
    respond(toStatus(error));
  }
}

function deadlineMillisOf(call: grpc.ServerUnaryCall<Buffer, Buffer> | StreamCall): number {
  const deadline = call.getDeadline();
  return typeof deadline === 'number' ? deadline : deadline.getTime();
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** grpc-js refuses long messages by itself, before any handler; its words do not say what to do about it. */
function explainTooLarge(
  call: grpc.ServerInterceptingCallInterface,
  maxMessageBytes: number,
): grpc.ServerInterceptingCall {
  const sendStatus = call.sendStatus.bind(call);
  call.sendStatus = (status) => {
    const refused = status.code === grpc.status.RESOURCE_EXHAUSTED && /^Received message/.test(status.details ?? '');
    sendStatus(refused ? { ...status, details: tooLarge(maxMessageBytes).message } : status);
  };
  return call as grpc.ServerInterceptingCall;
}

function tooLarge(maxMessageBytes: number): ServingError {
  return resourceExhausted(
    `The request message is longer than ${maxMessageBytes} bytes. ` +
      'Send smaller batches, or raise the limit with --max_request_bytes.',
  );
}

function cannotBind(address: string, cause: Error): ServingError {
  const reason = /EADDRINUSE/.test(cause.message)
    ? 'another process listens there already. Stop it, or choose another port with --port'
    : `${cause.message}. Check that the host is an address of this machine and that the port may be opened`;
  return new ServingError(Code.UNAVAILABLE, `The gRPC door cannot listen at ${address}: ${reason}.`, { cause });
}
