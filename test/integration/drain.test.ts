/** How a server stops: what it has accepted is answered, nothing holds it up for longer than it may. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { differenceOf, halfPlusTwoCall, type KnownCall } from '../support/bundled-calls.js';
import { runNode } from '../support/child-program.js';
import { GRPC_HEADERS, type Loop, type LoopRequest, startLoop } from '../support/closed-loop.js';
import {
  createGrpcClient,
  DOOR_NAMES,
  type DoorName,
  decodePredict,
  encodeInfer,
  encodeJson,
  encodePredict,
  withDoorClients,
} from '../support/door-clients.js';
import { freePorts } from '../support/free-port.js';
import { modelPath } from '../support/models.js';
import { RawClient, rawPost } from '../support/raw-http.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LONG_MILLIS = 20_000;
/** Sooner than the long run, or a drain that has to end by its limit, would let a server end; no busy machine takes so long. */
const SOON_MILLIS = 15_000;
const LIMIT = { timeout: 120_000 };
const SLOW = ['--model_name=slow', `--model_base_path=${modelPath('slow')}`, '--num_workers=2'];
const HTTP_DOORS = ['rest', 'graphpipe'] as const;

function slowCall(millis: number): KnownCall {
  return {
    call: { model: 'slow', inputs: { millis: { dtype: 'float', shape: [1], values: [millis] } }, outputs: ['y'] },
    expected: { y: { shape: [1], values: [millis] } },
  };
}

interface Stopped {
  /** Requests that had been sent in full, and not been answered, when the signal was sent. */
  readonly underWay: readonly LoopRequest[];
  readonly all: readonly LoopRequest[];
  readonly status: number | null;
  readonly millis: number;
}

async function stopUnderLoad(server: TestServer, loops: readonly Loop[], signal: NodeJS.Signals): Promise<Stopped> {
  const underWay = loops.flatMap(({ requests }) =>
    requests.filter(({ sent, outcome }) => sent && outcome === undefined),
  );
  const started = performance.now();
  const status = await server.stop(signal);
  const millis = performance.now() - started;
  await Promise.all(loops.map(({ ended }) => ended));
  return { underWay, all: loops.flatMap(({ requests }) => requests), status, millis };
}

/** Nothing that was sent before the signal is lost; later requests are answered right or meet a closed door. */
function assertNothingLost({ underWay, all }: Stopped): void {
  const describe = ({ door, number, outcome }: LoopRequest) => `${door} ${number}: ${outcome}`;
  assert.deepEqual(underWay.filter(({ outcome }) => outcome !== 'answered').map(describe), []);
  const isFair = ({ outcome }: LoopRequest) => outcome === 'answered' || outcome === 'connection closed';
  assert.deepEqual(all.filter((request) => !isFair(request)).map(describe), []);
  for (const door of DOOR_NAMES) {
    assert.ok(
      all.some((request) => request.door === door && request.outcome === 'answered'),
      `${door} answered nothing`,
    );
  }
}

