import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Api } from '../../src/api/api.js';
import { ManagerState } from '../../src/core/servable-state.js';
import { createRestDoor, type RestOptions } from '../../src/doors/rest/index.js';
import { Code, codeName, notFound, ServingError } from '../../src/errors.js';
import { DataType } from '../../src/tensor/dtype.js';
import type { ExampleRequest } from '../../src/tensor/inference.js';
import type { Outputs, PredictRequest } from '../../src/tensor/predict-request.js';
import { RawClient, rawPost } from '../support/raw-http.js';
import { UNEXPECTED_API } from '../support/unexpected-api.js';

/** One output: the JSON text, as the native side gives it. */
function jsonOutputs(text: Uint8Array): Outputs {
  return {
    count: 1,
    modelName: 'm',
    modelVersion: 1n,
    signatureName: 'serving_default',
    alias: () => '',
    dtype: () => DataType.STRING,
    rank: () => 0,
    dim: () => 0,
    byteLength: () => text.byteLength,
    copyTo: (_index, target, offset) => target.set(text, offset),
  };
}

interface Call {
  readonly request: PredictRequest;
  readonly body: string;
}

/** An Api that answers a predict with its body in capitals, a while later, and remembers what it was asked. */
function fakeApi(overrides: Partial<Api> = {}): { api: Api; calls: Call[] } {
  const calls: Call[] = [];
  const api: Api = {
    ...UNEXPECTED_API,
    async predict(request, encode) {
      const body = Buffer.from(request.body).toString();
      calls.push({ request, body });
      await new Promise((resolve) => setTimeout(resolve, 2));
      return encode(jsonOutputs(Buffer.from(body.toUpperCase())));
    },
    modelMetadata: ({ name, version }) => ({ id: { name, version: version ?? 1n }, signatures: [] }),
    modelStatus: ({ name, version }) => {
      if (name === 'missing') throw notFound('Could not find any versions of model missing');
      return [{ id: { name, version: version ?? 1n }, state: ManagerState.AVAILABLE }];
    },
    reloadConfig: async () => [],
    effectiveConfig: () => ({ origin: 'flags' }),
    ready: () => true,
    ...overrides,
  };
  return { api, calls };
}

async function withRest(
  api: Api,
  use: (port: number, url: string) => Promise<void>,
  options: Partial<RestOptions> = {},
): Promise<void> {
  const door = createRestDoor(api, {
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1_000_000,
    timeoutMillis: 0,
    ...options,
  });
  try {
    const port = await door.listen();
    await use(port, `http://127.0.0.1:${port}`);
  } finally {
    door.close();
  }
}

const post = (url: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body, headers });

async function assertError(reply: Response, status: number, message: RegExp): Promise<void> {
  assert.equal(reply.status, status);
  assert.equal(reply.headers.get('content-type'), 'application/json');
  const { error } = (await reply.json()) as { error: string };
  assert.match(error, message);
}

