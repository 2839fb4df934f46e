/** An HTTP/2 client that sends the frames it is told to, however wrong, and keeps those that come back. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const Flag = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const FRAME_HEADER_BYTES = 9;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** HPACK (RFC 7541) without compression: literals that are not indexed. */
export function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value, 'latin1');
    return Buffer.concat([hpackLength(bytes.length), bytes]);
  };
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** An integer with a prefix of seven bits. */
function hpackLength(length: number): Buffer {
  if (length < 127) return Buffer.from([length]);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

export function grpcHeaders(path: string, more: Readonly<Record<string, string>> = {}): Buffer {
  return headerBlock({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'test',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  });
}

export class RawHttp2 {
  readonly socket: net.Socket;
  readonly frames: Frame[] = [];
  /** Called for each frame that comes. */
  onFrame: (frame: Frame) => void = () => {};
  closed = false;
  /** The server has said that it will send no more. */
  ended = false;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Connects and exchanges settings; `hello: false`: sends nothing. */
  static async connect(
    port: number,
    options: { hello?: boolean; settings?: [number, number][] } = {},
  ): Promise<RawHttp2> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const client = new RawHttp2(socket);
    if (options.hello !== false) await client.hello(options.settings);
    return client;
  }

  /** The server's settings, its windows among them, are in force once they have been acknowledged. */
  async hello(settings: [number, number][] = []): Promise<void> {
    const payload = settings.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 255]), uint32(value)]));
    this.send(PREFACE, frame(FrameType.SETTINGS, 0, 0, Buffer.concat(payload)));
    await this.until(() => this.find(FrameType.SETTINGS) !== undefined);
    this.send(frame(FrameType.SETTINGS, Flag.ACK, 0));
  }

  send(...bytes: Uint8Array[]): boolean {
    return this.socket.write(Buffer.concat(bytes));
  }

  headers(stream: number, path: string, flags: number = Flag.END_HEADERS): void {
    this.send(frame(FrameType.HEADERS, flags, stream, grpcHeaders(path)));
  }

  data(stream: number, payload: Uint8Array, flags = 0): void {
    this.send(frame(FrameType.DATA, flags, stream, payload));
  }

  /** What came in the DATA of the stream. */
  dataOf(stream: number): Buffer {
    const parts = this.frames.filter((each) => each.type === FrameType.DATA && each.stream === stream);
    return Buffer.concat(parts.map(({ payload }) => payload));
  }

  find(type: number, stream?: number): Frame | undefined {
    return this.frames.find((each) => each.type === type && (stream === undefined || each.stream === stream));
  }

  /** Whether the server has ended the stream, well or not. */
  isOver(stream: number): boolean {
    return this.frames.some(
      (each) =>
        each.stream === stream &&
        (each.type === FrameType.RST_STREAM ||
          ((each.type === FrameType.HEADERS || each.type === FrameType.DATA) && (each.flags & Flag.END_STREAM) !== 0)),
    );
  }

  async until(done: () => boolean, timeoutMillis = 10_000): Promise<void> {
    const giveUp = Date.now() + timeoutMillis;
    while (!done()) {
      if (Date.now() > giveUp) {
        const seen = this.frames.map(({ type, flags, stream }) => `${type}/${flags}/${stream}`).slice(-20);
        throw new Error(`It did not come. The last frames (type/flags/stream): ${seen.join(' ')}`);
      }
      await sleep(2);
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      const read = {
        type: bytes[3] as number,
        flags: bytes[4] as number,
        stream: bytes.readUInt32BE(5) & 0x7fffffff,
        payload: bytes.subarray(FRAME_HEADER_BYTES, end),
      };
      this.frames.push(read);
      this.onFrame(read);
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}