describe('a server that is told to stop under load', LIMIT, () => {
  it('answers all that wait and run on every door, and exits with 0', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      await withServer(SLOW, async (server) => {
        const loops = [...DOOR_NAMES, ...DOOR_NAMES, ...DOOR_NAMES, ...DOOR_NAMES].map((door, i) =>
          startLoop(server, door, (number) => slowCall(30 + ((i + number) % 5))),
        );
        await sleep(700);
        const stopped = await stopUnderLoad(server, loops, signal);
        assertNothingLost(stopped);
        assert.equal(stopped.status, 0, server.logs());
        // 12 requests of 32 ms on two workers, or fewer if an answer was just being read.
        assert.ok(stopped.underWay.length >= 9, `${stopped.underWay.length} were under way`);
        assert.ok(stopped.millis < SOON_MILLIS, `it took ${stopped.millis} ms`);
      });
    }
  });

  it('loses none of thousands of short requests, whenever the signal comes', async () => {
    let underWay = 0;
    for (const delay of [150, 203, 256, 309, 362]) {
      await withServer(
        ['--model_name=half_plus_two', `--model_base_path=${modelPath('half_plus_two')}`],
        async (server) => {
          const loops = [...DOOR_NAMES, ...DOOR_NAMES, ...DOOR_NAMES, ...DOOR_NAMES].map((door, i) =>
            startLoop(server, door, (number) => halfPlusTwoCall([number, i])),
          );
          await sleep(delay);
          const stopped = await stopUnderLoad(server, loops, 'SIGTERM');
          assertNothingLost(stopped);
          assert.equal(stopped.status, 0, server.logs());
          assert.ok(stopped.millis < SOON_MILLIS, `it took ${stopped.millis} ms`);
          underWay += stopped.underWay.length;
        },
      );
    }
    assert.ok(underWay >= 5, `${underWay} requests were under way in all`);
  });

  it('answers requests whose bodies are still coming', async () => {
    await withServer(
      ['--model_name=half_plus_two', `--model_base_path=${modelPath('half_plus_two')}`],
      async (server) => {
        const { call } = halfPlusTwoCall([4]);
        const bodies = { rest: Buffer.from(encodeJson(call)), graphpipe: Buffer.from(encodeInfer(call)) };
        const path = { rest: '/v1/models/half_plus_two:predict', graphpipe: '/' };
        const clients = await Promise.all(HTTP_DOORS.map((door) => RawClient.connect(server.ports[door])));
        HTTP_DOORS.forEach((door, i) => {
          clients[i]?.send(`POST ${path[door]} HTTP/1.1\r\nHost: h\r\nContent-Length: ${bodies[door].length}\r\n\r\n`);
          clients[i]?.send(bodies[door].subarray(0, 10));
        });
        await sleep(100);
        const ended = server.stop();
        await sleep(300);
        HTTP_DOORS.forEach((door, i) => {
          clients[i]?.send(bodies[door].subarray(10));
        });
        for (const client of clients) assert.match(await client.untilClosed(), /^HTTP\/1\.1 200 OK\r\n/);
        assert.equal(await ended, 0);
      },
    );
  });

  it('answers a gRPC request whose message is still coming', async () => {
    await withServer(
      ['--model_name=half_plus_two', `--model_base_path=${modelPath('half_plus_two')}`],
      async (server) => {
        const { call, expected } = halfPlusTwoCall([4]);
        const message = encodePredict(call);
        const session = http2.connect(`http://127.0.0.1:${server.ports.grpc}`).on('error', () => {});
        const stream = session.request({ ...GRPC_HEADERS });
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
        const trailers = once(stream, 'trailers');
        stream.write(Buffer.from([0, 0, 0, 0, message.length, ...message.subarray(0, 10)]));
        await sleep(100);
        const ended = server.stop();
        await sleep(300);
        stream.end(message.subarray(10));
        const [headers] = (await trailers) as [http2.IncomingHttpHeaders];
        assert.equal(headers['grpc-status'], '0', String(headers['grpc-message']));
        assert.equal(differenceOf(decodePredict(Buffer.concat(chunks).subarray(5)), expected), undefined);
        session.close();
        assert.equal(await ended, 0);
      },
    );
  });

  it('lets nobody in any more while it answers what it has accepted', async () => {
    await withServer(SLOW, (server) =>
      withDoorClients(server, async (clients) => {
        const running = clients.rest.predict(slowCall(600).call);
        await sleep(150);
        const ended = server.stop();
        await sleep(150);
        for (const door of DOOR_NAMES) {
          const socket = net.connect({ port: server.ports[door], host: '127.0.0.1' });
          await assert.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' }, door);
        }
        assert.deepEqual((await running).y?.values, [600]);
        assert.equal(await ended, 0);
      }),
    );
  });
});

