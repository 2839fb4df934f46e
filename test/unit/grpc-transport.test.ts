/** The addon's own gRPC transport, against clients that mean it ill or do not know better. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import type { GrpcListener, UnaryCall } from '../../src/doors/grpc.js';
import { Code } from '../../src/errors.js';
import { binding } from '../../src/native/binding.js';
import { runNode } from '../support/child-program.js';
import { assertCheap } from '../support/cpu-time.js';
import {
  callOn,
  ECHO,
  message,
  newListener,
  stillServes,
  TALK,
  TIME_LEFT,
  withListener,
} from '../support/grpc-transport.js';
import { Flag, FrameType, frame, grpcHeaders, headerBlock, PREFACE, RawHttp2, uint32 } from '../support/raw-http2.js';

const NO_ERROR = 0;
const ENHANCE_YOUR_CALM = 11;
const INITIAL_WINDOW_SIZE = 4;
const MAX_WINDOW = 2 ** 31 - 1;
/** Sanitizers keep freed memory for a while. */
const isSanitized = process.env.TENSORGATE_SANITIZED !== undefined;

const HANG = '/test.Test/Hang';

/** A method whose calls end when the test says so. */
function hanging(): { calls: UnaryCall[]; cancelled: number; prepare: (listener: GrpcListener) => void } {
  const state = {
    calls: [] as UnaryCall[],
    cancelled: 0,
    prepare: (listener: GrpcListener) =>
      listener.register(HANG, (_, call) => {
        state.calls.push(call);
        call.cancellation.onCancel(() => state.cancelled++);
      }),
  };
  return state;
}

async function until(done: () => boolean, what: string): Promise<void> {
  const giveUp = Date.now() + 20_000;
  while (!done()) {
    assert.ok(Date.now() < giveUp, what);
    await sleep(2);
  }
}

test('what is no HTTP/2 is hung up on', async () => {
  await withListener(async ({ port }) => {
    for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\0'.repeat(100), 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n']) {
      const client = await RawHttp2.connect(port, { hello: false });
      client.send(Buffer.from(bytes));
      await client.until(() => client.closed);
      await stillServes(port);
    }
  });
});

test('a connection that breaks HTTP/2 is told so by GOAWAY, and its calls are cancelled', async () => {
  const hang = hanging();
  await withListener(
    async ({ port }) => {
      const client = await RawHttp2.connect(port);
      client.headers(1, HANG);
      client.data(1, message('x'), Flag.END_STREAM);
      await until(() => hang.calls.length === 1, 'the call arrives');
      client.data(0, Buffer.from('DATA on stream 0'));
      await client.until(() => client.ended);
      assert.notEqual(client.find(FrameType.GOAWAY)?.payload.readUInt32BE(4), NO_ERROR);
      await until(() => hang.cancelled === 1, 'the call is cancelled');
      client.destroy();
      await stillServes(port);
    },
    { prepare: hang.prepare },
  );
});

test('connections that break off anywhere leave nothing behind', async () => {
  await withListener(async ({ port, listener }) => {
    const whole = Buffer.concat([
      PREFACE,
      frame(FrameType.SETTINGS, 0, 0),
      frame(FrameType.HEADERS, Flag.END_HEADERS, 1, grpcHeaders(ECHO)),
      frame(FrameType.DATA, Flag.END_STREAM, 1, message('some bytes')),
      frame(FrameType.HEADERS, Flag.END_HEADERS, 3, grpcHeaders(TALK)),
      frame(FrameType.DATA, 0, 3, message('more bytes')),
    ]);
    const breakOff = async (i: number) => {
      const client = await RawHttp2.connect(port, { hello: false });
      client.send(whole.subarray(0, (i * 7919) % whole.length));
      if (i % 3 === 0) await sleep(i % 10);
      if (i % 2 === 0) client.socket.resetAndDestroy();
      else client.destroy();
    };
    await Promise.all(Array.from({ length: 200 }, (_, i) => breakOff(i)));
    await stillServes(port);
    await sleep(20);
    const before = Date.now();
    await listener.drain();
    assert.ok(Date.now() - before < 500, 'a drain would wait for connections that are still known');
  });
});

