/** A gRPC door with a made-up Api behind it, and a client that sends bytes. */
import * as grpc from '@grpc/grpc-js';
import type { Api } from '../../src/api/api.js';
import type { Door } from '../../src/doors/door.js';
import { createGrpcDoor, type GrpcDoorOptions } from '../../src/doors/grpc/index.js';
import { UNEXPECTED_API } from './unexpected-api.js';

export interface GrpcDoorTest {
  readonly door: Door;
  readonly port: number;
  readonly client: grpc.Client;
}

/** Opens a door whose Api does what `api` says and fails otherwise. */
export async function withGrpcDoor(
  api: Partial<Api>,
  use: (test: GrpcDoorTest) => Promise<void>,
  options: Partial<GrpcDoorOptions> = {},
): Promise<void> {
  const door = createGrpcDoor({ ...UNEXPECTED_API, ...api }, { host: '127.0.0.1', port: 0, ...options });
  const port = await door.listen();
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  try {
    await use({ door, port, client });
  } finally {
    client.close();
    door.close();
  }
}

const identity = (bytes: Buffer): Buffer => bytes;

/** One call. Rejects with the grpc.ServiceError, which has `code` and `details`. */
export function callUnary(
  client: grpc.Client,
  path: string,
  request: Uint8Array,
  options: grpc.CallOptions = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, identity, identity, Buffer.from(request), options, (error, reply) => {
      if (error === null) resolve(reply as Buffer);
      else reject(error);
    });
  });
}

export function callServerStream(
  client: grpc.Client,
  path: string,
  request: Uint8Array,
): grpc.ClientReadableStream<Buffer> {
  return client.makeServerStreamRequest(path, identity, identity, Buffer.from(request));
}

export function callDialogue(client: grpc.Client, path: string): grpc.ClientDuplexStream<Buffer, Buffer> {
  return client.makeBidiStreamRequest(path, identity, identity);
}
