/** Requests share runs where rows are independent, and only there: under load at each door, each gets the answer that it gets alone. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { differenceOf } from '../support/bundled-calls.js';
import {
  type Answers,
  DOOR_NAMES,
  type DoorClient,
  type DoorName,
  type PredictCall,
  withDoorClients,
} from '../support/door-clients.js';
import { configText } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { DEPENDENT_MODELS, INDEPENDENT_MODELS, type RowModel, rowsCall } from '../support/row-models.js';
import { type TestServer, withServer } from '../support/with-server.js';

/** At each door, at the same time. */
const CLIENTS = 32;
const REQUESTS_OF_A_CLIENT = 3;
const DIFFERENT_CALLS = 24;
/** Of an answer's numbers, all of which are below 100: a product of matrices sums in another order where it has more rows. */
const TOLERANCE = 2e-5;

type Clients = Record<DoorName, DoorClient>;

interface KnownAnswer {
  readonly call: PredictCall;
  readonly alone: Answers;
}

const numbers = (values: readonly unknown[] | undefined) => (values ?? []) as readonly number[];

/** What is wrong about an answer; undefined if nothing is. */
function wrongness({ isPlausible }: RowModel, { call, alone }: KnownAnswer, answers: Answers): string | undefined {
  if (isPlausible === undefined) return differenceOf(answers, alone, TOLERANCE);
  const [x, y] = [numbers(call.inputs.x?.values), numbers(answers.y?.values)];
  return isPlausible(x, y) ? undefined : `y is ${y} for x = ${x}`;
}

/** Calls of one to three rows, with what each is answered when nothing else is asked. */
async function askAlone(model: RowModel, client: DoorClient): Promise<KnownAnswer[]> {
  const known: KnownAnswer[] = [];
  for (let seed = 1; seed <= DIFFERENT_CALLS; seed++) {
    const call = rowsCall(model, 1 + (seed % 3), seed);
    known.push({ call, alone: await client.predict(call) });
  }
  return known;
}

/** All clients at all doors at once; resolves with what is wrong about their answers. */
async function askTogether(model: RowModel, clients: Clients, known: readonly KnownAnswer[]): Promise<string[]> {
  const wrong: string[] = [];
  const ask = async (door: DoorName, client: number) => {
    for (let i = 0; i < REQUESTS_OF_A_CLIENT; i++) {
      const one = known[(client + 7 * i) % known.length] as KnownAnswer;
      const reason = wrongness(model, one, await clients[door].predict(one.call));
      if (reason !== undefined) wrong.push(`${door}: ${reason}`);
    }
  };
  await Promise.all(DOOR_NAMES.flatMap((door) => Array.from({ length: CLIENTS }, (_, client) => ask(door, client))));
  return wrong;
}

async function countsOf(server: TestServer, { name }: RowModel): Promise<{ requests: number; runs: number }> {
  const reply = await fetch(`http://127.0.0.1:${server.ports.rest}/v1/models/${name}/stats`);
  const { model_stats } = (await reply.json()) as {
    model_stats: { execution_count: number; inference_stats: { success: { count: number } } }[];
  };
  const [stats] = model_stats;
  assert.ok(stats !== undefined);
  return { requests: stats.inference_stats.success.count, runs: stats.execution_count };
}

/** Requests and runs while all clients ask; fails unless all answers are right. */
async function underLoad(
  model: RowModel,
  server: TestServer,
  clients: Clients,
): Promise<{ requests: number; runs: number }> {
  const known = await askAlone(model, clients.grpc);
  const first = await countsOf(server, model);
  const wrong = await askTogether(model, clients, known);
  const total = CLIENTS * REQUESTS_OF_A_CLIENT * DOOR_NAMES.length;
  assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} of ${total} answers are wrong`);
  const last = await countsOf(server, model);
  assert.equal(last.requests - first.requests, total);
  return { requests: total, runs: last.runs - first.runs };
}

// One server for all models: starting one takes longer than all requests of a model.
test('32 clients at each door', { timeout: 120_000 }, (t) =>
  withRowModels(async (server, clients) => {
    for (const model of INDEPENDENT_MODELS) {
      await t.test(
        `share runs of ${model.name}, whose rows are independent, and each gets its own answer`,
        async () => {
          const { requests, runs } = await underLoad(model, server, clients);
          assert.ok(runs < requests, `${runs} runs for ${requests} requests`);
        },
      );
    }
    for (const model of DEPENDENT_MODELS) {
      await t.test(`share no run of ${model.name}, whose rows are not, and each gets its own answer`, async () => {
        const { requests, runs } = await underLoad(model, server, clients);
        assert.equal(runs, requests);
      });
    }
  }),
);

/** Runs `fn` with a server of all these models, with batching as it is by default, and a client for each door. */
function withRowModels(fn: (server: TestServer, clients: Clients) => Promise<void>): Promise<void> {
  return withTempDir(async (folder) => {
    const config = join(folder, 'models.config');
    const models = [...INDEPENDENT_MODELS, ...DEPENDENT_MODELS];
    await writeFile(config, configText(...models.map(({ name, path }) => ({ name, basePath: modelPath(path) }))));
    return withServer([`--model_config_file=${config}`], (server) =>
      withDoorClients(server, (clients) => fn(server, clients), CLIENTS),
    );
  });
}
