/** Connections that carry one request after the other, with as little work in the client as Node allows. */
import http from 'node:http';
import http2 from 'node:http2';
import type { DoorName } from '../../test/support/door-clients.js';
import { FRAME_HEADER_BYTES } from '../load/grpc-frame.js';

/** A request as it is written to the wire: over gRPC its body is a framed message. */
export interface WireRequest {
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

export interface Connection {
  /** Resolves with the reply's body, over gRPC the message. Rejects with an Error if the request is refused. */
  send(request: WireRequest): Promise<Buffer>;
  close(): void;
}

export function connect(door: DoorName, port: number): Connection {
  return door === 'grpc' ? connectGrpc(port) : connectHttp(port);
}

function connectHttp(port: number): Connection {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return {
    send: ({ path, contentType, body }) => {
      const headers = { 'Content-Type': contentType, 'Content-Length': body.byteLength };
      return sendHttp({ agent, host: '127.0.0.1', port, path, method: 'POST', headers }, body);
    },
    close: () => agent.destroy(),
  };
}

function sendHttp(options: http.RequestOptions, body: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () => {
        const reply = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve(reply);
        else reject(new Error(`The server answered ${response.statusCode}: ${reply.toString('utf8', 0, 500)}`));
      });
    });
    request.on('error', reject).end(body);
  });
}

function connectGrpc(port: number): Connection {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  // Its failure also fails its streams, which say so.
  session.on('error', () => {});
  return { send: (request) => sendGrpc(session, request), close: () => session.destroy() };
}

function sendGrpc(session: http2.ClientHttp2Session, { path, contentType, body }: WireRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': contentType, te: 'trailers' });
    const chunks: Buffer[] = [];
    let status: http2.IncomingHttpHeaders = {};
    const keepStatus = (fields: http2.IncomingHttpHeaders) => {
      if (fields['grpc-status'] !== undefined) status = fields;
    };
    stream.on('response', keepStatus).on('trailers', keepStatus).on('error', reject);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      if (status['grpc-status'] === '0') resolve(Buffer.concat(chunks).subarray(FRAME_HEADER_BYTES));
      else reject(new Error(`The server answered status ${status['grpc-status']}: ${status['grpc-message']}`));
    });
    stream.end(body);
  });
}
