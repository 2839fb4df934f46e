/** 10,000 good and bad requests over all doors at once: each answered right or refused for the right reason, no leak. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Code } from '../../src/errors.js';
import {
  differenceOf,
  digitsCall,
  halfPlusTwoCall,
  type KnownCall,
  SAMPLE_COUNT,
  scalarCall,
} from '../support/bundled-calls.js';
import {
  createGrpcClient,
  DOOR_NAMES,
  type DoorClient,
  DoorError,
  type DoorName,
  encodeInfer,
  encodeJson,
  encodePredict,
  type GrpcDoorClient,
  type PredictCall,
  withDoorClients,
} from '../support/door-clients.js';
import { RawClient } from '../support/raw-http.js';
import { type TestServer, withServer } from '../support/with-server.js';

const REQUESTS = 10_000;
const IN_FLIGHT = 32;
/** After so many the server has reached its size. */
const WARM_UP = 1000;
const MOST_GROWTH = 1.1;
const MAX_REQUEST_BYTES = 60_000;
const SEED = 20_240_817;

/** Uniform in [0, 1), the same sequence each time (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = createRandom(SEED);

function below(count: number): number {
  return Math.floor(random() * count);
}

function pick<T>(items: readonly T[]): T {
  return items[below(items.length)] as T;
}

interface Client extends DoorClient {
  readonly server: TestServer;
  readonly cancellable: GrpcDoorClient;
}

/** Does one request and resolves with what is wrong about its outcome, if anything is. */
type Kind = (client: Client) => Promise<string | undefined>;

/** A call that must be answered right. */
function good(known: () => KnownCall): Kind {
  return async (client) => {
    const { call, expected } = known();
    return client.predict(call).then((answers) => differenceOf(answers, expected), String);
  };
}

/** What must be refused, by each door's own status. */
function bad(send: (client: Client) => Promise<unknown>, statuses: Record<DoorName, number>): Kind {
  return async (client) => {
    const outcome = await send(client).then(
      () => 'it was answered',
      (error: unknown) => error,
    );
    if (outcome instanceof DoorError && outcome.status === statuses[client.door] && outcome.message !== '')
      return undefined;
    return outcome instanceof DoorError ? `status ${outcome.status}: ${outcome.message}` : String(outcome);
  };
}

const INVALID = { grpc: Code.INVALID_ARGUMENT, rest: 400, graphpipe: 400 };
const NOT_FOUND = { grpc: Code.NOT_FOUND, rest: 404, graphpipe: 400 };
const FAILED_PRECONDITION = { grpc: Code.FAILED_PRECONDITION, rest: 400, graphpipe: 400 };
const TOO_LARGE = { grpc: Code.RESOURCE_EXHAUSTED, rest: 413, graphpipe: 413 };

function encode(door: DoorName, call: PredictCall): Uint8Array {
  return { grpc: encodePredict, rest: encodeJson, graphpipe: encodeInfer }[door](call);
}

/** half_plus_two with something else about it. */
function half(more: Partial<PredictCall>): (client: Client) => Promise<unknown> {
  return (client) => client.predict({ ...halfPlusTwoCall([1, 2, 5]).call, ...more });
}

/** A client that sends a part of a request, or all of it, and goes away. */
async function leave(client: Client): Promise<undefined> {
  const { call } = digitsCall(0, 8);
  if (client.door === 'grpc') {
    const { reply, cancel } = client.cancellable.start(call);
    if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
    cancel();
    await reply.catch(() => {});
    return;
  }
  const raw = await RawClient.connect(client.server.ports[client.door]);
  const body = encode(client.door, call);
  const path = client.door === 'rest' ? '/v1/models/digits:predict' : '/';
  raw.send(`POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`);
  raw.send(body.subarray(0, below(body.length + 1)));
  if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
  raw.close();
}