test('a message may come in single bytes, each in a frame of its own', async () => {
  await withListener(async ({ port }) => {
    const client = await RawHttp2.connect(port);
    client.headers(1, ECHO);
    const bytes = message('one by one');
    for (const byte of bytes) {
      client.data(1, Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    client.data(1, Buffer.alloc(0), Flag.END_STREAM);
    await client.until(() => client.isOver(1));
    assert.deepEqual(client.dataOf(1), bytes);
    client.destroy();
  });
});

test('a message of megabytes may come in pieces of any size', async () => {
  await withListener(async ({ connect }) => {
    const body = Buffer.alloc(3_000_000, 'abcdefg');
    const session = connect();
    const [large, small] = await Promise.all([callOn(session, message(body)), callOn(session, message('small'))]);
    assert.deepEqual(large.body, message(body));
    assert.deepEqual(small.body, message('small'));
  });
});

test('padding and empty frames change nothing', async () => {
  await withListener(async ({ port }) => {
    const client = await RawHttp2.connect(port);
    const padded = (bytes: Uint8Array, pad: number) => Buffer.concat([Buffer.from([pad]), bytes, Buffer.alloc(pad)]);
    const block = padded(grpcHeaders(ECHO), 200);
    client.send(frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.PADDED, 1, block));
    const bytes = message('padded');
    client.data(1, Buffer.alloc(0));
    client.data(1, padded(bytes.subarray(0, 3), 255), Flag.PADDED);
    client.data(1, padded(Buffer.alloc(0), 9), Flag.PADDED);
    client.data(1, padded(bytes.subarray(3), 0), Flag.PADDED | Flag.END_STREAM);
    await client.until(() => client.isOver(1));
    assert.deepEqual(client.dataOf(1), bytes);
    client.destroy();
  });
});

test('headers may come in CONTINUATION frames, and unknown frames are passed over', async () => {
  await withListener(async ({ port }) => {
    const client = await RawHttp2.connect(port);
    client.send(frame(0x42, 0xff, 7, Buffer.from('what is this?')));
    const block = grpcHeaders(ECHO);
    client.send(frame(FrameType.HEADERS, 0, 1, block.subarray(0, 1)));
    client.send(frame(FrameType.CONTINUATION, 0, 1, block.subarray(1, 20)));
    client.send(frame(FrameType.CONTINUATION, Flag.END_HEADERS, 1, block.subarray(20)));
    client.data(1, message('x'), Flag.END_STREAM);
    await client.until(() => client.isOver(1));
    assert.deepEqual(client.dataOf(1), message('x'));
    client.destroy();
  });
});

test('a unary request has exactly one whole message', async () => {
  await withListener(
    async ({ connect, port }) => {
      const session = connect();
      const cases: [string, Buffer, Code, RegExp][] = [
        ['none', Buffer.alloc(0), Code.UNIMPLEMENTED, /no message/],
        ['two', Buffer.concat([message('a'), message('b')]), Code.UNIMPLEMENTED, /more than one message/],
        ['half a prefix', Buffer.from([0, 0]), Code.INTERNAL, /ended before/],
        ['half a message', message('abc', { announced: 10 }), Code.INTERNAL, /ended before/],
        ['no message at all', Buffer.from('neither 0 nor 1'), Code.INTERNAL, /does not begin with 0 or 1/],
        ['one that is too long', message(Buffer.alloc(1001)), Code.RESOURCE_EXHAUSTED, /longer than 1000 bytes/],
        ['4 GiB announced', message('abc', { announced: 2 ** 32 - 1 }), Code.RESOURCE_EXHAUSTED, /longer than 1000/],
      ];
      for (const [name, bytes, code, text] of cases) {
        const { status, text: actual } = await callOn(session, bytes);
        // Of two messages the first may have been answered before the second was seen.
        if (name === 'two' && status === Code.OK) continue;
        assert.equal(status, code, `${name}: ${actual}`);
        assert.match(actual, text, name);
      }
      assert.deepEqual((await callOn(session, message(Buffer.alloc(1000)))).body, message(Buffer.alloc(1000)));
      assert.deepEqual((await callOn(session, message(''))).body, message(''));
      await stillServes(port);
    },
    { maxMessageBytes: 1000 },
  );
});

test('a refusal before the end of the request tells the client to stop sending', async () => {
  await withListener(
    async ({ port, connect }) => {
      const client = await RawHttp2.connect(port);
      client.headers(1, ECHO);
      client.data(1, message('x', { announced: 5000 }));
      await client.until(() => client.find(FrameType.RST_STREAM, 1) !== undefined);
      assert.equal(client.find(FrameType.RST_STREAM, 1)?.payload.readUInt32BE(), NO_ERROR);
      const { status } = await callOn(connect(), message('x', { announced: 5000 }), { end: false });
      assert.equal(status, Code.RESOURCE_EXHAUSTED);
      // What is on its way all the same does not disturb the others.
      client.data(1, Buffer.alloc(4000));
      client.headers(3, ECHO);
      client.data(3, message('next'), Flag.END_STREAM);
      await client.until(() => client.isOver(3));
      assert.deepEqual(client.dataOf(3), message('next'));
      client.destroy();
    },
    { maxMessageBytes: 1000 },
  );
});

test('second messages of unary calls do not stay in memory', async () => {
  const hang = hanging();
  await withListener(
    async ({ connect }) => {
      const session = connect();
      const second = message(Buffer.alloc(4_000_000));
      const call = () => callOn(session, Buffer.concat([message('first'), second]), { path: HANG });
      assert.equal((await call()).status, Code.UNIMPLEMENTED);
      const before = process.memoryUsage().arrayBuffers;
      for (let i = 0; i < 20; i++) await call();
      assert.ok(process.memoryUsage().arrayBuffers - before < 40_000_000);
    },
    { prepare: hang.prepare },
  );
});

test('compressed messages are unpacked, up to the limit', async () => {
  await withListener(
    async ({ connect, port }) => {
      const session = connect();
      const text = Buffer.alloc(100_000, 'compressible ');
      const send = (encoding: string | undefined, bytes: Uint8Array, compressed = 1) =>
        callOn(session, message(bytes, { compressed }), {
          headers: encoding === undefined ? {} : { 'grpc-encoding': encoding },
        });
      assert.deepEqual((await send('gzip', gzipSync(text))).body, message(text));
      assert.deepEqual((await send('deflate', deflateSync(text))).body, message(text));
      assert.deepEqual((await send('gzip', text, 0)).body, message(text));
      const refused = async (encoding: string | undefined, bytes: Uint8Array, code: Code, expected: RegExp) => {
        const result = await send(encoding, bytes);
        assert.equal(result.status, code, `${encoding}: ${result.text}`);
        assert.match(result.text, expected);
        return result;
      };
      for (const encoding of ['gzip', 'deflate']) {
        const pack = encoding === 'gzip' ? gzipSync : deflateSync;
        await refused(encoding, pack(text).subarray(0, 50), Code.INTERNAL, /cannot be decompressed/);
        await refused(encoding, text, Code.INTERNAL, /cannot be decompressed/);
        await refused(encoding, Buffer.alloc(0), Code.INTERNAL, /cannot be decompressed/);
        await refused(encoding, pack(Buffer.alloc(50_000_000)), Code.RESOURCE_EXHAUSTED, /longer than 100000 bytes/);
      }
      await refused(undefined, gzipSync(text), Code.INTERNAL, /no grpc-encoding/);
      await refused('identity', gzipSync(text), Code.INTERNAL, /no grpc-encoding/);
      const { headers } = await refused('snappy', text, Code.UNIMPLEMENTED, /Use identity,gzip,deflate/);
      assert.equal(headers['grpc-accept-encoding'], 'identity,gzip,deflate');
      assert.equal((await send('snappy', text, 0)).status, Code.OK, 'an encoding that is named and not used');
      await stillServes(port);
    },
    { maxMessageBytes: 100_000 },
  );
});

test('the messages of a dialogue may be compressed, too, and are small', async () => {
  await withListener(async ({ connect }) => {
    const session = connect();
    const init = { path: TALK, headers: { 'grpc-encoding': 'gzip' } };
    const packed = (text: string | Buffer) => message(gzipSync(text), { compressed: 1 });
    const good = await callOn(session, Buffer.concat([packed('one'), packed('two')]), init);
    assert.deepEqual(good.body, Buffer.concat([message('one'), message('two')]));
    assert.equal((await callOn(session, packed(Buffer.alloc(1_000_000)), init)).status, Code.RESOURCE_EXHAUSTED);
  });
});

test('what is no gRPC is refused in the words of HTTP', async () => {
  await withListener(async ({ connect }) => {
    const session = connect();
    const http = async (headers: http2.OutgoingHttpHeaders) => (await callOn(session, message('x'), { headers })).http;
    assert.equal(await http({ ':method': 'PUT' }), 405);
    for (const type of ['text/plain', 'application/grpc-web', 'application/grpc-web+proto', 'application/grpcx']) {
      assert.equal(await http({ 'content-type': type }), 415, type);
    }
    for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8']) {
      const result = await callOn(session, message('x'), { headers: { 'content-type': type } });
      assert.equal(result.status, Code.OK, type);
      assert.equal(result.headers['content-type'], 'application/grpc');
    }
    const get = session.request({ ':path': ECHO });
    assert.equal((await once(get, 'response'))[0][':status'], 405);
  });
});

