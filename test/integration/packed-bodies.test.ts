/** Requests that are packed: what they unpack to is bounded before it exists, at every door, and holds up nobody else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Code } from '../../src/errors.js';
import { callOn, message } from '../support/grpc-transport.js';
import { withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const MIB = 2 ** 20;
const BOMBS = 8;
/** 125 KB that unpack to 128 MiB, a thousand times as much. */
const bomb = gzipSync(Buffer.alloc(128 * MIB, ' '));

function residentBytes(pid: number): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

async function usedTensorMemory(rest: number): Promise<string | undefined> {
  const metrics = await (await fetch(`http://127.0.0.1:${rest}/metrics`)).text();
  return /^tensorgate_tensor_memory_bytes\{kind="used"\} (\d+)$/m.exec(metrics)?.[1];
}

const eachBomb = <T>(send: () => Promise<T>) => Promise.all(Array.from({ length: BOMBS }, send));

function postBomb(rest: number, path: string): Promise<Response> {
  const headers = { 'Content-Encoding': 'gzip' };
  return fetch(`http://127.0.0.1:${rest}/v1/models/${path}`, { method: 'POST', headers, body: bomb });
}

async function predictBomb(grpc: number) {
  const session = http2.connect(`http://127.0.0.1:${grpc}`);
  try {
    const headers = { 'grpc-encoding': 'gzip' };
    const path = '/tensorflow.serving.PredictionService/Predict';
    return await callOn(session, message(bomb, { compressed: 1 }), { path, headers });
  } finally {
    session.destroy();
  }
}

test('Bodies that unpack to a thousand times their length are refused before they take memory', LIMIT, () =>
  withServer([], async ({ ports, pid }) => {
    const before = residentBytes(pid);
    const usedBefore = await usedTensorMemory(ports.rest);
    for (const verb of ['predict', 'classify', 'regress']) {
      for (const reply of await eachBomb(() => postBomb(ports.rest, `half_plus_two:${verb}`))) {
        assert.equal(reply.status, 413);
        assert.match(await reply.text(), /more than 200 times its \d+ bytes.*--max_unpack_ratio/);
      }
    }
    for (const { status, text } of await eachBomb(() => predictBomb(ports.grpc))) {
      assert.equal(status, Code.RESOURCE_EXHAUSTED);
      assert.match(text, /more than 200 times/);
    }
    // Unpacked to their end, 8 bombs are 1 GiB.
    const grown = residentBytes(pid) - before;
    assert.ok(grown < 512 * MIB, `the process grew by ${Math.round(grown / MIB)} MiB`);
    assert.equal(await usedTensorMemory(ports.rest), usedBefore, 'all of it has been given back');
  }),
);

test('--max_unpack_ratio=0 lets a body become as long as --max_unpacked_request_bytes allows', LIMIT, () =>
  withServer(['--max_unpack_ratio=0'], async ({ ports }) => {
    const body = gzipSync(`{"instances": [4]}${' '.repeat(10 * MIB)}`);
    const headers = { 'Content-Encoding': 'gzip' };
    const url = `http://127.0.0.1:${ports.rest}/v1/models/half_plus_two:predict`;
    const reply = await fetch(url, { method: 'POST', headers, body });
    assert.deepEqual([reply.status, await reply.json()], [200, { predictions: [4] }]);
  }),
);
