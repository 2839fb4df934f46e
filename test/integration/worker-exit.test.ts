/** How processes and threads that use the addon end, each proven in a process of its own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type ChildOptions, type ChildResult, runNode, runProgram } from '../support/child-program.js';
import { modelPath } from '../support/models.js';

const NAMES = ['openLibrary', 'withPool', 'withModel', 'loaderOf', 'runOne', 'testRequest', 'floats'];

/** Gives the program `pool` with two workers, `model` (the slow one) and `slow(millis)`, which runs it. */
const WITH_WORKERS = `
  import { WorkerPool } from ${JSON.stringify(new URL('../../src/workers/pool.js', import.meta.url).href)};
  import { exitNow } from ${JSON.stringify(new URL('../../src/workers/tensorflow.js', import.meta.url).href)};
  await openLibrary();
  const pool = new WorkerPool({ device: 'CPU:0', workers: 2 });
  const loader = loaderOf(${JSON.stringify(join(modelPath('slow'), '1'))}, pool);
  const model = await loader.load();
  const slow = (millis) => runOne(model, testRequest([{ name: 'millis', dtype: 1, shape: [1], bytes: floats(millis) }]));
  await slow(1);
`;

/** Long enough for the machine to be busy with something else, short enough to tell that nobody waits for a run. */
const SOON_MILLIS = process.env.TENSORGATE_SANITIZED === undefined ? 5000 : 15_000;

/** Runs the program; `endedMillis` is the time from its last line `now` to its end. */
async function runChild(text: string, options: ChildOptions = {}): Promise<ChildResult & { endedMillis: number }> {
  let nowAt = Number.NaN;
  const onOutput = (_pid: number, stdout: string) => {
    if (Number.isNaN(nowAt) && stdout.includes('now\n')) nowAt = Date.now();
  };
  const result = await runProgram(NAMES, `${WITH_WORKERS}\n${text}`, { onOutput, ...options });
  return { ...result, endedMillis: Date.now() - nowAt };
}

function assertEnded(result: ChildResult & { endedMillis: number }, status: number, withinMillis = SOON_MILLIS): void {
  const what = `${result.signal ?? result.status}, ${result.endedMillis} ms:\n${result.stdout}\n${result.stderr.slice(-2000)}`;
  assert.equal(result.status, status, what);
  assert.ok(result.endedMillis < withinMillis, what);
}

describe('a process with workers', { timeout: 120_000 }, () => {
  it('ends by itself once its pool is closed, with nothing to stop its event loop', async () => {
    assertEnded(await runChild("console.log('now'); await loader.unload(); await pool.close();"), 0);
  });

  it('ends by itself once its pool is closed although a model is still loaded', async () => {
    assertEnded(await runChild("console.log('now'); await pool.close();"), 0);
  });

  it('ends with its own status while workers are still loading the addon', async () => {
    const addon = JSON.stringify(new URL('../../src/native/binding.js', import.meta.url).href);
    for (let millis = 16; millis <= 60; millis += 4) {
      const program = `
        const { Worker } = require('node:worker_threads');
        for (let i = 0; i < 6; i++) new Worker("import(" + JSON.stringify(${addon}) + ")", { eval: true });
        setTimeout(() => process.exit(7), ${millis});`;
      const { status, signal, stderr } = await runNode(['-e', program]);
      assert.equal(status, 7, `after ${millis} ms: ${signal}, ${stderr}`);
    }
  });

  it('can close its pool and make another one, twenty times', async () => {
    const again = `
      for (let i = 0; i < 20; i++) await withModel('half_plus_two', async (model) => {
        const x = { name: 'x', dtype: 1, shape: [1], bytes: floats(i) };
        const { bytes } = await runOne(model, testRequest([x]));
        if (bytes.readFloatLE(0) !== i / 2 + 2) throw new Error('wrong');
      }, 3);
      console.log('now'); await pool.close();`;
    assertEnded(await runChild(again), 0);
  });

  it('ends with its code by process.exit() while its workers are idle', async () => {
    assertEnded(await runChild("console.log('now'); process.exit(7);"), 7);
  });

  it('ends with its code by process.exit() right after its workers began', async () => {
    const text = "new WorkerPool({ device: 'CPU:0', workers: 4 }); console.log('now'); process.exit(3);";
    assertEnded(await runChild(text), 3);
  });

  it('ends by process.exit() while its workers are busy, when their runs are over', async () => {
    const busy =
      "slow(600).catch(() => {}); slow(600).catch(() => {}); await sleep(100); console.log('now'); process.exit(5);";
    assertEnded(await runChild(busy), 5);
  });

  it('ends by process.exit() with hundreds of requests waiting, running none of them', async () => {
    const waiting = `
      for (let i = 0; i < 300; i++) slow(400).catch(() => {});
      await sleep(50); console.log('now'); process.exit(6);`;
    assertEnded(await runChild(waiting), 6);
  });

  it('ends at once by exitNow() in the middle of runs that take a minute', async () => {
    assertEnded(await runChild("slow(60000); slow(60000); await sleep(100); console.log('now'); exitNow(9);"), 9);
  });

  it('ends with 1 and its stack on stderr by an uncaught exception', async () => {
    const idle = await runChild("console.log('now'); setTimeout(() => { throw new Error('nobody catches this'); });");
    assertEnded(idle, 1);
    assert.match(idle.stderr, /nobody catches this/);
    const busy =
      "slow(500).catch(() => {}); await sleep(50); console.log('now'); throw new Error('nobody catches this');";
    assertEnded(await runChild(busy), 1);
  });

  it('ends with 1 by an unhandled rejection of a request', async () => {
    const rejected = "console.log('now'); void runOne(model, testRequest([]));";
    const result = await runChild(rejected);
    assertEnded(result, 1);
    assert.match(result.stderr, /Input 'millis'/);
  });

  it('is ended by SIGTERM and SIGINT as any Node process, idle or busy', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const text = `slow(400); await sleep(50); console.log('now'); process.kill(process.pid, '${signal}'); await sleep(5000);`;
      const result = await runChild(text);
      assert.equal(result.signal, signal, result.stderr);
      assert.ok(result.endedMillis < SOON_MILLIS);
    }
  });

  it('stays alive for a request that is under way although nothing else is', async () => {
    const text = "slow(700).then(() => { console.log('answered'); void pool.close(); }); console.log('now');";
    const result = await runChild(text);
    assert.equal(result.status, 0, result.stderr);
    assert.match(result.stdout, /answered/);
  });
});