test('an unknown method is named, as far as a header can hold it', async () => {
  await withListener(async ({ connect }) => {
    const session = connect();
    const short = await callOn(session, message('x'), { path: '/no.Such/Method' });
    assert.equal(short.status, Code.UNIMPLEMENTED);
    assert.match(short.text, /the method \/no\.Such\/Method\./);
    const long = await callOn(session, message('x'), { path: `/${'%'.repeat(10_000)}` });
    assert.equal(long.status, Code.UNIMPLEMENTED);
    assert.match(long.text, /^The server does not implement the method \/%{255}\.\.\./);
  });
});

test('grpc-timeout is up to eight digits and a unit', async () => {
  await withListener(async ({ connect }) => {
    const session = connect();
    const timeLeft = (value: string) =>
      callOn(session, message(''), { path: TIME_LEFT, headers: { 'grpc-timeout': value } });
    for (const bad of ['', 'S', '1', '1x', '-1S', '1.5S', '123456789S', '1 S', '0x1S', 'S1']) {
      const { status, text } = await timeLeft(bad);
      assert.equal(status, Code.INTERNAL, `'${bad}'`);
      assert.match(text, /grpc-timeout is malformed/);
    }
    const units: [string, number][] = [
      ['2H', 7_200_000],
      ['2M', 120_000],
      ['3S', 3_000],
      ['4000m', 4_000],
      ['5000000u', 5_000],
      ['99999999n', 100],
      ['99999999H', 99_999_999 * 3_600_000],
    ];
    for (const [value, millis] of units) {
      const left = Number((await timeLeft(value)).body.subarray(5).toString());
      assert.ok(left <= millis + 1 && left > millis - 500, `${value}: ${left}`);
    }
    assert.equal((await callOn(session, message(''), { path: TIME_LEFT })).body.subarray(5).toString(), 'Infinity');
  });
});

test('a deadline counts from the headers, however long the message takes', async () => {
  await withListener(async ({ connect }) => {
    const session = connect();
    await once(session, 'connect');
    const beforeHeaders = performance.now();
    const stream = session.request({
      ':method': 'POST',
      ':path': TIME_LEFT,
      'content-type': 'application/grpc',
      'grpc-timeout': '10S',
    });
    stream.write(Buffer.alloc(3));
    await sleep(1); // a ping would overtake headers that are still to be written
    // Once this is answered, the headers before it have come.
    await new Promise((resolve) => session.ping(resolve));
    const afterHeaders = performance.now();
    await sleep(300);
    const beforeEnd = performance.now();
    stream.end(Buffer.alloc(2));
    const [body] = (await once(stream, 'data')) as [Buffer];
    const left = Number(body.subarray(5).toString());
    const least = 10_000 - (performance.now() - beforeHeaders);
    const most = 10_000 - (beforeEnd - afterHeaders);
    assert.ok(left <= most + 5 && left >= least - 5, `${left} ms are left, not ${least} to ${most}`);
  });
});

