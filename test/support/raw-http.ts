/** A client that says exactly what it is told to, and hears everything: for what fetch() would tidy up. */
import { once } from 'node:events';
import net from 'node:net';

export class RawClient {
  readonly socket: net.Socket;
  /** Undefined unless the connection broke. */
  error: NodeJS.ErrnoException | undefined;
  readonly #chunks: Buffer[] = [];

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#chunks.push(chunk));
    socket.on('error', (error) => {
      this.error = error;
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** All that came so far, byte for byte as latin1. */
  text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  receivedBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  async until(done: (text: string) => boolean, timeoutMillis = 5000): Promise<string> {
    const giveUp = Date.now() + timeoutMillis;
    while (!done(this.text())) {
      if (Date.now() > giveUp) throw new Error(`Waited in vain; so far came: ${this.text().slice(0, 500)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.text();
  }

  async untilClosed(): Promise<string> {
    if (!this.socket.destroyed) await once(this.socket, 'close');
    return this.text();
  }

  close(): void {
    this.socket.destroy();
  }
}

/** `POST path` with a Content-Length and this body. */
export function rawPost(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
