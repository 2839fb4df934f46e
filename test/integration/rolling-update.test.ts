/** Versions come and go, labels move and the configuration reloads under full load: no request fails over it. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import {
  type DoorClient,
  decodePredict,
  encodePredict,
  type PredictCall,
  versionOf,
  withDoorClients,
} from '../support/door-clients.js';
import { configText } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const X = 4;
/** Odd versions are half_plus_two, even ones the default signature of `refused`, y = 3x: the answer tells them apart. */
const SOURCES = ['refused', 'half_plus_two'] as const;
const ANSWERS = [3 * X, 0.5 * X + 2] as const;

interface Answer {
  readonly value: number;
  /** Over gRPC, which says it. */
  readonly version?: bigint | undefined;
  readonly label: string | undefined;
  readonly fromMillis: number;
  readonly toMillis: number;
}

/** Asks again and again until it is told to stop; what fails is thrown. */
async function ask(
  client: DoorClient,
  label: string | undefined,
  answers: Answer[],
  isOver: () => boolean,
): Promise<void> {
  const call: PredictCall = { ...halfPlusTwoCall([X]).call, model: 'm', ...(label === undefined ? {} : { label }) };
  const message = encodePredict(call);
  while (!isOver()) {
    const fromMillis = Date.now();
    if (client.door === 'grpc') {
      const reply = await client.send(message);
      const value = Number(decodePredict(reply).y?.values[0]);
      answers.push({ value, version: versionOf(reply), label, fromMillis, toMillis: Date.now() });
    } else {
      const value = Number((await client.predict(call)).y?.values[0]);
      answers.push({ value, label, fromMillis, toMillis: Date.now() });
    }
  }
}

/** Copies the files of a version one by one, the model's own file first, with pauses: what a slow network does. */
async function copySlowly(basePath: string, version: number): Promise<void> {
  const source = join(modelPath(SOURCES[version % 2] as string), '1');
  const target = join(basePath, String(version));
  await mkdir(join(target, 'variables'), { recursive: true });
  const variables = (await readdir(join(source, 'variables'))).map((name) => join('variables', name));
  for (const name of ['saved_model.pb', ...variables]) {
    await sleep(700);
    await cp(join(source, name), join(target, name));
  }
}

/** When each version began and ceased to be available, by the server's log. */
function availability(logs: string): Map<number, { from: number; to: number }> {
  const spans = new Map<number, { from: number; to: number }>();
  for (const [, time, what, version] of logs.matchAll(
    /^(\S+) I (Servable|Unloading servable) \{name: m version: (\d+)\}( is available)?\./gm,
  )) {
    const millis = Date.parse(time as string);
    if (what === 'Servable') {
      if (!spans.has(Number(version))) spans.set(Number(version), { from: millis, to: Number.POSITIVE_INFINITY });
    } else {
      const span = spans.get(Number(version));
      if (span !== undefined) span.to = millis;
    }
  }
  return spans;
}

/** Whether the version was available at some moment of the request. */
function wasAvailable(span: { from: number; to: number } | undefined, { fromMillis, toMillis }: Answer): boolean {
  return span !== undefined && span.from <= toMillis && span.to >= fromMillis;
}

async function until(condition: () => boolean, server: TestServer): Promise<void> {
  const giveUp = Date.now() + 30_000;
  while (!condition()) {
    assert.ok(Date.now() < giveUp, server.logs());
    await sleep(10);
  }
}

/** Config files in turn, each waited for until its effect shows. */
async function roll(server: TestServer, basePath: string, configPath: string, answers: Answer[]): Promise<void> {
  const configure = (versions: number[], stable: number) =>
    writeFile(configPath, configText({ name: 'm', basePath, versions, labels: { stable } }));
  const logged = (text: string) => until(() => server.logs().includes(text), server);
  for (const next of [2, 3]) {
    const copied = copySlowly(basePath, next);
    await configure([next - 1, next], next - 1);
    await copied;
    await logged(`{name: m version: ${next}} is available`);
    // A label that cannot be given, and a file that cannot be read, leave things as they are.
    await configure([next], 77);
    await logged('Request to assign label to version 77');
    await writeFile(configPath, 'model_config_list { config {');
    await logged('Error parsing text-format');
    const mark = answers.length;
    await configure([next - 1, next], next);
    const value = ANSWERS[next % 2];
    await until(
      () => answers.slice(mark).some((answer) => answer.label === 'stable' && answer.value === value),
      server,
    );
    await configure([next], next);
    await logged(`{name: m version: ${next - 1}} is unloaded`);
  }
}

test(
  'a rolling update from version 1 to 2 to 3 fails no request, and each answer is of an available version',
  { timeout: 120_000 },
  () =>
    withTempDir(async (folder) => {
      const basePath = join(folder, 'm');
      const configPath = join(folder, 'models.config');
      await cp(modelPath(SOURCES[1]), basePath, { recursive: true });
      await writeFile(configPath, configText({ name: 'm', basePath, versions: [1], labels: { stable: 1 } }));
      const flags = [`--model_config_file=${configPath}`, '--model_config_file_poll_wait_seconds=1'];
      await withServer(flags, (server) =>
        withDoorClients(server, async ({ grpc, rest }) => {
          const answers: Answer[] = [];
          let over = false;
          const loops = [grpc, rest].flatMap((client) =>
            [undefined, 'stable', undefined, 'stable'].map((label) => ask(client, label, answers, () => over)),
          );
          const rolled = roll(server, basePath, configPath, answers).finally(() => {
            over = true;
          });
          await Promise.all([rolled, ...loops]);

          const spans = availability(server.logs());
          assert.deepEqual([...spans.keys()], [1, 2, 3]);
          for (const answer of answers) {
            const could = [...spans].filter(([, span]) => wasAvailable(span, answer)).map(([version]) => version);
            assert.ok(
              could.some((version) => ANSWERS[version % 2] === answer.value),
              JSON.stringify({ ...answer, version: String(answer.version), could }),
            );
            if (answer.version !== undefined) {
              assert.ok(could.includes(Number(answer.version)), `version ${answer.version} of ${could}`);
              assert.equal(answer.value, ANSWERS[Number(answer.version) % 2]);
            }
          }
          const versions = new Set(answers.map(({ version }) => version));
          for (const version of [1n, 2n, 3n]) assert.ok(versions.has(version), `no answer of version ${version}`);
          assert.ok(answers.length > 1000, `only ${answers.length} requests`);
        }),
      );
    }),
);