test('headers beyond 16 KiB are refused with a reason, beyond 64 KiB cut off', async () => {
  await withListener(async ({ port, connect }) => {
    const { status, text } = await callOn(connect(), message('x'), { headers: { long: 'x'.repeat(17_000) } });
    assert.equal(status, Code.RESOURCE_EXHAUSTED);
    assert.match(text, /headers are longer than 16384 bytes/);
    const client = await RawHttp2.connect(port);
    // One header of 4000 bytes into HPACK's dynamic table (entry 62), then a byte for each repetition of it.
    for (const value of ['a'.repeat(4000), `${'a'.repeat(3999)}\0`]) {
      const stream = value.endsWith('\0') ? 3 : 1;
      const literal = headerBlock({ bomb: value });
      literal[0] = 0x40;
      const block = Buffer.concat([grpcHeaders(ECHO), literal, Buffer.alloc(200_000, 0x80 | 62)]);
      const before = process.cpuUsage();
      client.send(frame(FrameType.HEADERS, Flag.END_HEADERS, stream, block));
      await client.until(() => client.find(FrameType.RST_STREAM, stream) !== undefined);
      assert.equal(client.find(FrameType.RST_STREAM, stream)?.payload.readUInt32BE(), ENHANCE_YOUR_CALM);
      assertCheap(before, 1000);
    }
    client.headers(5, ECHO);
    client.data(5, message('x'), Flag.END_STREAM);
    await client.until(() => client.isOver(5));
    assert.deepEqual(client.dataOf(5), message('x'));
    client.destroy();
  });
});

test('a reset at any point of a call ends that call alone', async () => {
  const hang = hanging();
  await withListener(
    async ({ port }) => {
      const client = await RawHttp2.connect(port);
      const reset = (stream: number) => client.send(frame(FrameType.RST_STREAM, 0, stream, uint32(8)));
      client.headers(1, ECHO);
      reset(1);
      client.headers(3, ECHO);
      client.data(3, message('abc', { announced: 2000 }));
      reset(3);
      client.headers(5, HANG);
      client.data(5, message('x'), Flag.END_STREAM);
      await until(() => hang.calls.length === 1, 'the call arrives');
      reset(5);
      await until(() => hang.cancelled === 1, 'the method hears of it');
      hang.calls[0]?.reply(Buffer.from('too late'));
      client.headers(7, HANG);
      client.data(7, message('x'), Flag.END_STREAM);
      reset(7);
      await until(() => hang.cancelled === 2, 'a call that is over when the method first hears of it');
      hang.calls[1]?.reply(Buffer.from('too late'));
      client.headers(9, ECHO);
      client.data(9, message('answered'), Flag.END_STREAM);
      reset(9);
      client.headers(11, ECHO);
      client.data(11, message('whole'), Flag.END_STREAM);
      await client.until(() => client.isOver(11));
      assert.deepEqual(client.dataOf(11), message('whole'));
      client.destroy();
    },
    { prepare: hang.prepare },
  );
});

test('answers for a client that has gone are in vain, and no error', async () => {
  const hang = hanging();
  await withListener(
    async ({ port, listener }) => {
      const client = await RawHttp2.connect(port);
      for (const stream of [1, 3]) {
        client.headers(stream, HANG);
        client.data(stream, message('x'), Flag.END_STREAM);
      }
      await until(() => hang.calls.length === 2, 'the calls arrive');
      client.destroy();
      await until(() => hang.cancelled === 2, 'the calls are cancelled');
      hang.calls[0]?.reply(Buffer.from('in vain'));
      await stillServes(port);
      listener.close();
      hang.calls[1]?.reply(Buffer.from('in vain'));
    },
    { prepare: hang.prepare },
  );
});

test('a client that does not read its answers holds up nobody, and no more memory than the budget has', async () => {
  const answer = Buffer.alloc(64_000_000, 7);
  const prepare = (listener: GrpcListener) => listener.register('/test.Test/Large', (_, call) => call.reply(answer));
  const { usedBytes, budgetBytes } = binding.memoryStats();
  binding.setMemoryBudget(usedBytes + 200_000_000);
  try {
    await withListener(
      async ({ port }) => {
        const client = await RawHttp2.connect(port, { settings: [[INITIAL_WINDOW_SIZE, MAX_WINDOW]] });
        client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(MAX_WINDOW - 65_535)));
        client.socket.pause();
        for (let i = 0; i < 8; i++) {
          client.headers(2 * i + 1, '/test.Test/Large');
          client.data(2 * i + 1, message('x'), Flag.END_STREAM);
        }
        await until(() => binding.memoryStats().usedBytes > usedBytes + 150_000_000, 'answers wait');
        for (let i = 0; i < 10; i++) await stillServes(port);
        assert.ok(binding.memoryStats().usedBytes <= usedBytes + 200_000_000);
        client.socket.resume();
        await client.until(() => Array.from({ length: 8 }, (_, i) => client.isOver(2 * i + 1)).every(Boolean), 60_000);
        const sizes = Array.from({ length: 8 }, (_, i) => client.dataOf(2 * i + 1).length);
        const whole = sizes.filter((size) => size === answer.length + 5).length;
        const refused = sizes.filter((size) => size === 0).length;
        assert.ok(whole >= 3 && whole + refused === 8, sizes.join(' '));
        client.destroy();
        await until(() => binding.memoryStats().usedBytes <= usedBytes, 'the memory comes back');
      },
      { prepare },
    );
  } finally {
    binding.setMemoryBudget(budgetBytes);
  }
});

