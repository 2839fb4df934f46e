/** Loads that take their time must not hold up what Node does in its few threads: files, gunzip. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gunzip, gzipSync } from 'node:zlib';
import { decodeMessage } from '../../src/formats/protobuf.js';
import { ConfigProto } from '../../src/gen/messages.js';
import { binding } from '../../src/native/binding.js';
import { loadSession, MOST_LOADS } from '../../src/servables/load-session.js';
import { generalSessionConfig, remoteSessionConfig } from '../../src/servables/session-config.js';
import { runProgram } from '../support/child-program.js';
import { openLibrary } from '../support/in-process-model.js';
import { modelPath } from '../support/models.js';

const LIMIT = { timeout: 60_000 };
const DIRECTORY = join(modelPath('half_plus_two'), '1');
const LOADS = 8; // Node has four threads

/** A TensorFlow server that never says a word. */
async function withSilentServer(use: (target: string) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`grpc://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

describe('Loads that hang', LIMIT, () => {
  it('hold up neither files nor gunzip, however many they are, and end after operation_timeout_in_ms', () =>
    withSilentServer(async (target) => {
      await openLibrary();
      let ended = 0;
      const loads = Array.from({ length: LOADS }, async (_, index) => {
        const base = { ...decodeMessage(ConfigProto, new Uint8Array()), operation_timeout_in_ms: BigInt(3000 + index) };
        const config = remoteSessionConfig({ intraOp: 0, interOp: 0, base });
        const load = binding.loadSession({
          directory: DIRECTORY,
          tags: ['serve'],
          config,
          interruptible: true,
          target,
        });
        await assert.rejects(load, { code: 4 });
        ended += 1;
      });
      const all = Promise.all(loads);
      await readFile(import.meta.filename);
      await promisify(gunzip)(gzipSync('x'));
      assert.equal(ended, 0);
      await all;
    }));

  it('are waited for by a process that ends meanwhile', async () => {
    const { status, stderr } = await runProgram(
      ['openLibrary'],
      `await openLibrary();
      const options = { tags: ['serve'], config: new Uint8Array(), interruptible: false };
      for (const model of ['half_plus_two', 'digits', 'slow'])
        void binding.loadSession({ ...options, directory: ${JSON.stringify(modelPath(''))} + '/' + model + '/1' });
      process.exit(7);`,
    );
    assert.equal(status, 7, stderr);
  });
});

const threads = () => readdirSync('/proc/self/task').length;

describe('Loads of this process', { ...LIMIT, skip: process.platform !== 'linux' }, () => {
  it('are so many at a time as there are cores, at least four: the others wait', async () => {
    await openLibrary();
    const load = (timeout: bigint) => {
      const base = { ...decodeMessage(ConfigProto, new Uint8Array()), operation_timeout_in_ms: timeout }; // not shared
      const config = generalSessionConfig({ intraOp: 0, interOp: 0, base });
      return loadSession({ directory: DIRECTORY, tags: ['serve'], config, interruptible: false });
    };
    const sessions = [await load(1n)]; // TensorFlow's own threads
    const before = threads();
    let most = before;
    const loads = Array.from({ length: 6 * MOST_LOADS }, async (_, index) => {
      sessions.push(await load(BigInt(index + 2)));
      most = Math.max(most, threads());
    });
    most = Math.max(most, threads());
    await Promise.all(loads);
    assert.ok(most > before, 'no load had a thread of its own');
    assert.ok(most - before <= MOST_LOADS, `${most - before} more threads`);
    await Promise.all(sessions.map(({ id }) => binding.releaseSession(id)));
  });
});
