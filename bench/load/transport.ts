/** Requests from Node: to check an answer, and for the open loop, which neither h2load nor wrk can run. */
import http from 'node:http';
import http2 from 'node:http2';
import type { DoorName } from '../../test/support/door-clients.js';
import type { BenchRequest } from '../requests.js';
import { FRAME_HEADER_BYTES, frame } from './grpc-frame.js';

export interface Address {
  readonly door: DoorName;
  readonly host: string;
  readonly port: number;
}

export interface Transport {
  /** Resolves with the reply's body. Rejects with an Error if the server refuses the request, or cannot be reached. */
  send(): Promise<Buffer>;
  close(): void;
}

/** For one request, sent again and again. */
export function createTransport(address: Address, request: BenchRequest, connections: number): Transport {
  return address.door === 'grpc'
    ? createGrpcTransport(address, request, connections)
    : createHttpTransport(address, request, connections);
}

function createHttpTransport({ host, port }: Address, request: BenchRequest, connections: number): Transport {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const headers = { 'Content-Type': request.contentType, 'Content-Length': request.body.byteLength };
  const options = { agent, host, port, path: request.path, method: 'POST', headers };
  return {
    send: () => sendHttp(options, request.body),
    close: () => agent.destroy(),
  };
}

function sendHttp(options: http.RequestOptions, body: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      incoming.on('end', () => {
        const reply = Buffer.concat(chunks);
        if (incoming.statusCode === 200) resolve(reply);
        else reject(new Error(`it answered ${incoming.statusCode}: ${reply.toString('utf8', 0, 500)}`));
      });
    });
    outgoing.on('error', reject).end(body);
  });
}

function createGrpcTransport({ host, port }: Address, request: BenchRequest, connections: number): Transport {
  const sessions = Array.from({ length: connections }, () => http2.connect(`http://${host}:${port}`));
  // A session's failure also fails its streams, which say so.
  for (const session of sessions) session.on('error', () => {});
  const headers = {
    ':method': 'POST',
    ':path': request.path,
    'content-type': request.contentType,
    te: 'trailers',
  };
  const message = frame(request.body);
  let next = 0;
  return {
    send: () => sendGrpc(sessions[next++ % connections] as http2.ClientHttp2Session, headers, message),
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

function sendGrpc(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  message: Buffer,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status: http2.IncomingHttpHeaders = {};
    const keep = (fields: http2.IncomingHttpHeaders) => {
      if (fields['grpc-status'] !== undefined) status = fields;
    };
    const stream = session.request(headers);
    stream.on('response', keep).on('trailers', keep).on('error', reject);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      if (status['grpc-status'] === '0') resolve(Buffer.concat(chunks).subarray(FRAME_HEADER_BYTES));
      else reject(new Error(`it answered status ${status['grpc-status']}: ${messageOf(status)}`));
    });
    stream.end(message);
  });
}

function messageOf(status: http2.IncomingHttpHeaders): string {
  return decodeURIComponent(String(status['grpc-message'] ?? 'no message'));
}
