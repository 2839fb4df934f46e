/**
 * One keep-alive connection that carries one prepared HTTP/1.1 request after the other. Node's own client costs several
 * times the CPU, which the server under test would lack.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface HttpConnection {
  /** Resolves with the answer's status. Rejects if the connection breaks. One at a time. */
  send(request: Uint8Array): Promise<number>;
  close(): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** A POST as it goes over the wire. */
export function httpPost(port: number, path: string, body: Uint8Array): Buffer {
  const head =
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${body.byteLength}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

export async function openConnection(port: number): Promise<HttpConnection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  const answers = readAnswers(socket);
  return {
    send: (request) => {
      socket.write(request);
      return answers.next();
    },
    close: () => socket.destroy(),
  };
}

/** The statuses of the answers, in turn. */
function readAnswers(socket: Socket): { next(): Promise<number> } {
  let waiting: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined;
  let head: Buffer = Buffer.alloc(0);
  let status = 0;
  let missing = -1; // bytes of the body that are to come; -1: the head is not whole yet
  const onData = (chunk: Buffer) => {
    if (missing >= 0) missing -= chunk.length;
    else {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) return;
      const text = head.toString('latin1', 0, end);
      status = Number(text.slice(9, 12));
      missing = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0) - (head.length - end - HEAD_END.length);
      head = Buffer.alloc(0);
    }
    if (missing > 0) return;
    missing = -1;
    waiting?.resolve(status);
  };
  let broken: Error | undefined;
  const fail = (error: Error) => {
    broken ??= error;
    waiting?.reject(broken);
  };
  socket.on('data', onData).on('error', fail);
  socket.on('close', () => fail(new Error('The server closed the connection.')));
  return {
    next: () =>
      new Promise((resolve, reject) => {
        if (broken === undefined) waiting = { resolve, reject };
        else reject(broken);
      }),
  };
}
