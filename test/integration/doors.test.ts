/** The three doors of a real server with real models: the same answers, and each its own words for the same mistakes. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
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
  type Answers,
  createGrpcClient,
  DOOR_NAMES,
  type DoorClient,
  DoorError,
  type DoorName,
  encodeInfer,
  encodeJson,
  encodePredict,
  type PredictCall,
  type TensorValue,
  withDoorClients,
} from '../support/door-clients.js';
import { modelPath } from '../support/models.js';
import { RawClient, rawPost } from '../support/raw-http.js';
import { type TestServer, withServer } from '../support/with-server.js';

const MAX_REQUEST_BYTES = 100_000;
const PREDICT = '/v1/models/half_plus_two:predict';

async function assertAnswers(client: DoorClient, { call, expected }: KnownCall): Promise<void> {
  assert.equal(differenceOf(await client.predict(call), expected), undefined, client.door);
}

/** Each door's own status for an error, gRPC's by name. */
type Statuses = readonly [grpc: keyof typeof Code, rest: number, graphpipe: number];

async function assertRefused(
  client: DoorClient,
  call: PredictCall,
  statuses: Statuses,
  message: RegExp,
): Promise<void> {
  await assert.rejects(client.predict(call), (error: unknown) => {
    assert.ok(error instanceof DoorError, String(error));
    const expected = { grpc: Code[statuses[0]], rest: statuses[1], graphpipe: statuses[2] }[client.door];
    assert.equal(error.status, expected, `${client.door}: ${error.message}`);
    assert.match(error.message, message, client.door);
    return true;
  });
}

function float(shape: readonly number[], ...values: number[]): TensorValue {
  return { dtype: 'float', shape, values };
}

/** half_plus_two with something else about it. */
function half(more: Partial<PredictCall>): PredictCall {
  return { ...halfPlusTwoCall([1, 2, 5]).call, ...more };
}

const IN_GRAPHPIPE_ONLY: readonly DoorName[] = ['graphpipe'];
const NOT_IN_GRAPHPIPE: readonly DoorName[] = ['grpc', 'rest'];
const NOT_IN_REST: readonly DoorName[] = ['grpc', 'graphpipe'];

