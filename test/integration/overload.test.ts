/** A server that is asked for more than it can do: what each door answers, and who is served first. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { Type } from '../../src/gen/graphpipe/type.js';
import { encodePredict } from '../support/door-clients.js';
import { buildInferRequest } from '../support/graphpipe-buffers.js';
import { modelPath } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const FLAGS = [
  `--model_base_path=${modelPath('slow')}`,
  '--model_name=slow',
  '--enable_batching=false',
  '--num_workers=1',
  '--max_queued_requests_per_model=4',
];

function rest({ ports }: TestServer, millis: number, init: RequestInit = {}): Promise<Response> {
  const url = `http://127.0.0.1:${ports.rest}/v1/models/slow:predict`;
  return fetch(url, { method: 'POST', body: JSON.stringify({ instances: [millis] }), ...init });
}

function graphpipe({ ports }: TestServer, millis: number, init: RequestInit = {}): Promise<Response> {
  const data = Buffer.from(new Float32Array([millis]).buffer);
  const body = Buffer.from(buildInferRequest({ inputTensors: [{ type: Type.Float32, shape: [1n], data }] }));
  return fetch(`http://127.0.0.1:${ports.graphpipe}/`, { method: 'POST', body, ...init });
}

interface GrpcOutcome {
  readonly code: number;
  readonly details: string;
  readonly metadata: grpc.Metadata;
}

/** One Predict over gRPC: how it ended. The client hangs up when `signal` is aborted. */
function predictGrpc(
  { ports }: TestServer,
  millis: number,
  metadata = new grpc.Metadata(),
  signal?: AbortSignal,
): Promise<GrpcOutcome> {
  const client = new grpc.Client(`127.0.0.1:${ports.grpc}`, grpc.credentials.createInsecure());
  const message = encodePredict({
    model: 'slow',
    inputs: { millis: { dtype: 'float', shape: [1], values: [millis] } },
  });
  const bytes = (value: Buffer) => value;
  const path = '/tensorflow.serving.PredictionService/Predict';
  return new Promise<GrpcOutcome>((resolve) => {
    const call = client.makeUnaryRequest(path, bytes, bytes, Buffer.from(message), metadata, (error) => {
      resolve(error ?? { code: 0, details: '', metadata: new grpc.Metadata() });
    });
    signal?.addEventListener('abort', () => call.cancel());
  }).finally(() => client.close());
}

async function waiting({ ports }: TestServer): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${ports.rest}/metrics`)).text();
  return Number(/^tensorgate_queue_waiting_requests\{.*\} (\d+)$/m.exec(text)?.[1]);
}

async function untilWaiting(server: TestServer, count: number): Promise<void> {
  for (let tries = 0; (await waiting(server)) !== count; tries++) {
    assert.ok(tries < 500, `${await waiting(server)} requests wait, not ${count}`);
    await sleep(5);
  }
}

/** Has one request run for so long, and so many wait behind it. */
async function fill(server: TestServer, millis: number, count: number): Promise<Promise<Response>[]> {
  const before = await waiting(server);
  const requests = [rest(server, millis)];
  await sleep(50);
  for (let i = 0; i < count; i++) requests.push(rest(server, 1));
  await untilWaiting(server, before + count);
  return requests;
}

describe('a server with more requests than its limit', { timeout: 120_000 }, () => {
  it('refuses the next one at every door, at once, and says when to try again', async () => {
    await withServer(FLAGS, async (server) => {
      await rest(server, 1);
      const requests = await fill(server, 1500, 4);
      const refusedByRest = await rest(server, 1);
      assert.equal(refusedByRest.status, 429);
      assert.match(refusedByRest.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      assert.match(((await refusedByRest.json()) as { error: string }).error, /^Model 'slow' has 4 requests waiting/);

      const refusedByGraphPipe = await graphpipe(server, 1);
      assert.equal(refusedByGraphPipe.status, 429);
      assert.match(refusedByGraphPipe.headers.get('retry-after') ?? '', /^[1-9]\d*$/);

      const { code, details, metadata } = await predictGrpc(server, 1);
      assert.equal(code, grpc.status.RESOURCE_EXHAUSTED);
      assert.match(details, /^Model 'slow' has 4 requests waiting/);
      assert.match(String(metadata.get('grpc-retry-pushback-ms')[0]), /^[1-9]\d*$/);

      // All of that before the first one was through.
      assert.equal(await waiting(server), 4);
      for (const response of await Promise.all(requests)) assert.equal(response.status, 200);
      assert.equal((await predictGrpc(server, 1)).code, grpc.status.OK);
    });
  });

  it('serves by x-priority, at every door, and as without it where it is none', async () => {
    await withServer(FLAGS, async (server) => {
      await rest(server, 1);
      const requests = await fill(server, 2000, 0);
      const order: string[] = [];
      const note = (name: string) => () => void order.push(name);
      // Of some length, so that the answers come in the order of the runs.
      const low = rest(server, 100, { headers: { 'x-priority': 'low' } }).then(note('low'));
      await untilWaiting(server, 1);
      const normal = rest(server, 100).then(note('normal'));
      await untilWaiting(server, 2);
      const metadata = new grpc.Metadata();
      metadata.set('x-priority', 'high');
      const high = predictGrpc(server, 100, metadata).then(note('high'));
      await untilWaiting(server, 3);
      await Promise.all([...requests, low, normal, high]);
      assert.deepEqual(order, ['high', 'normal', 'low']);

      assert.equal((await rest(server, 1, { headers: { 'x-priority': 'soon' } })).status, 200);
      metadata.set('x-priority', 'at your leisure');
      assert.equal((await predictGrpc(server, 1, metadata)).code, grpc.status.OK);
    });
  });

  const LONG_MILLIS = 60_000; // of runs that must never begin
  const CLIENTS = {
    REST: (server: TestServer, signal: AbortSignal) => rest(server, LONG_MILLIS, { signal }),
    GraphPipe: (server: TestServer, signal: AbortSignal) => graphpipe(server, LONG_MILLIS, { signal }),
    gRPC: (server: TestServer, signal: AbortSignal) => predictGrpc(server, LONG_MILLIS, undefined, signal),
  };

  for (const [door, send] of Object.entries(CLIENTS)) {
    it(`drops the requests of clients that have gone away, ${door}`, async () => {
      await withServer(FLAGS, async (server) => {
        await rest(server, 1);
        const [running] = await fill(server, 1500, 0);
        const gone = new AbortController();
        const left = Array.from({ length: 4 }, () => send(server, gone.signal));
        await untilWaiting(server, 4);
        assert.equal((await rest(server, 1)).status, 429);
        gone.abort();
        await Promise.allSettled(left);
        await untilWaiting(server, 0);
        // There is room again, before the first one is through.
        const next = rest(server, 1);
        await untilWaiting(server, 1);
        assert.equal((await running)?.status, 200);
        assert.equal((await next).status, 200);
      });
    });
  }
});
