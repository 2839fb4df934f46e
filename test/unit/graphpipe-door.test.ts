import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBuffer } from 'flatbuffers';
import type { Api } from '../../src/api/api.js';
import { createGraphPipeDoor, type GraphPipeDoorOptions } from '../../src/doors/graphpipe/index.js';
import { httpStatus } from '../../src/doors/graphpipe/status.js';
import { Code, ServingError } from '../../src/errors.js';
import { InferResponse } from '../../src/gen/graphpipe/infer-response.js';
import { MetadataResponse } from '../../src/gen/graphpipe/metadata-response.js';
import { Type } from '../../src/gen/graphpipe/type.js';
import { buildInferRequest } from '../support/graphpipe-buffers.js';
import { EXAMPLE_MODEL } from '../support/graphpipe-model.js';
import { createEchoApi } from '../support/graphpipe-outputs.js';
import { goldenRequest } from '../support/graphpipe-requests.js';

const OPTIONS: GraphPipeDoorOptions = {
  host: '127.0.0.1',
  port: 0,
  maxBodyBytes: 4096,
  defaultModelName: 'example',
  serverVersion: '0.0.1',
  timeoutMillis: 60_000,
};

async function withDoor(api: Partial<Api>, use: (url: string) => Promise<void>): Promise<void> {
  const door = createGraphPipeDoor({ ...createEchoApi(EXAMPLE_MODEL), ...api }, OPTIONS);
  const port = await door.listen();
  try {
    await use(`http://127.0.0.1:${port}`);
  } finally {
    door.close();
  }
}

function post(url: string, body: Uint8Array): Promise<Response> {
  return fetch(url, { method: 'POST', body });
}

async function hasStatus(response: Response, status: number, text: RegExp): Promise<void> {
  assert.equal(response.status, status);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  assert.match(await response.text(), text);
}

test('an InferRequest is answered with the outputs, on any path and by any method but GET', async () => {
  await withDoor({}, async (url) => {
    for (const [method, path] of [
      ['POST', '/'],
      ['PUT', '/models/example'],
      ['POST', '/control'],
    ] as const) {
      const response = await fetch(url + path, { method, body: goldenRequest('float32') });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'application/octet-stream');
      const reply = InferResponse.getRootAsInferResponse(new ByteBuffer(new Uint8Array(await response.arrayBuffer())));
      const tensor = reply.outputTensors(0);
      assert.equal(tensor?.type(), Type.Float32);
      assert.deepEqual([tensor?.shape(0), tensor?.shape(1)], [2n, 3n]);
      assert.deepEqual(tensor?.dataArray()?.slice(0, 4), Uint8Array.of(0, 0, 0x80, 0x3f));
    }
  });
});

test('a request carries the deadline, the cancellation and the default model to the server', async () => {
  const api = createEchoApi(EXAMPLE_MODEL);
  await withDoor(api, async (url) => {
    await post(url, goldenRequest('strings'));
    const [request] = api.requests;
    assert.deepEqual(request?.modelSpec, { name: 'example' });
    assert.ok(Math.abs((request?.deadlineMillis ?? 0) - Date.now() - OPTIONS.timeoutMillis) < 10_000);
    assert.equal(request?.cancellation?.cancelled, false);
  });
});

test('a request has the deadline that its headers say, within the limit', async () => {
  const api = createEchoApi(EXAMPLE_MODEL);
  await withDoor(api, async (url) => {
    const send = (headers: Record<string, string>) =>
      fetch(url, { method: 'POST', body: goldenRequest('strings'), headers });
    const before = Date.now();
    await send({ 'x-request-timeout-ms': '3000' });
    await send({ 'grpc-timeout': '1H' });
    const late = Date.now() - before;
    [3000, OPTIONS.timeoutMillis].forEach((millis, i) => {
      const deadline = api.requests[i]?.deadlineMillis ?? 0;
      assert.ok(deadline >= before + millis && deadline <= before + millis + late, `${deadline - before}`);
    });
    await hasStatus(await send({ 'grpc-timeout': '3' }), 400, /grpc-timeout/);
  });
});

test('a MetadataRequest is answered as a flatbuffer, a GET anywhere as JSON', async () => {
  await withDoor({}, async (url) => {
    const bytes = new Uint8Array(await (await post(url, goldenRequest('metadata'))).arrayBuffer());
    assert.equal(MetadataResponse.getRootAsMetadataResponse(new ByteBuffer(bytes)).name(), 'example');
    const response = await fetch(`${url}/anything`);
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.equal(((await response.json()) as { Server: string }).Server, 'tensorgate 0.0.1');
  });
});

test('paths under /control/ tell the state', async () => {
  let ready = true;
  await withDoor({ ready: () => ready }, async (url) => {
    await hasStatus(await fetch(`${url}/control/is_ready`), 200, /^ok\n$/);
    await hasStatus(await fetch(`${url}/control/is_alive`), 200, /^ok\n$/);
    await hasStatus(await fetch(`${url}/control/client_count`), 200, /^1\n$/);
    ready = false;
    await hasStatus(await fetch(`${url}/control/is_ready`), 503, /^not ready$/);
    await hasStatus(await fetch(`${url}/control/is_alive`), 200, /^ok\n$/);
  });
});

test('nobody shuts the server down over HTTP', async () => {
  await withDoor({}, async (url) => {
    await hasStatus(await fetch(`${url}/control/shutdown`, { method: 'POST' }), 403, /send its process SIGTERM/);
    await hasStatus(await fetch(`${url}/control/is_ready`), 200, /^ok\n$/);
    await hasStatus(await fetch(`${url}/control/other`), 400, /There is no \/control\/other here/);
  });
});

test('what a client got wrong is answered with 400 and a sentence', async () => {
  await withDoor({}, async (url) => {
    await hasStatus(await post(url, new Uint8Array()), 400, /The body is empty/);
    await hasStatus(await post(url, Buffer.from('{"instances": [1]}')), 400, /not a GraphPipe request/);
    await hasStatus(await post(url, buildInferRequest({ inputTensors: [{ type: 0 }] })), 400, /no type \(Null\)/);
    await hasStatus(await post(url, new Uint8Array(5000)), 413, /longer than 4096 bytes/);
  });
});

test('errors of the server keep their message', async () => {
  const fail = (code: Code): Promise<never> => Promise.reject(new ServingError(code, `It is code ${code}.`));
  let code: Code = Code.NOT_FOUND;
  await withDoor({ predict: () => fail(code) }, async (url) => {
    for (const [next, status] of [
      [Code.NOT_FOUND, 400],
      [Code.UNAVAILABLE, 503],
      [Code.INTERNAL, 500],
    ] as const) {
      code = next;
      await hasStatus(await post(url, goldenRequest('float32')), status, new RegExp(`^It is code ${next}\\.$`));
    }
  });
});

test('statuses follow the code of the error', () => {
  const status = (code: Code): number => httpStatus(new ServingError(code, ''));
  for (const code of [Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION, Code.OUT_OF_RANGE]) {
    assert.equal(status(code), 400);
  }
  assert.equal(status(Code.RESOURCE_EXHAUSTED), 429);
  assert.equal(status(Code.DEADLINE_EXCEEDED), 504);
  for (const code of [Code.UNKNOWN, Code.DATA_LOSS, Code.INTERNAL]) assert.equal(status(code), 500);
});