/** Starts one run of LONG_MILLIS through the door; its outcome does not matter. */
async function startLongRun(server: TestServer, door: DoorName): Promise<() => void> {
  const { call } = slowCall(LONG_MILLIS);
  if (door === 'grpc') {
    const client = createGrpcClient(server.ports.grpc);
    const { reply, cancel } = client.start(call);
    reply.catch(() => {});
    await sleep(200);
    return () => {
      cancel();
      client.close();
    };
  }
  const client = await RawClient.connect(server.ports[door]);
  if (door === 'rest') client.send(rawPost('/v1/models/slow:predict', encodeJson(call).toString()));
  else {
    const body = encodeInfer(call);
    client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`);
    client.send(body);
  }
  await sleep(200);
  return () => client.close();
}

/** The exit status, and how long it took in ms. */
async function timed(exit: Promise<number | null>): Promise<[status: number | null, millis: number]> {
  const started = performance.now();
  return [await exit, performance.now() - started];
}

describe('a server that is told to stop', LIMIT, () => {
  it('exits with 0 when --drain_timeout_seconds has passed, whatever still runs', async () => {
    for (const door of DOOR_NAMES) {
      await withServer([...SLOW, '--drain_timeout_seconds=1'], async (server) => {
        const leave = await startLongRun(server, door);
        const [status, millis] = await timed(server.stop());
        leave();
        assert.equal(status, 0, `${door}:\n${server.logs()}`);
        assert.ok(millis > 900 && millis < SOON_MILLIS, `${door}: it took ${millis} ms`);
        assert.match(server.logs(), /drain limit has passed.*--drain_timeout_seconds/);
      });
    }
  });

  it('waits no longer than that for runs whose clients have gone, either', async () => {
    await withServer([...SLOW, '--drain_timeout_seconds=1'], async (server) => {
      for (const door of HTTP_DOORS) (await startLongRun(server, door))();
      const [status, millis] = await timed(server.stop());
      assert.equal(status, 0, server.logs());
      assert.ok(millis < SOON_MILLIS, `it took ${millis} ms`);
    });
  });

  it('drops what is under way at once with a drain timeout of 0', async () => {
    await withServer([...SLOW, '--drain_timeout_seconds=0'], async (server) => {
      const leave = await startLongRun(server, 'rest');
      const [status, millis] = await timed(server.stop());
      leave();
      assert.equal(status, 0);
      assert.ok(millis < SOON_MILLIS, `it took ${millis} ms`);
    });
  });

  it('ends at once at the second signal, with a code that says it was cut off', async () => {
    for (const second of ['SIGTERM', 'SIGINT'] as const) {
      await withServer(SLOW, async (server) => {
        const leave = await startLongRun(server, 'grpc');
        server.child.kill('SIGTERM');
        await sleep(300);
        const [status, millis] = await timed(server.stop(second));
        leave();
        assert.equal(status, 1);
        assert.ok(millis < SOON_MILLIS, `it took ${millis} ms`);
      });
    }
  });

  it('is not held up by idle connections or by streams that nobody ends', async () => {
    await withServer([], (server) =>
      withDoorClients(server, async (clients) => {
        const { call } = halfPlusTwoCall([1]);
        for (const door of DOOR_NAMES) await clients[door].predict(call); // these stay open
        const idle = await Promise.all(HTTP_DOORS.map((door) => RawClient.connect(server.ports[door])));
        const session = http2.connect(`http://127.0.0.1:${server.ports.grpc}`).on('error', () => {});
        await once(session, 'connect');
        const watch = session.request({
          ':method': 'POST',
          ':path': '/grpc.health.v1.Health/Watch',
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        watch.on('error', () => {}).end(Buffer.alloc(5));
        await once(watch, 'data');
        const [status, millis] = await timed(server.stop());
        assert.equal(status, 0, server.logs());
        assert.ok(millis < SOON_MILLIS, `it took ${millis} ms`);
        for (const client of idle) client.close();
        session.destroy();
      }),
    );
  });

  it('exits with 0 while its models are still being loaded, and opens no door any more', async () => {
    const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
    const ports = (await freePorts(3)).map(
      (port, i) => `${['--port', '--rest_api_port', '--graphpipe_port'][i]}=${port}`,
    );
    const result = await runNode(['--eval', STOP_WHILE_LOADING, main, ...ports]);
    assert.match(result.stdout, /ended with 0/, result.stdout + result.stderr);
    assert.doesNotMatch(result.stdout, /is open host|is ready/);
  });
});

/** Starts the program in its arguments, sends it SIGTERM when it loads the first model, and prints all that it said. */
const STOP_WHILE_LOADING = `
  const child = require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stdout.resume();
  child.stderr.on('data', (text) => {
    if (!log.includes('Loading servable') && String(text).includes('Loading servable')) child.kill('SIGTERM');
    log += text;
  });
  child.once('close', (status, signal) => console.log(log + 'ended with ' + (signal ?? status)));
`;
