/** A gRPC listener on the addon's own transport, with methods that only carry bytes, and a client for single calls. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { createGrpcListener, type GrpcListener, type GrpcListenerOptions } from '../../src/doors/grpc.js';
import { toServingError } from '../../src/errors.js';

export interface ListenerTest {
  readonly listener: GrpcListener;
  readonly port: number;
  /** A client of its own, for as long as the test lasts. */
  readonly connect: () => http2.ClientHttp2Session;
}

export const ECHO = '/test.Test/Echo';
/** Answers with the milliseconds that it has left. */
export const TIME_LEFT = '/test.Test/TimeLeft';
/** A dialogue that echoes; `boom` makes it fail. */
export const TALK = '/test.Test/Talk';

export function newListener(options: Partial<GrpcListenerOptions> = {}): GrpcListener {
  const toStatus = (thrown: unknown) => {
    const { code, message: details } = toServingError(thrown);
    return { code, details };
  };
  const listener = createGrpcListener({ host: '127.0.0.1', port: 0, toStatus, ...options }, 'native');
  listener.register(ECHO, (request, call) => call.reply(request));
  listener.register(TIME_LEFT, (_, call) => call.reply(Buffer.from(String(call.deadlineMillis - Date.now()))));
  listener.registerDialogue(TALK, (request) => {
    if (Buffer.from(request).toString() === 'boom') throw new Error('boom');
    return request;
  });
  return listener;
}

/** `prepare` registers more methods. */
export async function withListener(
  use: (test: ListenerTest) => Promise<void>,
  options: Partial<GrpcListenerOptions> & { prepare?: (listener: GrpcListener) => void } = {},
): Promise<void> {
  const { prepare, ...listenerOptions } = options;
  const listener = newListener(listenerOptions);
  prepare?.(listener);
  const port = await listener.listen();
  const sessions: http2.ClientHttp2Session[] = [];
  const connect = () => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    sessions.push(session);
    return session;
  };
  try {
    await use({ listener, port, connect });
  } finally {
    for (const session of sessions) session.destroy();
    listener.close();
  }
}

/** A message with its prefix; `announced`: another length than it has. */
export function message(bytes: Uint8Array | string, { compressed = 0, announced = -1 } = {}): Buffer {
  const body = Buffer.from(bytes);
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(announced < 0 ? body.length : announced, 1);
  return Buffer.concat([prefix, body]);
}

export interface CallResult {
  readonly http: number | undefined;
  readonly headers: http2.IncomingHttpHeaders;
  /** `grpc-status`, from the trailers or from a response of headers only. */
  readonly status: number | undefined;
  /** `grpc-message`, decoded. */
  readonly text: string;
  readonly body: Buffer;
  /** The code of RST_STREAM; 0 for none. */
  readonly reset: number;
}

export interface CallInit {
  readonly path?: string;
  readonly headers?: http2.OutgoingHttpHeaders;
  /** Default: the stream is ended after the body. */
  readonly end?: boolean;
}

/** One call; resolves when its stream has closed, however it did. */
export async function callOn(
  session: http2.ClientHttp2Session,
  body: Uint8Array,
  { path = ECHO, headers = {}, end = true }: CallInit = {},
): Promise<CallResult> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let response: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (received) => {
    response = received;
  });
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => {});
  if (end) stream.end(body);
  else stream.write(body);
  await once(stream, 'close');
  const status = trailers['grpc-status'] ?? response['grpc-status'];
  return {
    http: response[':status'] as number | undefined,
    headers: response,
    status: status === undefined ? undefined : Number(status),
    text: decodeURIComponent(String(trailers['grpc-message'] ?? response['grpc-message'] ?? '')),
    body: Buffer.concat(chunks),
    reset: stream.rstCode ?? 0,
  };
}

/** A call of its own connection's, which must succeed. */
export async function stillServes(port: number): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    await new Promise<void>((resolve, reject) => {
      session.once('error', reject);
      callOn(session, message('still there?')).then(({ status, body }) => {
        if (status === 0 && body.subarray(5).toString() === 'still there?') resolve();
        else reject(new Error(`The server does not answer any more: status ${status}.`));
      }, reject);
    });
  } finally {
    session.destroy();
  }
}
