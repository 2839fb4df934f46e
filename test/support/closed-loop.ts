/** Clients that each keep one request under way, and know which of them had been sent in full at a given moment. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { differenceOf, type KnownCall } from './bundled-calls.js';
import {
  type DoorName,
  decodeInfer,
  decodePredict,
  encodeInfer,
  encodeJson,
  encodePredict,
  restPath,
} from './door-clients.js';
import type { TestServer } from './with-server.js';

export interface LoopRequest {
  readonly door: DoorName;
  readonly number: number;
  /** Whether all its bytes have been handed over to the operating system. */
  sent: boolean;
  /** What came of it; undefined while it is under way. */
  outcome: 'answered' | 'connection closed' | `refused: ${string}` | `wrong: ${string}` | undefined;
}

/** One connection on which requests are sent one after the other. */
export interface Loop {
  readonly door: DoorName;
  /** All requests so far, in the order they were begun. */
  readonly requests: LoopRequest[];
  /** Resolves when the server has closed the connection, and no new one can be made. */
  readonly ended: Promise<void>;
}

/** Starts a loop that sends what `next` gives until the server goes away. */
export function startLoop(server: TestServer, door: DoorName, next: (number: number) => KnownCall): Loop {
  const requests: LoopRequest[] = [];
  const begin = (): LoopRequest => {
    const request: LoopRequest = { door, number: requests.length, sent: false, outcome: undefined };
    requests.push(request);
    return request;
  };
  const port = server.ports[door];
  const ended = door === 'grpc' ? runGrpc(port, begin, next) : runHttp(port, door, begin, next);
  return { door, requests, ended };
}

type Begin = () => LoopRequest;
type Next = (number: number) => KnownCall;

function judge(answers: () => ReturnType<typeof decodePredict>, { expected }: KnownCall): LoopRequest['outcome'] {
  try {
    const difference = differenceOf(answers(), expected);
    return difference === undefined ? 'answered' : `wrong: ${difference}`;
  } catch (error) {
    return `wrong: ${error}`;
  }
}

/** Connects anew whenever the server closes the connection, until it cannot be reached. */
async function runHttp(port: number, door: 'rest' | 'graphpipe', begin: Begin, next: Next): Promise<void> {
  for (;;) {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    try {
      await once(socket, 'connect');
    } catch {
      return;
    }
    const replies = new HttpReplies(socket);
    while (!replies.closed) {
      const request = begin();
      const known = next(request.number);
      socket.write(httpRequest(door, known), (error) => {
        request.sent = error == null;
      });
      const reply = await replies.next();
      if (reply === undefined) request.outcome = 'connection closed';
      else if (reply.status !== 200) request.outcome = `refused: ${reply.status} ${reply.body}`;
      else request.outcome = judge(() => decodeHttp(door, known, reply.body), known);
    }
    socket.destroy();
  }
}

function httpRequest(door: 'rest' | 'graphpipe', { call }: KnownCall): Buffer {
  const body = Buffer.from(door === 'rest' ? encodeJson(call) : encodeInfer(call));
  const path = door === 'rest' ? restPath(call) : '/';
  return Buffer.concat([
    Buffer.from(`POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
}

function decodeHttp(door: 'rest' | 'graphpipe', { call }: KnownCall, body: Buffer): ReturnType<typeof decodePredict> {
  if (door === 'graphpipe') return decodeInfer(call, body);
  const { outputs } = JSON.parse(body.toString()) as { outputs: number[] };
  return { [call.outputs?.[0] ?? '']: { shape: [outputs.length], values: outputs } };
}

/** The replies on a connection, each with a Content-Length. */
class HttpReplies {
  closed = false;
  #bytes = Buffer.alloc(0);
  #wake = (): void => {};

  constructor(socket: net.Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.closed = true;
        this.#wake();
      });
    }
  }

  /** Undefined if the connection is closed before a whole reply has come. */
  async next(): Promise<{ status: number; body: Buffer } | undefined> {
    for (;;) {
      const reply = this.#take();
      if (reply !== undefined) return reply;
      if (this.closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(): { status: number; body: Buffer } | undefined {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const head = this.#bytes.toString('latin1', 0, end);
    const total = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1]);
    if (this.#bytes.length < total) return undefined;
    const body = this.#bytes.subarray(end + 4, total);
    this.#bytes = this.#bytes.subarray(total);
    return { status: Number(head.slice(9, 12)), body };
  }
}

/** Of a Predict on HTTP/2. */
export const GRPC_HEADERS = {
  ':method': 'POST',
  ':path': '/tensorflow.serving.PredictionService/Predict',
  'content-type': 'application/grpc',
  te: 'trailers',
};

/** On HTTP/2 itself: gRPC's own clients do not tell when a message has been sent, and try again by themselves. */
async function runGrpc(port: number, begin: Begin, next: Next): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const gone = new Promise<void>((resolve) => session.once('close', resolve).on('error', () => resolve()));
  session.on('goaway', () => session.close());
  while (!session.closed && !session.destroyed) {
    const request = begin();
    const known = next(request.number);
    request.outcome = await callGrpc(session, request, known);
  }
  await gone;
}

function callGrpc(
  session: http2.ClientHttp2Session,
  request: LoopRequest,
  known: KnownCall,
): Promise<LoopRequest['outcome']> {
  const message = encodePredict(known.call);
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let status: string | undefined;
    const takeStatus = (headers: http2.IncomingHttpHeaders) => {
      if (headers['grpc-status'] !== undefined) status = `${headers['grpc-status']} ${headers['grpc-message'] ?? ''}`;
    };
    const stream = session.request(GRPC_HEADERS);
    stream.on('response', takeStatus).on('trailers', takeStatus);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('close', () => {
      if (status === undefined) resolve('connection closed');
      else if (!status.startsWith('0 ')) resolve(`refused: ${status}`);
      else resolve(judge(() => decodePredict(Buffer.concat(chunks).subarray(5)), known));
    });
    stream.end(frame, () => {
      request.sent = true;
    });
  });
}
