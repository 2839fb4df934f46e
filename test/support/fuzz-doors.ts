/** What fuzzed requests may be answered with, and how a door is asked whether it still works. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { Code, codeName } from '../../src/errors.js';
import { halfPlusTwoCall } from './bundled-calls.js';
import { DoorError, encodeJson, type GrpcDoorClient, restPath } from './door-clients.js';

/** A request that waits longer than this hangs. */
const MAX_MILLIS = 20_000;

/** Codes that say that the server, not the client, is at fault, or that nobody answered in time. */
const SERVER_FAULTS: ReadonlySet<number> = new Set([
  Code.UNKNOWN,
  Code.DEADLINE_EXCEEDED,
  Code.ABORTED,
  Code.INTERNAL,
  Code.UNAVAILABLE,
  Code.DATA_LOSS,
]);

const GOOD = halfPlusTwoCall([4, 6]);

/** A call whose status may be OK or the client's fault; `allowed` codes are fine besides. */
export async function assertGrpcHarmless(
  client: GrpcDoorClient,
  path: string,
  message: Uint8Array,
  allowed: readonly number[] = [],
): Promise<void> {
  try {
    await client.call(path, message, { deadline: Date.now() + MAX_MILLIS });
  } catch (error) {
    assert.ok(error instanceof DoorError, String(error));
    const isFault = SERVER_FAULTS.has(error.status) && !allowed.includes(error.status);
    assert.ok(!isFault, `${path}: ${codeName(error.status)}: ${error.message}`);
    assert.notEqual(error.message, '', `${path}: ${codeName(error.status)} without a text`);
  }
}

export async function assertGrpcWorks(client: GrpcDoorClient): Promise<void> {
  assert.deepEqual(await client.predict(GOOD.call), GOOD.expected);
}

export interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body: Uint8Array | string;
}

/** A request that may be answered, or refused as the client's fault in a JSON text, but for what has no text. */
export async function assertRestHarmless(agent: http.Agent, port: number, request: RestRequest): Promise<void> {
  const { status, type, text } = await send(agent, port, request);
  const what = `${request.method} ${request.path}: ${status} ${text}`;
  // 501 is for element types that JSON cannot carry, which the models here do not have.
  assert.ok(status >= 200 && status < 500, what);
  if (status < 400 || text === '' || type !== 'application/json') return;
  assert.ok(typeof (JSON.parse(text) as { error?: unknown }).error === 'string', what);
}

export async function assertRestWorks(agent: http.Agent, port: number): Promise<void> {
  const { call } = GOOD;
  const { status, text } = await send(agent, port, { method: 'POST', path: restPath(call), body: encodeJson(call) });
  assert.equal(status, 200, text);
  assert.deepEqual(JSON.parse(text), { outputs: Object.values(GOOD.expected)[0]?.values });
}

function send(agent: http.Agent, port: number, { method, path, headers = {}, body }: RestRequest) {
  return new Promise<{ status: number; type: string | undefined; text: string }>((resolve, reject) => {
    const options = { agent, host: '127.0.0.1', port, method, path, timeout: MAX_MILLIS };
    const request = http.request(
      { ...options, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.once('error', reject);
        reply.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: reply.statusCode ?? 0, type: reply.headers['content-type'], text });
        });
      },
    );
    request.once('timeout', () => request.destroy(new Error(`${method} ${path} is not answered`)));
    request.once('error', (error) => reject(new Error(`${method} ${path}: ${error.message}`, { cause: error })));
    request.end(body);
  });
}
