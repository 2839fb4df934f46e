import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Door } from '../../src/doors/door.js';
import { createHttpDoor, type HttpExchange, type HttpOptions } from '../../src/doors/http.js';
import { Code, ServingError } from '../../src/errors.js';
import { BodyTooLargeError } from '../../src/ports/body-too-large.js';
import { RawClient, rawPost } from '../support/raw-http.js';

const echo: HttpOptions['handler'] = (exchange, body) => exchange.reply(200, 'text/plain', body);

async function withDoor(
  options: Partial<HttpOptions>,
  use: (port: number, door: Door) => Promise<void>,
): Promise<void> {
  const door = createHttpDoor({
    name: 'test',
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1_000_000,
    keepHeaders: [],
    handler: echo,
    onError: (exchange, error) =>
      exchange.reply(error instanceof BodyTooLargeError ? 413 : 500, 'text/plain', String(error)),
    ...options,
  });
  try {
    await use(await door.listen(), door);
  } finally {
    door.close();
  }
}

async function withClient(port: number, use: (client: RawClient) => Promise<void>): Promise<void> {
  const client = await RawClient.connect(port);
  try {
    await use(client);
  } finally {
    client.close();
  }
}

/** A handler that keeps its exchanges for the test to answer. */
function holding(): { held: HttpExchange[]; handler: HttpOptions['handler']; first: () => Promise<HttpExchange> } {
  const held: HttpExchange[] = [];
  const first = async () => {
    while (held[0] === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
    return held[0];
  };
  return { held, first, handler: (exchange) => void held.push(exchange) };
}

const url = (port: number, path = '/') => `http://127.0.0.1:${port}${path}`;
const post = (port: number, body: string | Uint8Array<ArrayBuffer>) => fetch(url(port), { method: 'POST', body });

describe('the HTTP listener', () => {
  it('hands method, path, query, kept headers and body to the handler', async () => {
    const handler: HttpOptions['handler'] = (exchange, body) => {
      const { method, path, query } = exchange;
      const seen = [method, path, query, exchange.header('x-a'), exchange.header('x-b'), body.byteLength];
      exchange.reply(201, 'application/json', JSON.stringify(seen), [['X-More', 'yes']]);
    };
    await withDoor({ handler, keepHeaders: ['x-a', 'x-b'] }, async (port) => {
      const reply = await fetch(url(port, '/a%20b?c=%20d'), { method: 'PUT', body: 'four', headers: { 'X-A': 'One' } });
      assert.equal(reply.status, 201);
      assert.equal(reply.headers.get('x-more'), 'yes');
      assert.equal(reply.headers.get('content-type'), 'application/json');
      assert.deepEqual(await reply.json(), ['PUT', '/a%20b', 'c=%20d', 'One', '', 4]);
    });
  });

  it('gives requests of any method to the handler, with an empty body where there is none', async () => {
    const handler: HttpOptions['handler'] = (exchange, body) =>
      exchange.reply(200, '', `${exchange.method} ${body.byteLength}`);
    await withDoor({ handler }, async (port) => {
      for (const method of ['GET', 'OPTIONS', 'BREW']) {
        await withClient(port, async (client) => {
          client.send(`${method} /x HTTP/1.1\r\nHost: h\r\n\r\n`);
          const text = await client.until((t) => t.endsWith(`${method} 0`));
          assert.doesNotMatch(text, /content-type/i);
        });
      }
    });
  });

  it('takes a GET with a body', async () => {
    await withDoor({}, async (port) =>
      withClient(port, async (client) => {
        client.send('GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc');
        await client.until((text) => text.endsWith('\r\n\r\nabc'));
      }),
    );
  });

  it('answers HEAD with the headers of the reply only, and keeps the connection', async () => {
    await withDoor({ handler: (exchange) => exchange.reply(200, 'text/plain', 'twelve bytes') }, async (port) =>
      withClient(port, async (client) => {
        for (let i = 1; i <= 2; i++) {
          client.send('HEAD / HTTP/1.1\r\nHost: h\r\n\r\n');
          const text = await client.until((t) => t.split('\r\n\r\n').length === i + 1);
          assert.match(text, /Content-Length: 12\r\n/);
          assert.doesNotMatch(text, /twelve/);
        }
      }),
    );
  });

  it('lends the handler the body of a request that came in one piece, until it returns', async () => {
    let lent: Uint8Array | undefined;
    const handler: HttpOptions['handler'] = (exchange, body) => {
      lent = body;
      exchange.reply(200, '', String(body.byteLength));
    };
    await withDoor({ handler }, async (port) => {
      assert.equal(await (await post(port, 'hello')).text(), '5');
      assert.equal(lent?.byteLength, 0, 'the memory of the network has been taken back: no copy was made');
    });
  });

  it('puts together a body that comes in pieces', async () => {
    await withDoor({}, async (port) =>
      withClient(port, async (client) => {
        client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n');
        for (const piece of ['abc', 'def', 'ghi']) {
          client.send(piece);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        await client.until((text) => text.endsWith('\r\n\r\nabcdefghi'));
      }),
    );
  });

  it('puts together a chunked body', async () => {
    await withDoor({}, async (port) =>
      withClient(port, async (client) => {
        client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
        await new Promise((resolve) => setTimeout(resolve, 20));
        client.send('4\r\ndefg\r\n0\r\n\r\n');
        await client.until((text) => text.endsWith('\r\n\r\nabcdefg'));
      }),
    );
  });

  it('carries bodies of many megabytes both ways, byte for byte', async () => {
    const body = Buffer.alloc(16_000_001, Buffer.from('0123456789abcdef!'));
    await withDoor({ maxBodyBytes: 16_000_001 }, async (port) => {
      const reply = Buffer.from(await (await post(port, body)).arrayBuffer());
      assert.ok(reply.equals(body));
    });
  });

  it('answers a malformed Content-Length with 400 without asking the handler', async () => {
    const { held, handler } = holding();
    await withDoor({ handler }, async (port) => {
      for (const length of ['abc', '-5', '99999999999999999999999']) {
        await withClient(port, async (client) => {
          client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n`);
          assert.match(await client.untilClosed(), /^HTTP\/1\.1 4(00|13) /);
        });
      }
      assert.equal(held.length, 0);
    });
  });
});

describe('the limit on bodies', () => {
  it('accepts a body exactly as long as the limit', async () => {
    await withDoor({ maxBodyBytes: 1000 }, async (port) => {
      assert.equal((await post(port, 'x'.repeat(1000))).status, 200);
      assert.equal((await post(port, 'x'.repeat(1001))).status, 413);
    });
  });

  it('refuses a longer Content-Length at once, before the body comes, and asks for the connection to be closed', async () => {
    await withDoor({}, async (port) =>
      withClient(port, async (client) => {
        client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000000\r\n\r\n');
        const text = await client.until((t) => /--max_request_bytes\.$/.test(t));
        assert.match(text, /^HTTP\/1\.1 413 /);
        assert.match(text, /\r\nConnection: close\r\n/);
        assert.match(text, /longer than 1000000 bytes/);
      }),
    );
  });

  it('lets a client that sends all of its body before it reads find the refusal', async () => {
    await withDoor({}, async (port) =>
      withClient(port, async (client) => {
        client.send(rawPost('/', 'x'.repeat(8_000_000)));
        await client.until((text) => /--max_request_bytes\.$/.test(text) && client.socket.writableLength === 0);
        assert.equal(client.error, undefined);
      }),
    );
  });

  it('refuses a chunked body as soon as it passes the limit', async () => {
    const { held, handler } = holding();
    await withDoor({ handler, maxBodyBytes: 6 }, async (port) =>
      withClient(port, async (client) => {
        client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n4\r\nefgh\r\n');
        const text = await client.until((t) => /--max_request_bytes\.$/.test(t));
        assert.match(text, /^HTTP\/1\.1 413 /);
        client.send('3\r\nxyz\r\n0\r\n\r\n');
        assert.equal(held.length, 0);
      }),
    );
  });

  it('answers Expect: 100-continue before it reads the body', async () => {
    await withDoor({}, async (port) =>
      withClient(port, async (client) => {
        client.send('POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
        await client.until((text) => text === 'HTTP/1.1 100 Continue\r\n\r\n');
        client.send('body');
        await client.until((text) => /\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nbody$/.test(text));
      }),
    );
  });
});

describe('errors of a handler', () => {
  it('go to onError, thrown or rejected, and the listener lives on', async () => {
    const handler: HttpOptions['handler'] = (exchange) => {
      if (exchange.path === '/throw') throw new Error('thrown');
      if (exchange.path === '/reject') return Promise.reject(new Error('rejected'));
      return exchange.reply(200, '', 'fine');
    };
    await withDoor({ handler }, async (port) => {
      assert.equal(await (await fetch(url(port, '/throw'))).text(), 'Error: thrown');
      assert.equal(await (await fetch(url(port, '/reject'))).text(), 'Error: rejected');
      assert.equal(await (await fetch(url(port, '/fine'))).text(), 'fine');
    });
  });

  it('are answered with a plain 500 if onError itself throws', async () => {
    const fail = () => {
      throw new Error('broken');
    };
    await withDoor({ handler: fail, onError: fail }, async (port) => {
      assert.equal((await fetch(url(port))).status, 500);
    });
  });

  it('do not disturb an answer that was already given', async () => {
    const handler: HttpOptions['handler'] = (exchange) => {
      exchange.reply(200, '', 'answer');
      throw new Error('too late');
    };
    await withDoor({ handler }, async (port) => assert.equal(await (await fetch(url(port))).text(), 'answer'));
  });
});

describe('a client that goes away', () => {
  it('cancels its request, and the late answer does nothing', async () => {
    const { first, handler } = holding();
    await withDoor({ handler }, async (port) => {
      const client = await RawClient.connect(port);
      client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      const exchange = await first();
      assert.equal(exchange.cancellation.cancelled, false);
      const cancelled = new Promise<void>((resolve) => exchange.cancellation.onCancel(resolve));
      client.close();
      await cancelled;
      exchange.reply(200, 'text/plain', 'nobody hears');
    });
  });

  it('half-way through its body is never heard of by the handler', async () => {
    const { held, handler } = holding();
    await withDoor({ handler }, async (port) => {
      const client = await RawClient.connect(port);
      client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf');
      await new Promise((resolve) => setTimeout(resolve, 30));
      client.close();
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.equal(held.length, 0);
    });
  });

  it('half-way through a long answer costs nothing but that answer', async () => {
    const big = new Uint8Array(16_000_000);
    await withDoor({ handler: (exchange) => exchange.reply(200, '', big) }, async (port, door) => {
      const client = await RawClient.connect(port);
      client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      await client.until(() => client.receivedBytes() > 100_000);
      client.close();
      await door.drain();
    });
  });
});

describe('requests on one connection', () => {
  it('are answered one after the other, pipelined ones too where the handler answers at once', async () => {
    await withDoor({}, async (port) =>
      withClient(port, async (client) => {
        client.send(rawPost('/', 'first') + rawPost('/', 'second'));
        const text = await client.until((t) => t.endsWith('second'));
        assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
        assert.match(text, /firstHTTP/);
      }),
    );
  });

  it('are given up together when one is pipelined behind an unanswered one, and the listener lives on', async () => {
    const { held, first, handler } = holding();
    await withDoor({ handler }, async (port) => {
      const client = await RawClient.connect(port);
      client.send(rawPost('/', 'first') + rawPost('/', 'second'));
      assert.equal(await client.untilClosed(), '');
      assert.equal((await first()).cancellation.cancelled, true);
      assert.equal(held.length, 1);
      held[0]?.reply(200, '', 'late');
      const reply = fetch(url(port));
      while (held.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
      held[1]?.reply(200, '', 'alive');
      assert.equal(await (await reply).text(), 'alive');
    });
  });
});

describe('a long answer to a slow reader', () => {
  it('arrives whole, though its memory is used again at once', async () => {
    const big = new Uint8Array(16 * 1024 * 1024).fill(0x61);
    const handler: HttpOptions['handler'] = (exchange) => {
      exchange.reply(200, '', big);
      big.fill(0x62);
    };
    await withDoor({ handler }, async (port) =>
      withClient(port, async (client) => {
        client.socket.pause();
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
        await new Promise((resolve) => setTimeout(resolve, 200));
        client.socket.resume();
        await client.until(() => client.receivedBytes() > big.byteLength);
        const text = client.text();
        assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, big.byteLength);
        assert.equal(text.indexOf('b', text.indexOf('\r\n\r\n')), -1);
      }),
    );
  });
});

describe('listen()', () => {
  it('rejects with UNAVAILABLE naming the address if the port is taken', async () => {
    await withDoor({}, async (port) => {
      const second = createHttpDoor({
        name: 'second',
        host: '127.0.0.1',
        port,
        maxBodyBytes: 1,
        keepHeaders: [],
        handler: echo,
        onError: () => undefined,
      });
      await assert.rejects(second.listen(), (error) => {
        assert.ok(error instanceof ServingError);
        assert.equal(error.code, Code.UNAVAILABLE);
        assert.ok(error.message.includes(`127.0.0.1:${port}`));
        return true;
      });
      second.close();
    });
  });
});

describe('drain()', () => {
  const refused = (port: number) => assert.rejects(RawClient.connect(port), { code: 'ECONNREFUSED' });

  it('resolves when there was nothing to do, also before listen()', async () => {
    await withDoor({}, async (_port, door) => door.drain());
    const never = createHttpDoor({
      name: 'never',
      host: '127.0.0.1',
      port: 0,
      maxBodyBytes: 1,
      keepHeaders: [],
      handler: echo,
      onError: () => undefined,
    });
    await never.drain();
  });

  it('takes no new connections and answers the request in flight, closing its connection', async () => {
    const { first, handler } = holding();
    await withDoor({ handler }, async (port, door) =>
      withClient(port, async (client) => {
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
        const exchange = await first();
        const drained = door.drain();
        await refused(port);
        exchange.reply(200, '', 'the answer');
        const text = await client.untilClosed();
        assert.match(text, /\r\nConnection: close\r\n/);
        assert.ok(text.endsWith('the answer'));
        await drained;
      }),
    );
  });

  it('does not cut off a long answer to a slow reader', async () => {
    const big = new Uint8Array(16 * 1024 * 1024).fill(0x61);
    await withDoor({ handler: (exchange) => exchange.reply(200, '', big) }, async (port, door) =>
      withClient(port, async (client) => {
        client.socket.pause();
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
        await new Promise((resolve) => setTimeout(resolve, 50));
        const drained = door.drain();
        await new Promise((resolve) => setTimeout(resolve, 300));
        client.socket.resume();
        const text = await client.untilClosed();
        assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, big.byteLength);
        await drained;
      }),
    );
  });

  it('serves a request that crosses it on a kept connection, then closes that connection', async () => {
    await withDoor({}, async (port, door) =>
      withClient(port, async (client) => {
        client.send(rawPost('/', 'one'));
        await client.until((text) => text.endsWith('one'));
        const drained = door.drain();
        client.send(rawPost('/', 'two'));
        const text = await client.untilClosed();
        assert.match(text, /Connection: close[\s\S]*two$/);
        await drained;
      }),
    );
  });

  it('closes idle connections', async () => {
    await withDoor({}, async (port, door) =>
      withClient(port, async (client) => {
        client.send(rawPost('/', 'one'));
        await client.until((text) => text.endsWith('one'));
        await door.drain();
        await client.untilClosed();
      }),
    );
  });
});

describe('close()', () => {
  it('drops what is in flight, cancels it, and ends a drain that waits for it', async () => {
    const { first, handler } = holding();
    await withDoor({ handler }, async (port, door) => {
      const client = await RawClient.connect(port);
      client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      const exchange = await first();
      const drained = door.drain();
      door.close();
      await drained;
      assert.equal(exchange.cancellation.cancelled, true);
      assert.equal(await client.untilClosed(), '');
      exchange.reply(200, '', 'late');
    });
  });
});