test('a connection that always has more to read than it takes does not grow', { skip: isSanitized }, async () => {
  const answer = Buffer.alloc(4000, 7);
  const prepare = (listener: GrpcListener) => listener.register('/test.Test/Page', (_, call) => call.reply(answer));
  await withListener(
    async ({ port }) => {
      const client = await RawHttp2.connect(port, { settings: [[INITIAL_WINDOW_SIZE, MAX_WINDOW]] });
      client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(MAX_WINDOW - 65_535)));
      const request = grpcHeaders('/test.Test/Page');
      let next = 1;
      const ask = () => {
        client.socket.write(
          Buffer.concat([
            frame(FrameType.HEADERS, Flag.END_HEADERS, next, request),
            frame(FrameType.DATA, Flag.END_STREAM, next, message('')),
          ]),
        );
        next += 2;
      };
      let answers = 0;
      client.onFrame = ({ type, flags }) => {
        client.frames.length = 0;
        if (type !== FrameType.HEADERS || (flags & Flag.END_STREAM) === 0) return;
        ask();
        if (answers++ % 50 !== 0) return;
        client.socket.pause();
        setTimeout(() => client.socket.resume(), 3);
      };
      // Far more than the sockets' own buffers can hold, so that the queue never runs empty.
      for (let i = 0; i < 4000; i++) ask();
      await until(() => answers > 4000, 'it runs');
      const before = process.memoryUsage().rss;
      await until(() => answers > 16_000, 'it runs on');
      assert.ok(process.memoryUsage().rss - before < 30_000_000, 'of 48 MB');
      client.destroy();
    },
    { prepare },
  );
});

test('half-sent messages hold no more memory than the budget has', async () => {
  const { usedBytes, budgetBytes } = binding.memoryStats();
  binding.setMemoryBudget(usedBytes + 30_000_000);
  try {
    await withListener(async ({ port }) => {
      const client = await RawHttp2.connect(port);
      const part = Buffer.alloc(16_000);
      for (let i = 0; i < 20; i++) {
        const stream = 2 * i + 1;
        client.headers(stream, ECHO);
        client.data(stream, message('', { announced: 50_000_000 }));
        for (let sent = 0; sent < 3_000_000; sent += part.length) client.data(stream, part);
        client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(1)));
      }
      await client.until(() => client.find(FrameType.RST_STREAM, 39) !== undefined);
      assert.equal(client.find(FrameType.RST_STREAM, 1), undefined, 'the first ones are waited for');
      assert.ok(binding.memoryStats().usedBytes <= usedBytes + 30_000_000);
      await stillServes(port);
      client.destroy();
      await until(() => binding.memoryStats().usedBytes === usedBytes, 'the memory comes back');
    });
  } finally {
    binding.setMemoryBudget(budgetBytes);
  }
});

test('thousands of large messages that were only announced cost next to nothing', async () => {
  await withListener(async ({ port }) => {
    const client = await RawHttp2.connect(port);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 4000; i++) {
      client.headers(2 * i + 1, ECHO);
      client.data(2 * i + 1, Buffer.concat([message('x', { announced: 64_000_000 })]));
    }
    await stillServes(port);
    assert.ok(process.memoryUsage().arrayBuffers - before < 600_000_000, 'of 256 GB');
    client.destroy();
    await stillServes(port);
  });
});

test('4096 calls run at once on a connection, and more wait for their turn', async () => {
  const hang = hanging();
  await withListener(
    async ({ connect, port }) => {
      const session = connect();
      await once(session, 'remoteSettings');
      const calls = Array.from({ length: 5000 }, (_, i) => callOn(session, message(String(i)), { path: HANG }));
      await until(() => hang.calls.length === 4096, 'the calls arrive');
      await stillServes(port);
      for (let i = 0; i < hang.calls.length; i++) hang.calls[i]?.reply(Buffer.from(String(i)));
      await until(() => hang.calls.length === 5000, 'the others follow');
      for (let i = 4096; i < hang.calls.length; i++) hang.calls[i]?.reply(Buffer.from(String(i)));
      const results = await Promise.all(calls);
      assert.ok(results.every(({ status }) => status === Code.OK));
      assert.equal(new Set(results.map(({ body }) => body.subarray(5).toString())).size, 5000);
    },
    { prepare: hang.prepare },
  );
});

test('a client that starts more calls than it may loses its connection', async () => {
  const hang = hanging();
  await withListener(
    async ({ port }) => {
      const client = await RawHttp2.connect(port);
      for (let i = 0; i < 4200; i++) client.headers(2 * i + 1, HANG, Flag.END_HEADERS);
      await client.until(() => client.ended);
      await stillServes(port);
      client.destroy();
    },
    { prepare: hang.prepare },
  );
});

test('clients may cancel by the thousand; a flood of resets costs them the connection', async () => {
  await withListener(async ({ port, connect }) => {
    const others = connect();
    const flood = (client: RawHttp2, first: number, count: number) => {
      const block = grpcHeaders(ECHO);
      const pairs: Buffer[] = [];
      for (let i = 0; i < count; i++) {
        const stream = first + 2 * i;
        pairs.push(frame(FrameType.HEADERS, Flag.END_HEADERS, stream, block));
        pairs.push(frame(FrameType.RST_STREAM, 0, stream, uint32(8)));
      }
      client.send(...pairs);
    };
    const patient = await RawHttp2.connect(port);
    flood(patient, 1, 5000);
    patient.headers(20_001, ECHO);
    patient.data(20_001, message('after 5000'), Flag.END_STREAM);
    await patient.until(() => patient.isOver(20_001));
    assert.deepEqual(patient.dataOf(20_001), message('after 5000'));
    const hostile = await RawHttp2.connect(port);
    flood(hostile, 1, 60_000);
    assert.equal((await callOn(others, message('meanwhile'))).status, Code.OK);
    await hostile.until(() => hostile.ended || hostile.closed);
    await stillServes(port);
    patient.destroy();
    hostile.destroy();
  });
});

