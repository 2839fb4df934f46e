import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildOnce } from '../support/build-once.js';
import { freePorts } from '../support/free-port.js';
import { modelPath, withModelCopy, withTempDir } from '../support/models.js';
import { runProcess } from '../support/run-process.js';
import { type TestServer, withServer } from '../support/with-server.js';

/** Runs `fn` with a server whose whole program is `script`. */
async function withScript(
  script: string,
  fn: (server: TestServer) => Promise<void>,
  flags: string[] = [],
  readyTimeoutMillis = 20_000,
): Promise<void> {
  await withTempDir(async (folder) => {
    const entry = join(folder, 'server.mjs');
    writeFileSync(entry, script);
    await withServer(flags, fn, { entry, readyTimeoutMillis });
  });
}

const READY = `console.error('I tensorgate is ready'); const timer = setInterval(() => {}, 1000);`;
/** The handler comes first: the test may send its signal as soon as it has read that the server is ready. */
const POLITE = `process.on('SIGTERM', () => { console.log('bye'); process.exitCode = 3; clearInterval(timer); }); ${READY}`;

describe('withServer()', () => {
  it('waits for the ready line, and tells ports, log and exit status', async () => {
    await withScript(
      `console.log(process.argv.slice(2).join(' ')); ${POLITE}`,
      async (server) => {
        const { grpc, rest, graphpipe } = server.ports;
        assert.match(
          server.logs(),
          new RegExp(`--port=${grpc} --rest_api_port=${rest} --graphpipe_port=${graphpipe} --x=1`),
        );
        assert.equal(new Set([grpc, rest, graphpipe]).size, 3);
        assert.equal(await server.stop(), 3);
        assert.match(server.logs(), /bye/);
      },
      ['--x=1'],
    );
  });

  it('leaves ports alone that the flags give', async () => {
    await withScript(POLITE, async ({ ports }) => assert.equal(ports.rest, 0), ['--rest_api_port=0']);
  });

  it('fails with the log when the server ends before it is ready', async () => {
    await assert.rejects(
      withScript(`console.error('no model'); process.exitCode = 255;`, async () => assert.fail('must not run')),
      /^Error: The server ended with 255 before it was ready\. It printed:\nno model\n/,
    );
  });

  it('fails with the log when the server does not get ready in time', async () => {
    const script = `console.error('loading'); setInterval(() => {}, 1000);`;
    await assert.rejects(
      withScript(script, async () => assert.fail('must not run'), [], 500),
      /took longer than 500 ms before it was ready\. It printed:\nloading/,
    );
  });

  it('ends the process when the test fails', async () => {
    let pid = 0;
    const failing = withScript(READY.replace('console.error', 'console.log'), async (server) => {
      pid = server.pid;
      server.logs = () => '';
      throw new Error('the test failed');
    });
    await assert.rejects(failing, /the test failed/);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });
});

describe('freePorts()', () => {
  it('gives different ports that can be bound', async () => {
    const ports = await freePorts(5);
    assert.equal(new Set(ports).size, 5);
    for (const port of ports) {
      await new Promise<void>((resolve, reject) => {
        const server = createServer().once('error', reject);
        server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
      });
    }
  });
});

describe('test models', () => {
  it('can be copied, and the copy is gone afterwards', async () => {
    const copy = await withModelCopy('half_plus_two', async (basePath) => {
      assert.deepEqual(readdirSync(basePath), readdirSync(modelPath('half_plus_two')));
      return basePath;
    });
    assert.equal(existsSync(copy), false);
  });

  it('are listed when the one asked for does not exist', () => {
    assert.throws(() => modelPath('half_plus_tow'), /No test model half_plus_tow\. There are: .*half_plus_two/);
  });
});

describe('buildOnce()', () => {
  it('builds once for several who ask at the same time', () =>
    withTempDir(async (folder) => {
      let builds = 0;
      const build = async (aside: string) => {
        builds += 1;
        mkdirSync(aside);
        await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await Promise.all([1, 2, 3].map(() => buildOnce(join(folder, 'sub/made'), build)));
      assert.equal(builds, 1);
      assert.deepEqual(readdirSync(join(folder, 'sub')), ['made']);
    }));

  it('leaves nothing behind when the build fails', () =>
    withTempDir(async (folder) => {
      const failing = buildOnce(join(folder, 'made'), async (aside) => {
        mkdirSync(aside);
        throw new Error('no network');
      });
      await assert.rejects(failing, /no network/);
      assert.deepEqual(readdirSync(folder), []);
    }));

  it('takes over from a builder that died', () =>
    withTempDir(async (folder) => {
      const made = join(folder, 'made');
      // Above the largest process id that Linux gives out.
      writeFileSync(`${made}.lock`, '4194305');
      mkdirSync(`${made}.building`);
      await buildOnce(made, async (aside) => void mkdirSync(aside));
      assert.deepEqual(readdirSync(folder), ['made']);
    }));
});

describe('runProcess()', () => {
  it('gives what the program printed', async () => {
    assert.equal(await runProcess(process.execPath, ['-p', '1+1']), '2\n');
  });

  it('fails with the status and what the program said on stderr', async () => {
    const script = 'console.error("oh no"); process.exitCode = 7';
    await assert.rejects(runProcess(process.execPath, ['-e', script]), /ended with 7:\noh no/);
  });

  it('kills a program that takes too long', async () => {
    await assert.rejects(
      runProcess(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMillis: 300 }),
      /ended with SIGKILL/,
    );
  });

  it('fails where there is no such program', async () => {
    await assert.rejects(runProcess('no-such-program', []), { code: 'ENOENT' });
  });
});