describe('POST …:predict', () => {
  it('passes model, version and body on, and answers with the text that comes back', async () => {
    const { api, calls } = fakeApi();
    await withRest(api, async (_port, url) => {
      const reply = await post(`${url}/v1/models/m/versions/3:predict`, '{"instances": [1]}');
      assert.equal(reply.status, 200);
      assert.equal(reply.headers.get('content-type'), 'application/json');
      assert.equal(await reply.text(), '{"INSTANCES": [1]}');
    });
    assert.equal(calls.length, 1);
    assert.equal(calls[0]?.request.kind, 'json');
    assert.deepEqual(calls[0]?.request.modelSpec, { name: 'm', version: 3n });
    assert.equal(calls[0]?.request.deadlineMillis, Number.POSITIVE_INFINITY);
  });

  it('gives each request a deadline if there is a timeout', async () => {
    const { api, calls } = fakeApi();
    const before = Date.now();
    await withRest(api, async (_port, url) => void (await post(`${url}/v1/models/m:predict`, 'x')), {
      timeoutMillis: 5000,
    });
    const deadline = calls[0]?.request.deadlineMillis ?? 0;
    assert.ok(deadline >= before + 5000 && deadline <= Date.now() + 5000);
  });

  it('gives a request the deadline that its headers say, within the limit', async () => {
    const { api, calls } = fakeApi();
    const before = Date.now();
    const use = async (_port: number, url: string) => {
      for (const headers of [{ 'x-request-timeout-ms': '3000' }, { 'grpc-timeout': '4S' }, { 'grpc-timeout': '1H' }])
        await post(`${url}/v1/models/m:predict`, 'x', headers as Record<string, string>);
      const bad = await post(`${url}/v1/models/m:predict`, 'x', { 'x-request-timeout-ms': 'soon' });
      await assertError(bad, 400, /^The header x-request-timeout-ms cannot be "soon"/);
    };
    await withRest(api, use, { timeoutMillis: 60_000 });
    const late = Date.now() - before;
    [3000, 4000, 60_000].forEach((millis, i) => {
      const deadline = calls[i]?.request.deadlineMillis ?? 0;
      assert.ok(deadline >= before + millis && deadline <= before + millis + late, `${deadline - before}`);
    });
    assert.equal(calls.length, 3);
  });

  it('keeps concurrent replies apart although they share their buffer', async () => {
    const { api } = fakeApi();
    await withRest(api, async (_port, url) => {
      const bodies = Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(1 + i * 3000));
      const replies = await Promise.all(
        bodies.map(async (body) => (await post(`${url}/v1/models/m:predict`, body)).text()),
      );
      assert.deepEqual(replies, bodies);
    });
  });

  it('answers with long replies, whole', async () => {
    const long = new Uint8Array(20_000_000).fill(0x20);
    const { api } = fakeApi({ predict: async (_request, encode) => encode(jsonOutputs(long)) });
    await withRest(api, async (_port, url) => {
      for (let i = 0; i < 2; i++) {
        const reply = await post(`${url}/v1/models/m:predict`, 'x');
        assert.ok(Buffer.from(await reply.arrayBuffer()).equals(long));
      }
    });
  });

  it('takes a chunked body', async () => {
    const { api, calls } = fakeApi();
    await withRest(api, async (port) => {
      const client = await RawClient.connect(port);
      client.send('POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n');
      client.send('2\r\ncd\r\n0\r\n\r\n');
      await client.until((text) => text.endsWith('ABCD'));
      client.close();
    });
    assert.equal(calls[0]?.body, 'abcd');
  });

  it('passes on a body that is empty: there are models that need none', async () => {
    const { api, calls } = fakeApi();
    await withRest(api, async (_port, url) => {
      assert.equal((await post(`${url}/v1/models/m:predict`, '')).status, 200);
      const packed = await post(`${url}/v1/models/m:predict`, gzipSync(''), { 'Content-Encoding': 'gzip' });
      assert.equal(packed.status, 200);
    });
    assert.deepEqual(
      calls.map(({ body }) => body),
      ['', ''],
    );
  });

  it('refuses a body beyond the limit with 413', async () => {
    const { api, calls } = fakeApi();
    const body = 'x'.repeat(1001);
    await withRest(
      api,
      async (_port, url) => {
        await assertError(await post(`${url}/v1/models/m:predict`, body), 413, /1000 bytes.*--max_request_bytes/);
      },
      { maxBodyBytes: 1000 },
    );
    assert.equal(calls.length, 0);
  });

  it('unpacks gzip', async () => {
    const { api, calls } = fakeApi();
    await withRest(api, async (_port, url) => {
      const reply = await post(`${url}/v1/models/m:predict`, gzipSync('{"inputs": 1}'), { 'Content-Encoding': 'gzip' });
      assert.equal(await reply.text(), '{"INPUTS": 1}');
    });
    assert.equal(calls[0]?.body, '{"inputs": 1}');
  });

  it('refuses a gzip bomb with 413, and broken gzip and other packings with 400', async () => {
    const { api, calls } = fakeApi();
    await withRest(api, async (_port, url) => {
      const send = (body: string | Uint8Array<ArrayBuffer>, encoding: string) =>
        post(`${url}/v1/models/m:predict`, body, { 'Content-Encoding': encoding });
      await assertError(await send(gzipSync(Buffer.alloc(50_000_000)), 'gzip'), 413, /1000000 bytes/);
      await assertError(await send('{"instances": [1]}', 'gzip'), 400, /cannot be unpacked/);
      await assertError(await send('{"instances": [1]}', 'br'), 400, /Content-Encoding br is not supported/);
    });
    assert.equal(calls.length, 0);
  });

  it('answers with the error of the model, by its code', async () => {
    for (const [code, status] of [
      [Code.INVALID_ARGUMENT, 400],
      [Code.NOT_FOUND, 404],
      [Code.RESOURCE_EXHAUSTED, 429],
      [Code.UNAVAILABLE, 503],
      [Code.DEADLINE_EXCEEDED, 504],
      [Code.INTERNAL, 500],
    ] as const) {
      const predict = () => Promise.reject(new ServingError(code, `It is ${codeName(code)}.`));
      await withRest(fakeApi({ predict }).api, async (_port, url) => {
        await assertError(
          await post(`${url}/v1/models/m:predict`, 'x'),
          status,
          new RegExp(`^It is ${codeName(code)}\\.$`),
        );
      });
    }
  });

  it('answers what fails outside of the model with 500, thrown at once or in the encoding', async () => {
    const outputs = jsonOutputs(new Uint8Array(4));
    const copyTo = () => {
      throw new RangeError('does not fit');
    };
    const predicts: Api['predict'][] = [
      () => {
        throw new TypeError('does not fit');
      },
      async (_request, encode) => encode({ ...outputs, copyTo }),
    ];
    for (const predict of predicts) {
      await withRest(fakeApi({ predict }).api, async (_port, url) => {
        await assertError(await post(`${url}/v1/models/m:predict`, 'x'), 500, /does not fit/);
      });
    }
  });

  it('cancels the request of a client that goes away', async () => {
    let cancelled: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    const predict: Api['predict'] = (request) =>
      new Promise((_resolve, reject) => {
        request.cancellation?.onCancel(() => {
          cancelled();
          reject(new ServingError(Code.CANCELLED, 'The client has gone.'));
        });
      });
    await withRest(fakeApi({ predict }).api, async (port) => {
      const client = await RawClient.connect(port);
      client.send(rawPost('/v1/models/m:predict', 'x'));
      await new Promise((resolve) => setTimeout(resolve, 30));
      client.close();
      await gone;
    });
  });
});