test('a client that makes the server answer pings and settings, and does not read, loses its connection', async () => {
  await withListener(async ({ port }) => {
    const floods = [frame(FrameType.PING, 0, 0, Buffer.alloc(8)), frame(FrameType.SETTINGS, 0, 0)];
    for (const each of floods) {
      const client = await RawHttp2.connect(port);
      client.socket.pause();
      const many = Buffer.concat(Array.from({ length: 5000 }, () => each));
      for (let i = 0; i < 500 && !client.closed && !client.socket.destroyed; i++) {
        client.socket.write(many);
        await new Promise(setImmediate);
      }
      client.socket.resume();
      await client.until(() => client.closed);
      await stillServes(port);
    }
  });
});

test('a dialogue goes on until its client ends it, also without a word', async () => {
  await withListener(async ({ connect }) => {
    const session = connect();
    const silent = await callOn(session, Buffer.alloc(0), { path: TALK });
    assert.equal(silent.status, Code.OK);
    const many = Array.from({ length: 3000 }, (_, i) => message(String(i)));
    const { status, body } = await callOn(session, Buffer.concat(many), { path: TALK });
    assert.equal(status, Code.OK);
    assert.deepEqual(body, Buffer.concat(many));
  });
});

test('what a dialogue sends after its end disturbs no other call', async () => {
  await withListener(async ({ connect, port }) => {
    const session = connect();
    for (let round = 0; round < 5; round++) {
      const talks = ['a', 'boom', 'b', 'boom', 'c'].map((text) => message(text));
      const [talk, ...echoes] = await Promise.all([
        callOn(session, Buffer.concat(talks), { path: TALK, end: false }),
        ...Array.from({ length: 20 }, (_, i) => callOn(session, message(`${round}-${i}`))),
      ]);
      assert.equal(talk.status, Code.INTERNAL);
      assert.equal(talk.text, 'boom');
      assert.deepEqual(talk.body, message('a'), 'nothing is answered after the end');
      echoes.forEach((echo, i) => {
        assert.deepEqual(echo.body, message(`${round}-${i}`));
      });
      await callOn(session, Buffer.concat(talks), { path: TALK, end: false });
      // The number of the call that has ended is given to this one.
      const next = await callOn(session, message(''), { path: TIME_LEFT, headers: { 'grpc-timeout': '10S' } });
      assert.ok(Number(next.body.subarray(5).toString()) <= 10_000);
    }
    await stillServes(port);
  });
});

test('a dialogue whose answers are not read is ended', async () => {
  const answer = Buffer.alloc(100_000, 1);
  const prepare = (listener: GrpcListener) => listener.registerDialogue('/test.Test/Much', () => answer);
  await withListener(
    async ({ port }) => {
      const { usedBytes } = binding.memoryStats();
      const client = await RawHttp2.connect(port);
      client.headers(1, '/test.Test/Much');
      client.data(1, Buffer.concat(Array.from({ length: 2000 }, () => message(''))));
      await stillServes(port);
      assert.ok(binding.memoryStats().usedBytes - usedBytes < 40_000_000, 'of 200 MB');
      client.destroy();
      await until(() => binding.memoryStats().usedBytes <= usedBytes, 'the memory comes back');
    },
    { prepare },
  );
});

test('close() may be called from within a method, a dialogue and a cancellation', async () => {
  const closers: [string, (listener: GrpcListener) => void, (port: number) => Promise<unknown>][] = [
    [
      'method',
      (listener) =>
        listener.register(HANG, (_, call) => {
          listener.close();
          call.reply(Buffer.from('in vain'));
        }),
      (port) => call(port, HANG, [message('x')]),
    ],
    [
      'dialogue',
      (listener) =>
        listener.registerDialogue(HANG, (request) => {
          listener.close();
          return request;
        }),
      (port) => call(port, HANG, [message('x'), message('y')]),
    ],
    [
      'cancellation',
      (listener) => listener.register(HANG, (_, context) => context.cancellation.onCancel(() => listener.close())),
      (port) => call(port, HANG, [message('x')], 50),
    ],
    [
      'stream',
      (listener) =>
        listener.registerServerStream(HANG, (_, replies) => {
          replies.send(Buffer.from('one'));
          listener.close();
          replies.send(Buffer.from('two'));
          replies.end();
        }),
      (port) => call(port, HANG, [message('x')]),
    ],
  ];
  /** Several calls in one packet, so that there is more to tell when the first one closes the listener. */
  async function call(port: number, path: string, messages: Buffer[], resetAfterMillis?: number): Promise<void> {
    const client = await RawHttp2.connect(port);
    const starts = [1, 3, 5].flatMap((stream) => [
      frame(FrameType.HEADERS, Flag.END_HEADERS, stream, grpcHeaders(path)),
      frame(FrameType.DATA, Flag.END_STREAM, stream, Buffer.concat(messages)),
    ]);
    client.send(...starts);
    if (resetAfterMillis !== undefined) {
      await sleep(resetAfterMillis);
      client.send(...[1, 3, 5].map((stream) => frame(FrameType.RST_STREAM, 0, stream, uint32(8))));
    }
    await client.until(() => client.closed);
  }
  for (const [, prepare, use] of closers) await withListener(({ port }) => use(port).then(() => {}), { prepare });
});

