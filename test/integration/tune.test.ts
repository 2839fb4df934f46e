/** `tensorgate tune` with servers: what it prints, what it refuses, and that it leaves nothing behind. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runLoad } from '../../src/tune/load.js';
import { whatToCopy } from '../../src/tune/report.js';
import { batchingSettings, type Settings, threadSettings } from '../../src/tune/settings.js';
import { withTunedServer } from '../../src/tune/tuned-server.js';
import { type ChildOptions, runNode } from '../support/child-program.js';
import { modelPath, withModelCopy, withTempDir } from '../support/models.js';
import { withServer } from '../support/with-server.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const LIMIT = { timeout: 180_000 };
const SHORT = ['--seconds=0.05', '--rounds=1', '--in_flight=1,4'];

function tune(args: readonly string[], options: ChildOptions = {}) {
  return runNode([MAIN, 'tune', ...args], { timeoutMillis: 150_000, ...options });
}

describe('tensorgate tune', LIMIT, () => {
  it('says how long it takes, then prints a table, a plot and the best settings, and writes a report', () =>
    withTempDir(async (folder) => {
      const html = join(folder, 'report.html');
      const { status, stdout, stderr } = await tune([modelPath('half_plus_two'), ...SHORT, `--html=${html}`]);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /settings take about \d+ (s|min \d+ s)\.\n\n\| {3}\| settings/);
      const rows = stdout.match(/^\| [a-z] \|.*\| +0 \|$/gm) ?? [];
      assert.ok(rows.length >= 2 * 7, stdout);
      assert.match(stdout, /^ +\+-+$/m);
      assert.match(stdout, /^(Most answers|Most answers and lowest latency): .*answers\/s/m);
      assert.match(readFileSync(html, 'utf8'), /<\/svg>/);
    }));

  it('measures a model that is not batched with settings of threads only, with the requests of a file', () =>
    withTempDir(async (folder) => {
      const file = join(folder, 'requests.json');
      await writeFile(file, '{"inputs": {"x": [[1, 2]]}}');
      const { status, stdout, stderr } = await tune([modelPath('no_batch'), ...SHORT, `--requests=${file}`]);
      assert.equal(status, 0, stdout + stderr);
      assert.match(stdout, /requests: 1 from .*requests\.json\./);
      assert.doesNotMatch(stdout, /max_batch_size/);
    }));

  it('prints how it is used', async () => {
    for (const args of [[], ['--help']]) {
      const { status, stdout } = await tune(args);
      assert.equal(status, 0);
      assert.match(stdout, /^Usage: tensorgate tune DIR \[flags\]\n/);
    }
  });

  it('says in the words of the server why a model cannot be loaded', () =>
    withModelCopy('variables_v1', async (basePath) => {
      await rm(join(basePath, '1/variables'), { recursive: true });
      const { status, stderr } = await tune([basePath, ...SHORT]);
      assert.equal(status, 1);
      assert.match(
        stderr,
        /^tensorgate: FAILED_PRECONDITION: No server could be started to be measured: [A-Z_]+: .*variables/,
      );
    }));

  it('says before it measures that the report cannot be written', () =>
    withTempDir(async (folder) => {
      for (const path of [folder, join(folder, 'none/report.html')]) {
        const { status, stdout, stderr } = await tune([modelPath('half_plus_two'), ...SHORT, `--html=${path}`]);
        assert.equal(status, 1);
        assert.equal(stdout, '');
        assert.ok(stderr.startsWith(`tensorgate: FAILED_PRECONDITION: --html=${path} cannot be written: `), stderr);
      }
    }));

  it('says that a server ended while it was measured', async () => {
    const { signal } = new AbortController();
    const request = { path: '/v1/models/m:predict', body: Buffer.from('{"instances": [1]}') };
    const flags = [`--model_base_path=${modelPath('half_plus_two')}`, '--model_name=m'];
    const measured = withTunedServer(flags, signal, (port) => {
      for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL');
      return runLoad({ port, requests: [request], inFlight: 2, warmUpMillis: 10, millis: 60_000 }, signal);
    });
    await assert.rejects(measured, /The server that was measured ended by itself \(SIGKILL\)/);
  });

  it('prints flags and a file with which a server starts', () =>
    withTempDir(async (folder) => {
      const [threads] = threadSettings(2).slice(1);
      const settings = batchingSettings(threads as Settings).at(-1) as Settings;
      const [flags = '', ...text] = whatToCopy({ settings, levels: [] }).split(/\n(?: {2}batching.pbtxt:\n)?/);
      await writeFile(join(folder, 'batching.pbtxt'), text.join('\n'));
      const given = flags
        .trim()
        .replace('=batching.pbtxt', `=${join(folder, 'batching.pbtxt')}`)
        .split(' ');
      assert.equal(given.length, 4, flags);
      await withServer(
        [...given, `--model_base_path=${modelPath('half_plus_two')}`, '--model_name=m'],
        async ({ ports, logs }) => {
          const body = '{"instances": [1, 2]}';
          const reply = await fetch(`http://127.0.0.1:${ports.rest}/v1/models/m:predict`, { method: 'POST', body });
          assert.equal(reply.status, 200, logs());
          assert.doesNotMatch(logs(), /unknown|unrecognized/i);
        },
      );
    }));

  it('says what is wrong with a folder that holds no model', () =>
    withTempDir(async (folder) => {
      const { status, stderr } = await tune([folder, ...SHORT]);
      assert.equal(status, 1);
      assert.match(stderr, /^tensorgate: [A-Z_]+: .*saved_model/);
    }));

  it('ends its server and removes its folder when it is interrupted', async () => {
    const servers: number[] = [];
    const folders: string[] = [];
    let interrupted = false;
    const onOutput = (pid: number, stdout: string): void => {
      if (interrupted || !stdout.includes('settings take')) return;
      interrupted = true;
      setTimeout(() => {
        servers.push(...childrenOf(pid));
        folders.push(...servers.flatMap(basePathOf));
        process.kill(pid, 'SIGINT');
      }, 300);
    };
    const { status, stderr } = await tune([modelPath('half_plus_two'), '--seconds=5'], { onOutput });
    assert.equal(status, 1);
    assert.match(stderr, /tensorgate: CANCELLED: The tuning was ended by SIGINT\.\n$/);
    assert.equal(servers.length, 1);
    for (const path of [...servers.map((pid) => `/proc/${pid}`), ...folders]) assert.ok(!existsSync(path), path);
  });
});

function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const texts = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1'));
  return texts.join(' ').split(' ').filter(Boolean).map(Number);
}

function basePathOf(pid: number): string[] {
  const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return args.flatMap((arg) => /^--model_base_path=(.*)$/.exec(arg)?.[1] ?? []);
}