describe('POST …:classify and …:regress', () => {
  const ANSWERER = { modelName: 'm', modelVersion: 1n, signatureName: 'serving_default' };

  const span = (ranges: readonly number[], i: number) => (ranges[2 * i + 1] ?? 0) - (ranges[2 * i] ?? 0);

  /** Answers with the length of each example, and remembers the requests. */
  function exampleApi() {
    const requests: ExampleRequest[] = [];
    const lengths = async (request: ExampleRequest) => {
      requests.push(request);
      const { ranges } = request.input;
      const values = Float32Array.from({ length: ranges.length / 2 }, (_, i) => span(ranges, i));
      await new Promise((resolve) => setImmediate(resolve));
      return values;
    };
    const { api } = fakeApi({
      regress: async (request) => ({ ...ANSWERER, values: await lengths(request) }),
      classify: async (request) => {
        const scores = await lengths(request);
        return { ...ANSWERER, exampleCount: scores.length, classCount: 1, labels: undefined, scores };
      },
    });
    return { api, requests };
  }

  it('pass model, signature, Examples and context on, and answer with results', async () => {
    const { api, requests } = exampleApi();
    await withRest(api, async (_port, url) => {
      const body = '{"signature_name": "s", "context": {"c": 1}, "examples": [{}, {"x": 1.0}]}';
      const regressed = await post(`${url}/v1/models/m/versions/3:regress`, body);
      assert.equal(regressed.headers.get('content-type'), 'application/json');
      assert.equal(await regressed.text(), '{\n    "results": [0.0, 17.0]\n}');
      const classified = await post(`${url}/v1/models/m/labels/l:classify`, body);
      assert.equal(await classified.text(), '{\n    "results": [[["", 0.0]], [["", 17.0]]\n    ]\n}');
    });
    assert.deepEqual(
      requests.map(({ modelSpec }) => modelSpec),
      [
        { name: 'm', version: 3n },
        { name: 'm', versionLabel: 'l' },
      ],
    );
    assert.equal(requests[0]?.signatureName, 's');
    assert.ok(requests[0]?.input.context);
    assert.equal(requests[0]?.deadlineMillis, Number.POSITIVE_INFINITY);
  });

  it('unpack gzip, up to the limit on unpacked bodies', async () => {
    const { api } = exampleApi();
    const gzip = { 'Content-Encoding': 'gzip' };
    const use = async (_port: number, url: string) => {
      const path = `${url}/v1/models/m:regress`;
      assert.equal((await post(path, gzipSync('{"examples": [{}]}'), gzip)).status, 200);
      const padded = gzipSync(`{"examples": [{}]}${' '.repeat(1000)}`);
      await assertError(await post(path, padded, gzip), 413, /unpacked.*1000 bytes.*--max_unpacked_request_bytes/);
      assert.equal((await post(path, `{"examples": [{}]}${' '.repeat(1000)}`)).status, 200);
    };
    await withRest(api, use, { maxUnpackedBytes: 1000 });
  });

  it('give each run a deadline if there is a timeout, and none if it is 0 or less', async () => {
    for (const [timeoutMillis, limited] of [
      [5000, true],
      [0, false],
      [-1, false],
    ] as const) {
      const { api, requests } = exampleApi();
      const use = async (_port: number, url: string) =>
        void (await post(`${url}/v1/models/m:classify`, '{"examples": [{}]}'));
      await withRest(api, use, { timeoutMillis });
      assert.equal(Number.isFinite(requests[0]?.deadlineMillis), limited);
    }
  });

  it('refuse a body that is missing, malformed or without examples', async () => {
    await withRest(exampleApi().api, async (_port, url) => {
      await assertError(await post(`${url}/v1/models/m:classify`, ''), 400, /no body/);
      await assertError(await post(`${url}/v1/models/m:classify`, '{"examples": [}'), 400, /not valid JSON/);
      await assertError(await post(`${url}/v1/models/m:regress`, '{}'), 400, /'examples' is expected/);
    });
  });

  it('take a body that is read in several turns', async () => {
    const { api } = exampleApi();
    const examples = `{"examples": [${'{"x": [1.5, 2.5, 3.5, 4.5], "text": "abcdefgh"},'.repeat(15_000)}{}]}`;
    await withRest(api, async (_port, url) => {
      const large = post(`${url}/v1/models/m:regress`, examples);
      const { results } = (await (await large).json()) as { results: number[] };
      assert.equal(results.length, 15_001);
      assert.equal(results.at(-1), 0);
    });
  });
});