test('a drain tells clients twice: to start no more calls, then which was the last', async () => {
  const hang = hanging();
  await withListener(
    async ({ port, listener }) => {
      const client = await RawHttp2.connect(port);
      client.headers(1, HANG);
      client.data(1, message('x'), Flag.END_STREAM);
      await until(() => hang.calls.length === 1, 'the call arrives');
      const goaways = () => client.frames.filter(({ type }) => type === FrameType.GOAWAY);
      const drained = listener.drain();
      await client.until(() => client.find(FrameType.PING) !== undefined);
      assert.deepEqual(
        goaways().map(({ payload }) => payload.readUInt32BE()),
        [MAX_WINDOW],
      );
      // A call that has crossed the notice is served.
      client.headers(3, HANG);
      client.data(3, message('x'), Flag.END_STREAM);
      client.send(frame(FrameType.PING, Flag.ACK, 0, Buffer.alloc(8)));
      await client.until(() => goaways().length === 2);
      assert.deepEqual(
        goaways().map(({ payload }) => payload.readUInt32BE()),
        [MAX_WINDOW, 3],
      );
      assert.ok(goaways().every(({ payload }) => payload.readUInt32BE(4) === NO_ERROR));
      assert.equal(client.ended, false);
      for (const call of hang.calls) call.reply(Buffer.from('answered'));
      await client.until(() => client.ended);
      for (const stream of [1, 3]) assert.deepEqual(client.dataOf(stream), message('answered'));
      const before = Date.now();
      await drained;
      assert.ok(Date.now() - before < 500, 'nobody is waited for');
    },
    { prepare: hang.prepare },
  );
});

test('a long answer that is read slowly is not cut off by a drain', async () => {
  const answer = Buffer.alloc(20_000_000, 7);
  const prepare = (listener: GrpcListener) => listener.register('/test.Test/Large', (_, call) => call.reply(answer));
  await withListener(
    async ({ port, listener }) => {
      const client = await RawHttp2.connect(port, { settings: [[INITIAL_WINDOW_SIZE, MAX_WINDOW]] });
      client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(MAX_WINDOW - 65_535)));
      client.headers(1, '/test.Test/Large');
      client.data(1, message('x'), Flag.END_STREAM);
      client.onFrame = ({ type, flags }) => {
        if (type === FrameType.PING && flags === 0) client.send(frame(FrameType.PING, Flag.ACK, 0, Buffer.alloc(8)));
        // What it still has to say must not make the server's system throw the answer away.
        if (type === FrameType.DATA) client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(1)));
        if (client.frames.length % 100 === 0) {
          client.socket.pause();
          setTimeout(() => client.socket.resume(), 5);
        }
      };
      await client.until(() => client.find(FrameType.DATA) !== undefined);
      await listener.drain();
      await client.until(() => client.closed);
      assert.equal(client.dataOf(1).length, answer.length + 5);
    },
    { prepare },
  );
});

test('a stream that begins during a drain is ended at once', async () => {
  const hang = hanging();
  await withListener(
    async ({ port, listener }) => {
      const client = await RawHttp2.connect(port);
      client.headers(1, HANG);
      client.data(1, message('x'), Flag.END_STREAM);
      await until(() => hang.calls.length === 1, 'the call arrives');
      const drained = listener.drain();
      client.headers(3, TALK);
      client.data(3, message('x'));
      await client.until(() => client.isOver(3));
      assert.equal(client.dataOf(3).length, 0);
      hang.calls[0]?.reply(Buffer.from('x'));
      await client.until(() => client.isOver(1));
      client.destroy();
      await drained;
    },
    { prepare: hang.prepare },
  );
});

test('two listeners in one process do not know of each other', async () => {
  await withListener(async (first) => {
    await withListener(async (second) => {
      const sessions = [first.connect(), second.connect()];
      for (let i = 0; i < 50; i++) {
        const results = await Promise.all(sessions.map((session, at) => callOn(session, message(`${at}-${i}`))));
        results.forEach(({ body }, at) => {
          assert.deepEqual(body, message(`${at}-${i}`));
        });
      }
      second.listener.close();
      assert.equal((await callOn(first.connect(), message('x'))).status, Code.OK);
    });
    await stillServes(first.port);
  });
});

const SHORT_HANDSHAKE = { channelArguments: { 'grpc.server_handshake_timeout_ms': 150 } };

test('a client that does not say that it speaks HTTP/2 is hung up on; one that has said so may be silent', async () => {
  await withListener(async ({ port }) => {
    const greeted = await RawHttp2.connect(port);
    const silent = [Buffer.alloc(0), PREFACE.subarray(0, 10), PREFACE, Buffer.concat([PREFACE, Buffer.alloc(5)])];
    for (const bytes of silent) {
      const client = await RawHttp2.connect(port, { hello: false });
      client.send(bytes);
      await client.until(() => client.closed);
    }
    greeted.headers(1, ECHO);
    greeted.data(1, message('still here'), Flag.END_STREAM);
    await greeted.until(() => greeted.isOver(1));
    assert.deepEqual(greeted.dataOf(1), message('still here'));
    greeted.destroy();
  }, SHORT_HANDSHAKE);
});

test('a client that does not close a connection that is over is hung up on', async () => {
  await withListener(
    async ({ port }) => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      socket.write(Buffer.concat([PREFACE, frame(FrameType.SETTINGS, 0, 0)]));
      socket.resume();
      // It is sent away for its age, and does nothing about it.
      await once(socket, 'end');
      const poll = setInterval(() => socket.write(frame(FrameType.PING, 0, 0, Buffer.alloc(8))), 20);
      await new Promise((resolve) => socket.once('close', resolve)); // by an error or not: a write may meet it first
      clearInterval(poll);
    },
    {
      channelArguments: {
        ...SHORT_HANDSHAKE.channelArguments,
        'grpc.max_connection_age_ms': 100,
        'grpc.max_connection_age_grace_ms': 100,
      },
    },
  );
});