/** What is wrong, the call, the statuses, what the message names, and the doors where the mistake can be made. */
const MISTAKES: readonly [string, PredictCall, Statuses, RegExp, (readonly DoorName[])?][] = [
  ['an unknown model', half({ model: 'nope' }), ['NOT_FOUND', 404, 400], /Latest\(nope\).*half_plus_two/],
  ['an unknown version', half({ version: 77n }), ['NOT_FOUND', 404, 400], /Specific\(half_plus_two, 77\)/],
  ['an unknown signature', half({ signature: 'nope' }), ['FAILED_PRECONDITION', 400, 400], /"nope"/],
  ['an unknown input', half({ inputs: { q: float([1], 1) } }), ['INVALID_ARGUMENT', 400, 400], /'q'/, NOT_IN_REST],
  ['a missing input', half({ inputs: {} }), ['INVALID_ARGUMENT', 400, 400], /['"]x['"]/, NOT_IN_GRAPHPIPE],
  ['no tensor at all', half({ inputs: {} }), ['INVALID_ARGUMENT', 400, 400], /placeholder.*_x'/, IN_GRAPHPIPE_ONLY],
  ['an unknown output', half({ outputs: ['zz'] }), ['INVALID_ARGUMENT', 400, 400], /'zz'/, NOT_IN_REST],
  [
    'an output asked for twice',
    half({ outputs: ['y', 'y'] }),
    ['INVALID_ARGUMENT', 400, 400],
    /twice: y, y/,
    NOT_IN_REST,
  ],
  [
    'strings for numbers',
    half({ inputs: { x: { dtype: 'string', shape: [1], values: ['a'] } } }),
    ['INVALID_ARGUMENT', 400, 400],
    /['"]x['"].*DT_FLOAT/,
  ],
  [
    'another number type',
    half({ inputs: { x: { dtype: 'int32', shape: [1], values: [1] } } }),
    ['INVALID_ARGUMENT', 400, 400],
    /'x'.*DT_FLOAT.*DT_INT32/,
    NOT_IN_REST,
  ],
  [
    'a shape that the model cannot run',
    { ...digitsCall(0, 1).call, inputs: { images: float([1, 3], 1, 2, 3) } },
    ['INVALID_ARGUMENT', 400, 400],
    /\[1,3\].*\[64,/,
  ],
  [
    'more values than the shape holds',
    half({ inputs: { x: float([1], 1, 2) } }),
    ['INVALID_ARGUMENT', 400, 400],
    /x: shape \[1\]/,
    NOT_IN_REST,
  ],
  [
    'a shape too large for any memory',
    half({ inputs: { x: float([2 ** 31, 2 ** 31], 1) } }),
    ['INVALID_ARGUMENT', 400, 400],
    /2147483648/,
    NOT_IN_REST,
  ],
  [
    'a dtype that GraphPipe does not have',
    { ...multiIoCall(), outputs: ['sum'] },
    ['OK', 200, 400],
    /"flag"/,
    IN_GRAPHPIPE_ONLY,
  ],
];

function multiIoCall(): PredictCall {
  return {
    model: 'multi_io',
    inputs: {
      a: float([2, 3], 1, 2, 3, 4, 5, 6),
      b: { dtype: 'int32', shape: [2], values: [1, -2] },
      flag: { dtype: 'bool', shape: [2], values: [true, false] },
    },
  };
}

describe('a server with the bundled models', { timeout: 120_000 }, () => {
  test('answers over its three doors', async (t) => {
    await withServer([`--max_request_bytes=${MAX_REQUEST_BYTES}`], (server) =>
      withDoorClients(server, async (clients) => {
        for (const door of DOOR_NAMES) {
          await t.test(door, async (doorTest) => {
            const it = (name: string, fn: () => Promise<void>) => doorTest.test(name, { timeout: 30_000 }, fn);
            await testAnswers(it, clients[door]);
            await testMistakes(it, clients[door]);
            await testSizes(it, server, clients[door]);
            if (door !== 'grpc') await testHttpBodies(it, server, door);
            await it('still gives right answers after all that', () => assertAnswers(clients[door], digitsCall(0, 2)));
          });
        }
      }),
    );
  });
});

type It = (name: string, fn: () => Promise<void>) => Promise<void>;

async function testAnswers(it: It, client: DoorClient): Promise<void> {
  await it('scores each of the digits as Python does', async () => {
    for (let i = 0; i < SAMPLE_COUNT; i++) await assertAnswers(client, digitsCall(i, 1));
  });

  await it('scores all 32 digits in one batch as Python does', async () => {
    assert.equal(SAMPLE_COUNT, 32);
    await assertAnswers(client, digitsCall(0, 32));
  });

  await it('answers an empty batch with an empty one', () => assertAnswers(client, halfPlusTwoCall([])));

  await it('takes several inputs of different dtypes and gives several outputs', async () => {
    await assertAnswers(client, scalarCall(1.5, -3));
    const fixed: PredictCall = {
      model: 'multi_io',
      signature: 'fixed',
      inputs: { m: float([2, 3], 1, 2, 3, 4, 5, 6) },
    };
    const outputs = ['total'];
    await assertAnswers(client, { call: { ...fixed, outputs }, expected: { total: { shape: [2], values: [6, 15] } } });
    if (client.door === 'graphpipe') return; // it has no bool
    const answers = await client.predict(multiIoCall());
    assert.deepEqual(answers, {
      count: { shape: [2], values: [3, 3] },
      label_bytes: { shape: [2], values: ['1/true', '-2/false'] },
      sum: { shape: [2, 3], values: [2, 3, 4, 4, 5, 6] },
    });
  });

  await it('takes and gives strings', async () => {
    const text: TensorValue = { dtype: 'string', shape: [3], values: ['abc', '', 'x y'] };
    const outputs = ['upper', 'length', 'raw_bytes'];
    const answers = await client.predict({ model: 'strings', inputs: { text }, outputs });
    assert.deepEqual(answers, {
      upper: { shape: [3], values: ['ABC', '', 'X Y'] },
      length: { shape: [3], values: [3, 0, 3] },
      raw_bytes: { shape: [3], values: ['abc', '', 'x y'] },
    } satisfies Answers);
  });

  await it('serves the version that is asked for by its number', async () => {
    const { call, expected } = halfPlusTwoCall([4]);
    await assertAnswers(client, { call: { ...call, version: 1n }, expected });
  });
}

async function testMistakes(it: It, client: DoorClient): Promise<void> {
  for (const [what, call, statuses, message, doors = DOOR_NAMES] of MISTAKES) {
    if (!doors.includes(client.door)) continue;
    await it(`refuses ${what}`, () => assertRefused(client, call, statuses, message));
  }

  const MALFORMED = { grpc: /malformed/, rest: /not valid JSON/, graphpipe: /not a GraphPipe request/ }[client.door];
  const status = { grpc: Code.INVALID_ARGUMENT, rest: 400, graphpipe: 400 }[client.door];
  await it('refuses a body that is none of its protocol', async () => {
    for (const text of ['garbage!', '{"instances": [1.0,', '\u00ff\u00ff\u00ff']) {
      await assert.rejects(client.send(Buffer.from(text, 'latin1')), { status, message: MALFORMED });
    }
  });

  await it('refuses good requests that are cut short, wherever', async () => {
    const { call } = halfPlusTwoCall([1, 2, 5]);
    const whole = Buffer.from({ grpc: encodePredict, rest: encodeJson, graphpipe: encodeInfer }[client.door](call));
    let answered = 0;
    for (let length = 1; length < whole.length; length++) {
      const outcome = client.send(whole.subarray(0, length)).then(
        () => undefined,
        (error: unknown) => error,
      );
      const error = await outcome;
      if (error === undefined) answered += 1;
      else assert.ok(error instanceof DoorError && error.status === status, `${length} bytes: ${error}`);
    }
    // Protobuf that ends between two fields, and flatbuffers without their last padding, are whole.
    assert.ok(answered < whole.length / 4, `${answered} of ${whole.length} were answered`);
  });

  await it('refuses an empty body', () => assert.rejects(client.send(Buffer.alloc(0)), { status, message: /.{10}/ }));
}

async function testSizes(it: It, server: TestServer, client: DoorClient): Promise<void> {
  const { call, expected } = halfPlusTwoCall([4]);
  const tooLarge = { status: client.door === 'grpc' ? Code.RESOURCE_EXHAUSTED : 413, message: /100000 bytes/ };

  await it('refuses a body longer than --max_request_bytes and says what to do', async () => {
    await assert.rejects(client.send(Buffer.alloc(MAX_REQUEST_BYTES + 1, ' ')), tooLarge);
    await assert.rejects(client.send(Buffer.alloc(50 * MAX_REQUEST_BYTES, ' ')), tooLarge);
    await assertAnswers(client, { call, expected });
  });

  await it('takes a body of just that length', async () => {
    if (client.door === 'rest') {
      const body = Buffer.alloc(MAX_REQUEST_BYTES, ' ');
      encodeJson(call).copy(body);
      assert.equal(String(await client.send(body)).replace(/\s/g, ''), '{"outputs":[4.0]}');
    } else if (client.door === 'grpc') {
      const count = await assertLargest(client, (values) => encodePredict(halfPlusTwoCall(values).call).length);
      assert.ok(count > 24_000);
    } else {
      const count = await assertLargest(client, (values) => encodeInfer(halfPlusTwoCall(values).call).length);
      assert.ok(count > 24_000);
    }
    assert.ok(server.pid > 0);
  });
}

/** Sends the most floats that fit --max_request_bytes, and one more; returns how many those were. */
async function assertLargest(client: DoorClient, lengthOf: (values: number[]) => number): Promise<number> {
  let count = Math.floor(MAX_REQUEST_BYTES / 4);
  const ones = (n: number) => new Array<number>(n).fill(1);
  while (lengthOf(ones(count)) > MAX_REQUEST_BYTES) count -= 1;
  await assertAnswers(client, halfPlusTwoCall(ones(count)));
  await assert.rejects(client.predict(halfPlusTwoCall(ones(count + 8)).call), DoorError);
  return count;
}

async function testHttpBodies(it: It, server: TestServer, door: 'rest' | 'graphpipe'): Promise<void> {
  const port = server.ports[door];
  const path = door === 'rest' ? PREDICT : '/';
  const { call } = halfPlusTwoCall([4]);
  const body = Buffer.from(door === 'rest' ? encodeJson(call) : encodeInfer(call)).toString('latin1');
  const raw = async (use: (client: RawClient) => Promise<void>) => {
    const client = await RawClient.connect(port);
    try {
      await use(client);
    } finally {
      client.close();
    }
  };
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const chunkedHead = `POST ${path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const isAnswered = (text: string) => /^HTTP\/1\.1 200 OK\r\n/.test(text) && text.length > 60;

  await it('takes a chunked body without Content-Length, in pieces of any size', () =>
    raw(async (client) => {
      client.socket.write(Buffer.from(chunkedHead, 'latin1'));
      for (const size of [1, 3, 7, body.length]) {
        for (let at = 0; at < body.length; at += size) {
          client.socket.write(Buffer.from(chunk(body.slice(at, at + size)), 'latin1'));
          if (size > 1) await sleep(1);
        }
        const before = client.receivedBytes();
        client.socket.write('0\r\n\r\n');
        await client.until(() => client.receivedBytes() > before + 60);
        assert.ok(isAnswered(client.text().slice(before)), client.text().slice(before));
        if (size < body.length) client.socket.write(Buffer.from(chunkedHead, 'latin1'));
      }
    }));

  await it('refuses a chunked body as soon as it is too long', () =>
    raw(async (client) => {
      client.socket.write(Buffer.from(chunkedHead, 'latin1'));
      for (let i = 0; i < 11; i++) client.socket.write(chunk(' '.repeat(10_000)));
      assert.match(await client.until((text) => text.includes('\r\n\r\n')), /^HTTP\/1\.1 413 /);
    }));

  await it('takes a body that comes byte by byte', () =>
    raw(async (client) => {
      const request = Buffer.from(
        `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        'latin1',
      );
      for (const byte of request) {
        client.socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(isAnswered(await client.until(isAnswered)));
    }));

  await it('is not harmed by clients that go away half-way through a body', async () => {
    for (let i = 0; i < 50; i++) {
      await raw(async (client) => {
        const head = i % 2 ? chunkedHead : `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`;
        const whole = Buffer.from(i % 2 ? head + chunk(body) : head + body, 'latin1');
        client.socket.write(whole.subarray(0, 1 + ((i * 37) % (whole.length - 1))));
        if (i % 3 === 0) await sleep(2);
        if (i % 5 === 0) client.socket.resetAndDestroy();
      });
    }
  });

  if (door !== 'rest') return;
  await it('takes a body packed with gzip, and refuses one that unpacks to too much', () =>
    raw(async (client) => {
      const send = (bytes: Buffer) => {
        client.socket.write(
          `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n`,
        );
        client.socket.write(bytes);
      };
      send(gzipSync(encodeJson(call)));
      assert.ok(isAnswered(await client.until(isAnswered)));
      const before = client.text().length;
      send(gzipSync(Buffer.alloc(10_000_000, ' ')));
      assert.match((await client.until((text) => text.length > before)).slice(before), /^HTTP\/1\.1 413 /);
    }));
}

describe('a server with one worker', { timeout: 120_000 }, () => {
  const flags = ['--model_name=slow', `--model_base_path=${modelPath('slow')}`, '--num_workers=1'];

  const slow = (millis: number): KnownCall => ({
    call: { model: 'slow', inputs: { millis: float([1], millis) }, outputs: ['y'] },
    expected: { y: { shape: [1], values: [millis] } },
  });

  /** Starts `count` requests of `millis` each and returns a function by which all their clients go away. */
  async function startAndLeave(server: TestServer, door: DoorName, count: number, millis: number): Promise<() => void> {
    const { call } = slow(millis);
    if (door === 'grpc') {
      const client = createGrpcClient(server.ports.grpc);
      const calls = Array.from({ length: count }, () => client.start(call));
      for (const { reply } of calls) reply.catch(() => {});
      return () => {
        for (const { cancel } of calls) cancel();
        client.close();
      };
    }
    const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect(server.ports[door])));
    for (const client of clients) {
      if (door === 'rest') client.send(rawPost('/v1/models/slow:predict', encodeJson(call).toString()));
      else {
        const body = encodeInfer(call);
        client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`);
        client.send(body);
      }
    }
    return () => {
      for (const client of clients) client.close();
    };
  }

  it('drops what waits when its clients go away, and the queue drains', async () => {
    await withServer(flags, (server) =>
      withDoorClients(server, async (clients) => {
        for (const door of DOOR_NAMES) {
          const leave = await startAndLeave(server, door, 20, 500);
          await sleep(150);
          leave();
          const started = Date.now();
          await assertAnswers(clients[door], slow(1));
          const millis = Date.now() - started;
          assert.ok(millis < 5000, `${door}: the next answer took ${millis} ms, so the 20 of 500 ms were not dropped`);
        }
      }),
    );
  });

  it("answers DEADLINE_EXCEEDED when a client's deadline passes while its request waits", async () => {
    await withServer([...flags, '--rest_api_timeout_in_ms=200'], (server) =>
      withDoorClients(server, async ({ grpc, rest, graphpipe }) => {
        const long = { call: slow(3000).call };
        const busy = [grpc.predict(long.call)];
        await sleep(100);
        const started = Date.now();
        const client = createGrpcClient(server.ports.grpc);
        const deadline = client.call('/tensorflow.serving.PredictionService/Predict', encodePredict(slow(1).call), {
          deadline: Date.now() + 200,
        });
        await Promise.all([
          assert.rejects(deadline, { status: Code.DEADLINE_EXCEEDED }),
          assert.rejects(rest.predict(slow(1).call), { status: 504, message: /deadline/i }),
          assert.rejects(graphpipe.predict(slow(1).call), { status: 504, message: /deadline/i }),
        ]);
        assert.ok(Date.now() - started < 2700, 'sooner than the long run ends');
        await Promise.all(busy);
        client.close();
        for (const door of [grpc, rest, graphpipe]) await assertAnswers(door, slow(1));
      }),
    );
  });
});