describe('--rest_api_enable_cors_support', () => {
  const CORS = ['access-control-allow-origin', 'access-control-allow-methods', 'access-control-allow-headers'];
  const corsOf = (reply: Response) => CORS.map((name) => reply.headers.get(name));

  it('adds three Access-Control-Allow-* headers to every answer', async () => {
    const use = async (_port: number, url: string) => {
      const replies = [
        await post(`${url}/v1/models/m:predict`, 'x'),
        await post(`${url}/v1/models/m:classify`, ''),
        await fetch(`${url}/v1/models/m`),
        await fetch(`${url}/v1/models/m/versions/99999999999999999999`),
        await fetch(`${url}/nothing`),
        await fetch(`${url}/v1/models/m:predict`, { method: 'OPTIONS', headers: { Origin: 'https://a.example' } }),
      ];
      assert.deepEqual(
        replies.map(({ status }) => status),
        [200, 400, 200, 400, 404, 200],
      );
      for (const reply of replies)
        assert.deepEqual(corsOf(reply), ['*', 'POST, GET', 'Content-Type, x-priority, x-request-timeout-ms']);
    };
    await withRest(fakeApi().api, use, { cors: true });
  });

  it('adds none by default', async () => {
    await withRest(fakeApi().api, async (_port, url) => {
      assert.deepEqual(corsOf(await fetch(`${url}/v1/models/m`)), [null, null, null]);
    });
  });
});

describe('GET /readyz and /livez', () => {
  it('tell whether the server is ready, and why not, and that it lives', async () => {
    let reasons: string[] = [];
    await withRest(fakeApi({ obstacles: () => reasons }).api, async (_port, url) => {
      const [ready, live] = [await fetch(`${url}/readyz`), await fetch(`${url}/livez?verbose`)];
      assert.deepEqual([ready.status, live.status], [200, 200]);
      assert.deepEqual(await ready.json(), { status: 'ok', reasons: [] });
      reasons = ['It is busy.'];
      const blocked = await fetch(`${url}/readyz`);
      assert.equal(blocked.status, 503);
      assert.equal(blocked.headers.get('content-type'), 'application/json');
      assert.deepEqual(await blocked.json(), { status: 'not ready', reasons });
      assert.equal((await fetch(`${url}/livez`)).status, 200);
      assert.equal((await fetch(`${url}/livezz`)).status, 404);
      assert.equal((await post(`${url}/readyz`, 'x')).status, 404);
    });
  });
});