test('a request whose message stops coming is refused, and nothing else on its connection', async () => {
  await withListener(
    async ({ connect }) => {
      const session = connect();
      const stalled = await Promise.all([
        callOn(session, message('half', { announced: 5000 }), { end: false }),
        callOn(session, Buffer.alloc(0), { end: false }),
        callOn(session, message('one').subarray(0, 3), { end: false, path: TALK }),
      ]);
      for (const { status, text } of stalled) {
        assert.equal(status, Code.DEADLINE_EXCEEDED);
        assert.equal(text, "The request's message has stopped coming.");
      }
      assert.deepEqual((await callOn(session, message('x'))).body, message('x'));
    },
    { stallMillis: 100 },
  );
});

test('a message that comes slowly is waited for, and so is a dialogue between its messages', async () => {
  await withListener(
    async ({ port }) => {
      const client = await RawHttp2.connect(port);
      client.headers(1, TALK);
      client.data(1, message('one'));
      client.headers(3, ECHO);
      const slow = message('s'.repeat(60));
      for (let at = 0; at < slow.length; at++) {
        await sleep(20);
        client.data(3, slow.subarray(at, at + 1), at + 1 === slow.length ? Flag.END_STREAM : 0);
      }
      await client.until(() => client.isOver(3));
      assert.deepEqual(client.dataOf(3), slow);
      client.data(1, message('two'), Flag.END_STREAM);
      await client.until(() => client.isOver(1));
      assert.deepEqual(client.dataOf(1), Buffer.concat([message('one'), message('two')]));
      client.destroy();
    },
    { stallMillis: 600 },
  );
});

test('a client that stops within the headers of a request is hung up on, and its other calls are cancelled', async () => {
  const hang = hanging();
  await withListener(
    async ({ port }) => {
      const client = await RawHttp2.connect(port);
      client.headers(1, HANG);
      client.data(1, message('x'), Flag.END_STREAM);
      await until(() => hang.calls.length === 1, 'the call arrives');
      client.headers(3, ECHO, 0);
      await client.until(() => client.closed);
      await until(() => hang.cancelled === 1, 'the call is cancelled');
      await stillServes(port);
    },
    { prepare: hang.prepare, stallMillis: 150 },
  );
});

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

test('it listens at ::1', { skip: !hasIpv6 }, () => echoesAt('::1', 'http://[::1]'));
test('it listens at a name, at all addresses that the machine has for it', () =>
  echoesAt('localhost', 'http://localhost'));

async function echoesAt(host: string, url: string): Promise<void> {
  const listener = newListener({ host });
  const port = await listener.listen();
  const session = http2.connect(`${url}:${port}`);
  try {
    assert.deepEqual((await callOn(session, message('x'))).body, message('x'));
  } finally {
    session.destroy();
    listener.close();
  }
}

test('a host that is no address of this machine is named in the error', async () => {
  for (const host of ['192.0.2.1', 'no-such-host.invalid']) {
    const listener = newListener({ host });
    await assert.rejects(listener.listen(), new RegExp(`cannot listen at ${host}`));
    listener.close();
  }
});

test('a listener that is closed while it looks up its host does not open', async () => {
  const listener = newListener({ host: 'localhost' });
  const listening = listener.listen();
  listener.close();
  await assert.rejects(listening, /is being closed/);
});

const TRANSPORT = new URL('../support/grpc-transport.js', import.meta.url).href;

test('a process that is out of descriptors hangs up on new clients and goes on with the old ones', async () => {
  const text = `
    import { newListener } from ${JSON.stringify(TRANSPORT)};
    const listener = newListener();
    console.log(await listener.listen());
    process.stdin.on('end', () => process.exit(0)).resume();`;
  const { spawn } = await import('node:child_process');
  const command = 'ulimit -n 60 && exec "$0" "$@"';
  const args = ['-c', command, process.execPath, '--input-type=module', '-e', text];
  const child = spawn('bash', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const port = Number((await once(child.stdout, 'data'))[0]);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    assert.equal((await callOn(session, message('x'))).status, Code.OK);
    const clients = await Promise.all(Array.from({ length: 100 }, () => RawHttp2.connect(port, { hello: false })));
    await until(() => clients.filter(({ closed }) => closed).length > 40, 'some are hung up on');
    assert.ok(clients.some(({ closed }) => !closed));
    assert.equal((await callOn(session, message('x'))).status, Code.OK);
    for (const client of clients) client.destroy();
    await sleep(50);
    await stillServes(port);
    session.destroy();
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
});

test('a thread that ends with a listener open, a message half received, takes nothing else with it', async () => {
  const support = (name: string) => JSON.stringify(new URL(`../support/${name}.js`, import.meta.url).href);
  const inThread = `
    import { parentPort } from 'node:worker_threads';
    import { newListener } from ${support('grpc-transport')};
    parentPort.postMessage(await newListener().listen());`;
  const text = `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    import { ECHO, message } from ${support('grpc-transport')};
    import { RawHttp2 } from ${support('raw-http2')};
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(${JSON.stringify(inThread)}, { eval: true });
      const [port] = await once(worker, 'message');
      const client = await RawHttp2.connect(port);
      client.headers(1, ECHO);
      client.data(1, message('half', { announced: 5000 }));
      await client.until(() => client.frames.length >= 2);
      await worker.terminate();
      await client.until(() => client.closed);
    }
    console.log('done');`;
  const { status, signal, stdout, stderr } = await runNode(['--input-type=module', '-e', text]);
  assert.deepEqual({ status, signal, stdout }, { status: 0, signal: null, stdout: 'done\n' }, stderr);
});