const GOOD: Record<string, Kind> = {
  'one digit': good(() => digitsCall(below(SAMPLE_COUNT), 1)),
  'a batch of digits': good(() => {
    const count = 1 + below(SAMPLE_COUNT);
    return digitsCall(below(SAMPLE_COUNT - count + 1), count);
  }),
  half_plus_two: good(() => halfPlusTwoCall(Array.from({ length: below(20) }, () => below(1000) - 500))),
  'half_plus_two with thousands': good(() => halfPlusTwoCall(new Array<number>(1000 + below(2000)).fill(below(9)))),
  scalars: good(() => scalarCall(below(100) / 4, below(100) - 50)),
  strings: good(() => {
    const values = Array.from({ length: below(8) }, () => 'ab c'.repeat(below(20)));
    const shape = [values.length];
    return {
      call: { model: 'strings', inputs: { text: { dtype: 'string', shape, values } }, outputs: ['upper'] },
      expected: { upper: { shape, values: values.map((value) => value.toUpperCase()) } },
    };
  }),
};

const BAD: Record<string, Kind> = {
  'an unknown model': bad(half({ model: 'nope' }), NOT_FOUND),
  'an unknown version': bad(half({ version: 9n }), NOT_FOUND),
  'an unknown signature': bad(half({ signature: 'nope' }), FAILED_PRECONDITION),
  'a wrong dtype': bad(half({ inputs: { x: { dtype: 'string', shape: [1], values: ['a'] } } }), INVALID),
  'a wrong shape': bad(
    (client) =>
      client.predict({ model: 'digits', inputs: { images: { dtype: 'float', shape: [1, 2], values: [1, 2] } } }),
    INVALID,
  ),
  'a missing input': bad(half({ inputs: {} }), INVALID),
  garbage: bad((client) => client.send(Buffer.from('garbage!'.repeat(1 + below(50)))), INVALID),
  'a body cut short': bad((client) => {
    const body = encode(client.door, digitsCall(below(8), 4).call);
    return client.send(body.subarray(0, 10 + below(body.length / 2)));
  }, INVALID),
  'an empty body': bad((client) => client.send(Buffer.alloc(0)), INVALID),
  'a body that is too large': bad((client) => client.send(Buffer.alloc(MAX_REQUEST_BYTES + 1)), TOO_LARGE),
  'a client that leaves': leave,
};

/** Resident memory of a process, bytes (proc(5), statm: pages). */
function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

test('10,000 mixed good and bad requests, 32 at a time, over three doors', { timeout: 180_000 }, async (t) => {
  const load = (server: TestServer) =>
    withDoorClients(server, async (doors) => {
      const cancellable = createGrpcClient(server.ports.grpc);
      const clients = DOOR_NAMES.map((door): Client => ({ ...doors[door], server, cancellable }));
      const wrong: string[] = [];
      const counts = { good: 0, bad: 0 };
      let started = 0;
      let afterWarmUp = 0;
      const work = async () => {
        while (started < REQUESTS) {
          if (++started === WARM_UP) afterWarmUp = residentBytes(server.pid);
          const isGood = random() < 0.65;
          counts[isGood ? 'good' : 'bad'] += 1;
          const [name, kind] = pick(Object.entries(isGood ? GOOD : BAD));
          const client = pick(clients);
          const problem = await kind(client);
          if (problem !== undefined) wrong.push(`${client.door}, ${name}: ${problem}`);
        }
      };
      const begin = performance.now();
      await Promise.all(Array.from({ length: IN_FLIGHT }, work));
      const seconds = (performance.now() - begin) / 1000;
      const atEnd = residentBytes(server.pid);
      cancellable.close();
      t.diagnostic(`${counts.good} good and ${counts.bad} bad requests in ${seconds.toFixed(1)} s (seed ${SEED})`);
      t.diagnostic(
        `resident memory: ${megabytes(afterWarmUp)} after ${WARM_UP} requests, ${megabytes(atEnd)} at the end`,
      );
      assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} of ${REQUESTS} outcomes were wrong`);
      assert.ok(atEnd <= afterWarmUp * MOST_GROWTH, `${megabytes(afterWarmUp)} grew to ${megabytes(atEnd)}`);
      for (const client of clients) {
        const { call, expected } = digitsCall(0, SAMPLE_COUNT);
        assert.equal(differenceOf(await client.predict(call), expected), undefined);
      }
      assert.equal(await server.stop(), 0);
    });
  await withServer([`--max_request_bytes=${MAX_REQUEST_BYTES}`], load);
});