describe('other routes', () => {
  it('list all models with the states of their versions', async () => {
    const id = { name: 'm', version: 7n };
    const models: Api['models'] = () => [
      { name: 'm', states: [{ id, state: ManagerState.AVAILABLE }] },
      { name: 'none yet', states: [] },
    ];
    await withRest(fakeApi({ models }).api, async (_port, url) => {
      const reply = await fetch(`${url}/v1/models`);
      assert.equal(reply.headers.get('content-type'), 'application/json');
      const status = { error_code: 'OK', error_message: '' };
      assert.deepEqual(await reply.json(), {
        models: [
          { name: 'm', model_version_status: [{ version: '7', state: 'AVAILABLE', status }] },
          { name: 'none yet', model_version_status: [] },
        ],
      });
    });
  });

  it('answer with the status of a model, or why there is none', async () => {
    await withRest(fakeApi().api, async (_port, url) => {
      const reply = await fetch(`${url}/v1/models/m/versions/7`);
      assert.equal(reply.headers.get('content-type'), 'application/json');
      assert.match(await reply.text(), /^\{\n "model_version_status": \[\n {2}\{\n {3}"version": "7",\n/);
      await assertError(await fetch(`${url}/v1/models/missing`), 404, /^Could not find any versions of model missing$/);
    });
  });

  it('answer with the metadata of a model', async () => {
    await withRest(fakeApi().api, async (_port, url) => {
      const reply = (await (await fetch(`${url}/v1/models/m/metadata`)).json()) as { model_spec: unknown };
      assert.deepEqual(reply.model_spec, { name: 'm', signature_name: '', version: '1' });
    });
  });

  it('answer with the configuration in force at GET /v1/config, and nowhere else', async () => {
    const { api } = fakeApi({ effectiveConfig: () => ({ origin: 'flags' }) });
    await withRest(api, async (_port, url) => {
      const reply = await fetch(`${url}/v1/config`);
      assert.equal(reply.status, 200);
      assert.equal(reply.headers.get('content-type'), 'application/json');
      assert.equal(await reply.text(), '{\n "origin": "flags"\n}\n');
      await assertError(await fetch(`${url}/v1/config/x`), 400, /^Malformed request: GET \/v1\/config\/x$/);
      await assertError(
        await fetch(`${url}/v1/config`, { method: 'POST' }),
        400,
        /^Malformed request: POST \/v1\/config$/,
      );
    });
  });

  it('make the query string part of the name', async () => {
    const names: string[] = [];
    const modelStatus: Api['modelStatus'] = ({ name }) => {
      names.push(name);
      return [];
    };
    await withRest(fakeApi({ modelStatus }).api, async (_port, url) => void (await fetch(`${url}/v1/models/m?x=%20y`)));
    assert.deepEqual(names, ['m?x= y']);
  });

  it('name method and path of a malformed request', async () => {
    await withRest(fakeApi().api, async (_port, url) => {
      await assertError(
        await post(`${url}/v1/models/m:predict?a=1`, 'x'),
        400,
        /^Malformed request: POST \/v1\/models\/m:predict\?a=1$/,
      );
      await assertError(
        await fetch(`${url}/v1/models/m:predict`),
        400,
        /^Malformed request: GET \/v1\/models\/m:predict$/,
      );
      await assertError(
        await fetch(`${url}/v1/nothing`, { method: 'DELETE' }),
        400,
        /^Malformed request: DELETE \/v1\/nothing$/,
      );
    });
  });

  it('answer a version beyond int64 with an empty 400', async () => {
    await withRest(fakeApi().api, async (_port, url) => {
      const reply = await fetch(`${url}/v1/models/m/versions/9223372036854775808`);
      assert.equal(reply.status, 400);
      assert.equal(await reply.text(), '');
    });
  });

  it('answer OPTIONS by its Origin, without a body', async () => {
    await withRest(fakeApi().api, async (port) => {
      for (const [origin, status] of [
        ['https://a.example', 200],
        ['http://a.example', 200],
        ['file://x', 400],
        ['', 400],
      ] as const) {
        const client = await RawClient.connect(port);
        const header = origin === '' ? '' : `Origin: ${origin}\r\n`;
        client.send(`OPTIONS /v1/models/m:predict HTTP/1.1\r\nHost: h\r\n${header}\r\n`);
        const text = await client.until((t) => t.includes('\r\n\r\n'));
        assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*Content-Length: 0\r\n\r\n$`));
        client.close();
      }
    });
  });

  it('are not found as HTML outside of /v1/', async () => {
    await withRest(fakeApi().api, async (_port, url) => {
      const reply = await fetch(`${url}/`);
      assert.equal(reply.status, 404);
      assert.equal(reply.headers.get('content-type'), 'text/html');
      assert.match(await reply.text(), /<html>/);
    });
  });
});
