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
  readonly model: string;
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
  model: string,
  label: string | undefined,
  answers: Answer[],
  isOver: () => boolean,
): Promise<void> {
  const call: PredictCall = { ...halfPlusTwoCall([X]).call, model, ...(label === undefined ? {} : { label }) };
  const message = encodePredict(call);
  while (!isOver()) {
    const fromMillis = Date.now();
    if (client.door === 'grpc') {
      const reply = await client.send(message);
      const value = Number(decodePredict(reply).y?.values[0]);
      answers.push({ model, value, version: versionOf(reply), label, fromMillis, toMillis: Date.now() });
    } else {
      const value = Number((await client.predict(call)).y?.values[0]);
      answers.push({ model, value, label, fromMillis, toMillis: Date.now() });
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
function availability(logs: string, model: string): Map<number, { from: number; to: number }> {
  const spans = new Map<number, { from: number; to: number }>();
  const events = /^(\S+) I (Servable|Unloading servable) \{name: (\S+) version: (\d+)\}(?: is available)?\.$/gm;
  for (const [, time, what, name, version] of logs.matchAll(events)) {
    if (name !== model) continue;
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

/** `m` has the versions and the label that it is told to, `n` the latest version. */
function config(folder: string, versions: number[], stable: number): string {
  return configText(
    { name: 'm', basePath: join(folder, 'm'), versions, labels: { stable } },
    { name: 'n', basePath: join(folder, 'n') },
  );
}

/** Config files in turn, each waited for until its effect shows. */
async function roll(server: TestServer, folder: string, configPath: string, answers: Answer[]): Promise<void> {
  const configure = (versions: number[], stable: number) => writeFile(configPath, config(folder, versions, stable));
  let mark = 0;
  /** Waits for a line behind the one that was waited for last. */
  const logged = async (text: string) => {
    await until(() => server.logs().includes(text, mark), server);
    mark = server.logs().indexOf(text, mark);
  };
  for (const next of [2, 3]) {
    const copied = Promise.all(['m', 'n'].map((model) => copySlowly(join(folder, model), next)));
    await configure([next - 1, next], next - 1);
    await copied;
    await logged(`{name: m version: ${next}} is available`);
    // A label that cannot be given, and a file that cannot be read, leave things as they are.
    await configure([next], 77);
    await logged('Request to assign label to version 77');
    await writeFile(configPath, 'model_config_list { config {');
    await logged('Error parsing text-format');
    const before = answers.length;
    await configure([next - 1, next], next);
    const value = ANSWERS[next % 2];
    await until(
      () => answers.slice(before).some((answer) => answer.label === 'stable' && answer.value === value),
      server,
    );
    await configure([next], next);
    await logged(`{name: m version: ${next - 1}} is unloaded`);
    await until(() => server.logs().includes(`{name: n version: ${next - 1}} is unloaded`), server);
  }
}

function assertFromAvailableVersions(server: TestServer, model: string, answers: readonly Answer[]): void {
  const spans = availability(server.logs(), model);
  assert.deepEqual([...spans.keys()], [1, 2, 3]);
  const seen = new Set<number>();
  for (const answer of answers.filter((each) => each.model === model)) {
    const could = [...spans].filter(([, span]) => wasAvailable(span, answer)).map(([version]) => version);
    const version = Number(answer.version ?? could.find((each) => ANSWERS[each % 2] === answer.value));
    assert.ok(could.includes(version), `${answer.value} from version ${version}, available: ${could}`);
    assert.equal(answer.value, ANSWERS[version % 2]);
    seen.add(version);
  }
  assert.deepEqual([...seen].sort(), [1, 2, 3]);
}

test(
  'a rolling update from version 1 to 2 to 3 fails no request, and each answer is of an available version',
  { timeout: 120_000 },
  () =>
    withTempDir(async (folder) => {
      const configPath = join(folder, 'models.config');
      for (const model of ['m', 'n']) await cp(modelPath(SOURCES[1]), join(folder, model), { recursive: true });
      await writeFile(configPath, config(folder, [1], 1));
      const flags = [`--model_config_file=${configPath}`, '--model_config_file_poll_wait_seconds=1'];
      await withServer(flags, (server) =>
        withDoorClients(server, async ({ grpc, rest }) => {
          const answers: Answer[] = [];
          let over = false;
          const loops = [grpc, rest].flatMap((client) => [
            ask(client, 'm', undefined, answers, () => over),
            ask(client, 'm', 'stable', answers, () => over),
            ask(client, 'm', 'stable', answers, () => over),
            ask(client, 'n', undefined, answers, () => over),
            ask(client, 'n', undefined, answers, () => over),
          ]);
          const rolled = roll(server, folder, configPath, answers).finally(() => {
            over = true;
          });
          await Promise.all([rolled, ...loops]);
          for (const model of ['m', 'n']) assertFromAvailableVersions(server, model, answers);
          assert.ok(answers.length > 1000, `only ${answers.length} requests`);
        }),
      );
    }),
);