describe('a thread that serves a queue', { timeout: 120_000 }, () => {
  const SERVER_THREAD = `
    import { Worker } from 'node:worker_threads';
    import { createRequire } from 'node:module';
    const addon = process.env.TENSORGATE_ADDON ?? ${JSON.stringify(
      new URL('../../../build/Release/tensorgate.node', import.meta.url).pathname,
    )};
    const queue = binding.createQueue();
    const source = "const { serve } = require(" + JSON.stringify(addon) + "); function tick() {}" +
      "require('node:worker_threads').parentPort.postMessage('up'); while (serve(" + queue + ", 50)) tick();";
    const start = async () => {
      const worker = new Worker(source, { eval: true, execArgv: [] });
      await new Promise((resolve) => worker.once('message', resolve));
      return worker;
    };`;

  it('is ended by worker.terminate() while it waits, and the others serve on', async () => {
    const text = `${SERVER_THREAD}
      const [one, two] = [await start(), await start()];
      const began = Date.now();
      await one.terminate();
      if (Date.now() - began > 1500) throw new Error('terminate took ' + (Date.now() - began));
      const other = loaderOf(${JSON.stringify(join(modelPath('half_plus_two'), '1'))}, { queue, watchLane() {}, forgetLane() {} });
      const half = await other.load();
      const { bytes } = await runOne(half, testRequest([{ name: 'x', dtype: 1, shape: [1], bytes: floats(4) }]));
      if (bytes.readFloatLE(0) !== 4) throw new Error('wrong');
      await two.terminate();
      console.log('now'); await pool.close();`;
    assertEnded(await runChild(text), 0);
  });

  it('is ended by worker.terminate() while it runs a model, after that run, which is answered', async () => {
    const text = `${SERVER_THREAD}
      const worker = await start();
      const other = loaderOf(${JSON.stringify(join(modelPath('slow'), '1'))}, { queue, watchLane() {}, forgetLane() {} });
      const busy = await other.load();
      const answer = runOne(busy, testRequest([{ name: 'millis', dtype: 1, shape: [1], bytes: floats(400) }]));
      await sleep(100);
      await worker.terminate();
      if ((await answer).bytes.readFloatLE(0) !== 400) throw new Error('wrong');
      console.log('now'); await pool.close();`;
    assertEnded(await runChild(text), 0);
  });

  it('is ended by terminate() thirty times in a row without a crash', async () => {
    const text = `${SERVER_THREAD}
      for (let i = 0; i < 30; i++) { const worker = await start(); if (i % 2) await sleep(i % 7); await worker.terminate(); }
      console.log('now'); await pool.close();`;
    assertEnded(await runChild(text), 0);
  });

  it('can hold sessions and requests of its own: they are given back when it ends', async () => {
    const inThread = new URL('../support/in-process-model.js', import.meta.url).href;
    const text = `
      import { Worker } from 'node:worker_threads';
      const path = ${JSON.stringify(join(modelPath('slow'), '1'))};
      const source = 'import(' + JSON.stringify(${JSON.stringify(inThread)}) + ').then(async (support) => {' +
        'const model = await support.loaderOf(' + JSON.stringify(path) + ', { device: "CPU:0", queue: ' + pool.queue + ', watchLane() {}, forgetLane() {} }).load();' +
        'const slow = (ms) => support.runOne(model, support.testRequest(' +
        '[{ name: "millis", dtype: 1, shape: [1], bytes: support.floats(ms) }]));' +
        'await slow(1); for (let i = 0; i < 8; i++) slow(50).catch(() => {});' +
        'require("node:worker_threads").parentPort.postMessage("up"); });';
      for (let i = 0; i < 3; i++) {
        const worker = new Worker(source, { eval: true, execArgv: [] });
        await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
        await worker.terminate();
      }
      await slow(1);
      console.log('now'); await pool.close();`;
    assertEnded(await runChild(text), 0, 5000);
  });
});
