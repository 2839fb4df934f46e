/** Models whose runs do not end by themselves, or not soon: what becomes of them, and of the others. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { modelPath, withTempDir } from '../support/models.js';
import { node, type TextModel, writeTextModel } from '../support/text-models.js';
import { type TestServer, withServer } from '../support/with-server.js';

/** Puts `x` into a queue that holds one element: the second run waits until somebody takes the first one out. */
const QUEUE: TextModel = {
  inputs: [{ name: 'x', dtype: 'DT_FLOAT' }],
  outputs: [{ name: 'y', dtype: 'DT_FLOAT' }],
  nodes: `
    node { name: "queue" op: "FIFOQueueV2" attr { key: "capacity" value { i: 1 } }
      attr { key: "component_types" value { list { type: DT_FLOAT } } }
      attr { key: "shared_name" value { s: "queue" } } }
    node { name: "enqueue" op: "QueueEnqueueV2" input: "queue" input: "x"
      attr { key: "Tcomponents" value { list { type: DT_FLOAT } } } }
    ${node('y', 'Identity', 'DT_FLOAT', ['x', '^enqueue'])}`,
};

/** With `queue`, `slow` and `half_plus_two`, two workers, and nothing joined. */
async function withBlocking(flags: readonly string[], use: (server: TestServer) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    await writeTextModel(join(folder, 'queue'), QUEUE);
    const paths = {
      queue: join(folder, 'queue'),
      slow: modelPath('slow'),
      half_plus_two: modelPath('half_plus_two'),
    };
    const entries = Object.entries(paths).map(
      ([name, path]) => `config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" }`,
    );
    const file = join(folder, 'models.txt');
    await writeFile(file, `model_config_list { ${entries.join(' ')} }`);
    const fixed = ['--num_workers=2', '--enable_batching=false'];
    await withServer([`--model_config_file=${file}`, ...fixed, ...flags], use);
  });
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function predict({ ports }: TestServer, model: string, value: number, headers = {}): Promise<Answer> {
  const url = `http://127.0.0.1:${ports.rest}/v1/models/${model}:predict`;
  const reply = await fetch(url, { method: 'POST', body: JSON.stringify({ instances: [value] }), headers });
  return { status: reply.status, text: await reply.text() };
}

async function get({ ports }: TestServer, path: string): Promise<Answer> {
  const reply = await fetch(`http://127.0.0.1:${ports.rest}${path}`);
  return { status: reply.status, text: await reply.text() };
}

async function metric(server: TestServer, name: string): Promise<number> {
  const { text } = await get(server, '/metrics');
  return Number(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    assert.ok(tries < 600, `never: ${what}`);
    await sleep(50);
  }
}

const LIMIT_MILLIS = 1500;
const LIMITED = [`--max_run_time_in_ms=${LIMIT_MILLIS}`];

describe('a run that blocks', { timeout: 180_000 }, () => {
  it('is ended after the limit, and its model loaded anew; others are served meanwhile', async () => {
    await withBlocking(LIMITED, async (server) => {
      assert.equal((await predict(server, 'queue', 1)).status, 200);
      const blocked = [predict(server, 'queue', 2), predict(server, 'queue', 3)];
      assert.equal((await predict(server, 'half_plus_two', 2)).status, 200);
      for (const { status, text } of await Promise.all(blocked)) {
        assert.equal(status, 504);
        assert.match(text, /has not ended within 1500 ms.*--max_run_time_in_ms/);
      }
      await until('the model is loaded anew', async () => (await predict(server, 'queue', 4)).status === 200);
      await until('no worker is held', async () => (await metric(server, 'tensorgate_held_workers')) === 0);
      assert.equal((await get(server, '/readyz')).status, 200);
      assert.equal(await metric(server, 'tensorgate_blocked_runs_total'), 2);
      // And once more, with the session that is there now.
      assert.equal((await predict(server, 'queue', 5)).status, 504);
      await until('the model is loaded anew again', async () => (await predict(server, 'queue', 6)).status === 200);
      assert.equal((await predict(server, 'half_plus_two', 2)).status, 200);
    });
  });

  it('has its worker replaced once nobody waits for it any more, long before the limit', async () => {
    await withBlocking(['--max_run_time_in_ms=600000'], async (server) => {
      const timeout = { 'x-request-timeout-ms': '500' };
      assert.equal((await predict(server, 'queue', 1)).status, 200);
      const blocked = [predict(server, 'queue', 2, timeout), predict(server, 'queue', 3, timeout)];
      for (const { status } of await Promise.all(blocked)) assert.equal(status, 504);
      assert.equal((await predict(server, 'half_plus_two', 2)).status, 200);
      assert.equal(await metric(server, 'tensorgate_held_workers'), 2);
      // The workers in their place are not for the model that holds them.
      const third = await predict(server, 'queue', 4, timeout);
      assert.ok(third.status === 504 || third.status === 429, String(third.status));
      assert.equal(await metric(server, 'tensorgate_held_workers'), 2);
      assert.equal((await predict(server, 'half_plus_two', 2)).status, 200);
    });
  });

  it('has its model refuse requests with the reason until it has been loaded anew', async () => {
    await withBlocking(LIMITED, async (server) => {
      const running = predict(server, 'slow', 20_000);
      const seen: { refused?: Answer; ready?: Answer; live?: Answer } = {};
      await until('the model is blocked, and /readyz says so', async () => {
        const [refused, ready, live] = await Promise.all([
          predict(server, 'slow', 1),
          get(server, '/readyz'),
          get(server, '/livez'),
        ]);
        Object.assign(seen, { refused, ready, live });
        return refused.status === 503 && ready.status === 503;
      });
      assert.match(seen.refused?.text ?? '', /Model 'slow' takes no requests for now.*--max_run_time_in_ms/);
      const { reasons } = JSON.parse(seen.ready?.text ?? '') as { reasons: string[] };
      assert.match(reasons.join(), /slow.*is blocked/);
      assert.equal(seen.live?.status, 200);
      assert.equal((await predict(server, 'half_plus_two', 2)).status, 200);
      assert.equal((await running).status, 504);
      await until('the model is loaded anew', async () => (await predict(server, 'slow', 1)).status === 200);
      assert.equal((await get(server, '/readyz')).status, 200);
    });
  });

  it('does not keep the server from ending on SIGTERM, in its time and with status 0', async () => {
    const flags = ['--max_run_time_in_ms=0', '--drain_timeout_seconds=2'];
    await withBlocking(flags, async (server) => {
      assert.equal((await predict(server, 'queue', 1)).status, 200);
      const blocked = predict(server, 'queue', 2).catch(() => undefined);
      await sleep(200);
      assert.equal(await server.stop(), 0);
      await blocked;
    });
  });
});
