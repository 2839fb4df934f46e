/** Configurations that move models to other folders, under load: each answer is of a model that is configured, and no request fails. */
import assert from 'node:assert/strict';
import { cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../src/errors.js';
import { encodeMessage } from '../../src/formats/protobuf.js';
import { ReloadConfigRequest } from '../../src/gen/messages.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { createGrpcClient, type DoorClient, DoorError, withDoorClients } from '../support/door-clients.js';
import { type ConfiguredModel, configText, modelServerConfig } from '../support/model-config.js';
import { modelPath, withTempDir } from '../support/models.js';
import { withConfigFile } from '../support/with-config-file.js';
import type { TestServer } from '../support/with-server.js';

const LIMIT = { timeout: 180_000 };
const X = 8;
/** Models that take and give the same shapes: the answer tells which one it is of. */
const ANSWERS = { half_plus_two: 0.5 * X + 2, refused: 3 * X, unique: X } as const;
type Kind = keyof typeof ANSWERS;

/** Makes a base folder with these versions; its path. */
async function makeModel(folder: string, name: string, versions: Readonly<Record<number, Kind>>): Promise<string> {
  for (const [version, kind] of Object.entries(versions))
    await cp(join(modelPath(kind), '1'), join(folder, name, version), { recursive: true });
  return join(folder, name);
}

async function reload(server: TestServer, ...models: readonly ConfiguredModel[]): Promise<void> {
  const client = createGrpcClient(server.ports.grpc);
  try {
    const request = encodeMessage(ReloadConfigRequest, { config: modelServerConfig(...models) });
    await client.call('/tensorflow.serving.ModelService/HandleReloadConfigRequest', request);
  } finally {
    client.close();
  }
}

async function getJson<T>(server: TestServer, path: string): Promise<T> {
  return (await (await fetch(`http://127.0.0.1:${server.ports.rest}${path}`)).json()) as T;
}

interface Status {
  readonly version: string;
  readonly state: string;
  readonly status: { readonly error_code: string; readonly error_message: string };
}

async function statusOf(server: TestServer, model: string): Promise<readonly Status[]> {
  return (await getJson<{ model_version_status: Status[] }>(server, `/v1/models/${model}`)).model_version_status;
}

interface Question {
  readonly model: string;
  readonly version?: bigint;
  readonly label?: string;
}

async function answerTo(client: DoorClient, { model, version, label }: Question): Promise<number> {
  const which = version === undefined ? {} : { version };
  const call = { ...halfPlusTwoCall([X]).call, model, ...which, ...(label === undefined ? {} : { label }) };
  return Number((await client.predict(call)).y?.values[0]);
}

/** What may be answered to each question from now on. */
type Allowed = ReadonlyMap<Question, ReadonlySet<number>>;

/** Asks all the time, by gRPC and REST, several at once; each answer must be one of those allowed when the request began or ended. */
class Traffic {
  readonly #clients: readonly DoorClient[];
  #allowed: Allowed;
  #over = false;
  answers = 0;
  readonly #loops: Promise<void>[] = [];

  constructor(clients: readonly DoorClient[], allowed: Allowed) {
    this.#clients = clients;
    this.#allowed = allowed;
    for (const question of allowed.keys()) {
      for (const client of this.#clients) for (let i = 0; i < 2; i++) this.#loops.push(this.#ask(client, question));
    }
  }

  /** Questions that are not named are not asked any more. */
  allow(allowed: Allowed): void {
    this.#allowed = allowed;
  }

  async #ask(client: DoorClient, question: Question): Promise<void> {
    while (!this.#over) {
      const atFirst = this.#allowed.get(question);
      if (atFirst === undefined) return;
      const value = await answerTo(client, question);
      const atLast = this.#allowed.get(question) ?? atFirst;
      const told = JSON.stringify({ ...question, version: String(question.version) });
      assert.ok(atFirst.has(value) || atLast.has(value), `${told} is answered with ${value}`);
      this.answers += 1;
    }
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#loops);
  }

  /** Resolves once some more answers have come, or one was wrong. */
  async more(count = 200): Promise<void> {
    const enough = this.answers + count;
    const failure = Promise.all(this.#loops);
    while (this.answers < enough) await Promise.race([sleep(5), failure.then(() => sleep(5))]);
  }
}

interface Step {
  readonly models: readonly ConfiguredModel[];
  /** By question, the model that answers it. */
  readonly expected: readonly (readonly [Question, Kind])[];
}

/** Goes through the steps with traffic on all questions that two steps in a row have in common. */
async function follow(server: TestServer, steps: readonly Step[], put: (step: Step) => Promise<void>): Promise<void> {
  await withDoorClients(server, async ({ grpc, rest }) => {
    let before = steps[0] as Step;
    for (const step of steps.slice(1)) {
      const allowed = (...of: Step[]): Allowed => {
        const common = before.expected.filter(([question]) => of.every(({ expected }) => findKind(expected, question)));
        const values = (question: Question) => of.map(({ expected }) => ANSWERS[findKind(expected, question) as Kind]);
        return new Map(common.map(([question]) => [question, new Set(values(question))]));
      };
      const traffic = new Traffic([grpc, rest], allowed(before));
      await traffic.more();
      traffic.allow(allowed(before, step));
      await put(step);
      traffic.allow(allowed(step));
      for (const [question, kind] of step.expected)
        for (const client of [grpc, rest]) assert.equal(await answerTo(client, question), ANSWERS[kind]);
      await traffic.more();
      await traffic.stop();
      before = step;
    }
  });
}

function findKind(expected: Step['expected'], question: Question): Kind | undefined {
  return expected.find(([other]) => other === question)?.[1];
}

describe('A configuration that moves a model under load', LIMIT, () => {
  const M: Question = { model: 'm' };
  const M1: Question = { model: 'm', version: 1n };
  const M2: Question = { model: 'm', version: 2n };
  const N: Question = { model: 'n' };
  const STABLE: Question = { model: 'm', label: 'stable' };
  const CANARY: Question = { model: 'm', label: 'canary' };

  it('is followed there and back, by HandleReloadConfigRequest', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two' });
      const b = await makeModel(folder, 'b', { 1: 'refused' });
      const at = (basePath: string, kind: Kind): Step => ({
        models: [{ name: 'm', basePath, labels: { stable: 1 } }],
        expected: [
          [M, kind],
          [M1, kind],
          [STABLE, kind],
        ],
      });
      const steps = [at(a, 'half_plus_two'), at(b, 'refused'), at(a, 'half_plus_two'), at(b, 'refused')];
      await withConfigFile(at(a, 'half_plus_two').models, [], (server) =>
        follow(server, steps, ({ models }) => reload(server, ...models)),
      );
    }));

  it('is followed where two models swap their folders', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two' });
      const b = await makeModel(folder, 'b', { 1: 'refused' });
      const models = (m: string, n: string): ConfiguredModel[] => [
        { name: 'm', basePath: m },
        { name: 'n', basePath: n },
      ];
      const straight: Step = {
        models: models(a, b),
        expected: [
          [M, 'half_plus_two'],
          [N, 'refused'],
        ],
      };
      const crossed: Step = {
        models: models(b, a),
        expected: [
          [M, 'refused'],
          [N, 'half_plus_two'],
        ],
      };
      await withConfigFile(straight.models, [], (server) =>
        follow(server, [straight, crossed, straight, crossed], ({ models }) => reload(server, ...models)),
      );
    }));

  it('is followed by labels when the new place is served, and never by one without the other', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two', 2: 'unique' });
      const b = await makeModel(folder, 'b', { 1: 'unique', 2: 'refused' });
      const old: Step = {
        models: [{ name: 'm', basePath: a, versions: [1, 2], labels: { stable: 1, canary: 2 } }],
        expected: [
          [STABLE, 'half_plus_two'],
          [CANARY, 'unique'],
          [M1, 'half_plus_two'],
          [M2, 'unique'],
        ],
      };
      const crossed: Step = {
        models: [{ name: 'm', basePath: b, versions: [1, 2], labels: { stable: 2, canary: 1 } }],
        expected: [
          [STABLE, 'refused'],
          [CANARY, 'unique'],
          [M1, 'unique'],
          [M2, 'refused'],
        ],
      };
      const c = await makeModel(folder, 'c', { 3: 'half_plus_two', 4: 'refused' });
      const other: Step = {
        models: [{ name: 'm', basePath: c, versions: [3, 4], labels: { stable: 3, canary: 4 } }],
        expected: [
          [STABLE, 'half_plus_two'],
          [CANARY, 'refused'],
        ],
      };
      await withConfigFile(old.models, [], async (server) => {
        await follow(server, [old, crossed, other], ({ models }) => reload(server, ...models));
        // One that the new place does not have is refused before anything changes.
        await assert.rejects(reload(server, { name: 'm', basePath: a, labels: { stable: 7 } }), {
          status: Code.FAILED_PRECONDITION,
        });
      });
    }));

  it('keeps the old name of a folder until the new one is served', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two' });
      await withConfigFile([{ name: 'm', basePath: a }], [], (server) =>
        withDoorClients(server, async ({ grpc, rest }) => {
          let hasReturned = false;
          const traffic = async (client: DoorClient) => {
            for (let model = 'm', rounds = 0; rounds < 50; ) {
              if (hasReturned) model = 'n';
              const value = await answerTo(client, { model }).catch((error: unknown) => {
                // The old name goes at the end of the call: it is known no more only when the new one is served.
                if (model !== 'm' || !(error instanceof DoorError)) throw error;
                model = 'n';
                return answerTo(client, { model });
              });
              assert.equal(value, ANSWERS.half_plus_two);
              if (model === 'n') rounds += 1;
            }
          };
          const loops = [grpc, rest].map(traffic);
          await Promise.race([sleep(100), ...loops]);
          await reload(server, { name: 'n', basePath: a });
          hasReturned = true;
          await Promise.all(loops);
          await assert.rejects(answerTo(grpc, { model: 'm' }), { status: Code.NOT_FOUND });
        }),
      );
    }));

  it('is followed by the configuration file, too', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two' });
      const b = await makeModel(folder, 'b', { 1: 'refused' });
      const at = (basePath: string, kind: Kind): Step => ({
        models: [{ name: 'm', basePath }],
        expected: [
          [M, kind],
          [M1, kind],
        ],
      });
      const steps = [at(a, 'half_plus_two'), at(b, 'refused'), at(a, 'half_plus_two')];
      const flags = ['--model_config_file_poll_wait_seconds=1'];
      await withConfigFile(steps[0]?.models ?? [], flags, (server, path) =>
        follow(server, steps, async ({ models }) => {
          const mark = server.logs().length;
          await writeFile(path, configText(...models));
          await until(() => /Finished adding\/updating models/.test(server.logs().slice(mark)), server);
        }),
      );
    }));

  it('is followed by a link that leads elsewhere now', () =>
    withTempDir(async (folder) => {
      await makeModel(folder, 'releases/5', { 1: 'half_plus_two' });
      await makeModel(folder, 'releases/6', { 1: 'refused' });
      const link = async (release: string) => {
        await symlink(join('releases', release), join(folder, 'next'));
        await rename(join(folder, 'next'), join(folder, 'current'));
      };
      await link('5');
      const at = (kind: Kind, release: string): Step => ({
        models: [{ name: release, basePath: folder }],
        expected: [
          [M, kind],
          [M1, kind],
        ],
      });
      const steps = [at('half_plus_two', '5'), at('refused', '6'), at('half_plus_two', '5')];
      await withConfigFile([{ name: 'm', basePath: join(folder, 'current') }], [], async (server) => {
        await follow(server, steps, async ({ models }) => {
          const place = join(folder, 'releases', models[0]?.name ?? '', '1');
          const mark = server.logs().length;
          await link(models[0]?.name ?? '');
          await until(() => server.logs().includes(`at ${place} is available`, mark), server);
        });
        // The same folder by another name is the same model.
        const mark = server.logs().length;
        await reload(server, { name: 'm', basePath: join(folder, 'releases', '5') });
        await reload(server, { name: 'm', basePath: `${join(folder, 'releases')}/./5/` });
        assert.doesNotMatch(server.logs().slice(mark), /Loading servable/);
      });
    }));
});

describe('A place that cannot be loaded', LIMIT, () => {
  const GOOD = ANSWERS.half_plus_two;

  async function stays(server: TestServer, target: ConfiguredModel, reason: RegExp): Promise<void> {
    await withDoorClients(server, async ({ grpc, rest }) => {
      const traffic = new Traffic([grpc, rest], new Map([[{ model: 'm' }, new Set([GOOD])]]));
      for (let i = 0; i < 2; i++) {
        await assert.rejects(reload(server, target), (error: DoorError) => {
          assert.equal(error.status, Code.UNKNOWN);
          assert.match(error.message, reason);
          return true;
        });
      }
      await traffic.more();
      await traffic.stop();
    });
    const config = await getJson<{ last_error: { error_code: string; error_message: string } }>(server, '/v1/config');
    assert.equal(config.last_error.error_code, 'UNKNOWN');
    assert.match(config.last_error.error_message, reason);
  }

  it('leaves the model as it was, with the reason for the caller, the configuration and the status', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two' });
      const b = await makeModel(folder, 'b', { 1: 'refused' });
      const broken = await makeModel(folder, 'broken', { 1: 'refused' });
      await writeFile(join(broken, '1', 'saved_model.pb'), 'no model');
      await mkdir(join(folder, 'empty'));
      const m = (basePath: string): ConfiguredModel => ({ name: 'm', basePath });
      await withConfigFile([m(a)], ['--max_num_load_retries=0'], async (server) => {
        await stays(server, m(join(folder, 'none')), /base folder of model m, .*none, cannot be read \(ENOENT\)/);
        await stays(server, m(join(folder, 'empty')), /No version of model m was found in .*empty/);
        await stays(server, m(broken), /\{name: m version: 1\} due to error: .*broken\/1/);
        const [status, ...others] = await statusOf(server, 'm');
        assert.equal(others.length, 0);
        assert.equal(status?.state, 'AVAILABLE');
        assert.match(
          status?.status.error_message ?? '',
          /has this version at .*broken\/1, .* one from .*\/a\/1 is still/,
        );
        await reload(server, m(b));
        assert.deepEqual(await statusOf(server, 'm'), [
          { version: '1', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
        ]);
        await withDoorClients(server, async ({ rest }) =>
          assert.equal(await answerTo(rest, { model: 'm' }), ANSWERS.refused),
        );
      });
    }));

  it('is taken when it has been put right', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two' });
      const b = join(folder, 'b');
      await withConfigFile([{ name: 'm', basePath: a }], ['--max_num_load_retries=0'], async (server) => {
        await assert.rejects(reload(server, { name: 'm', basePath: b }), { status: Code.UNKNOWN });
        await makeModel(folder, 'b', { 1: 'refused' });
        await withDoorClients(server, async ({ rest }) =>
          until(async () => (await answerTo(rest, { model: 'm' })) === ANSWERS.refused, server),
        );
        await reload(server, { name: 'm', basePath: b });
      });
    }));

  it('keeps those versions served that it cannot replace', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two', 2: 'unique', 3: 'unique' });
      const b = await makeModel(folder, 'b', { 1: 'refused', 2: 'refused' });
      await writeFile(join(b, '1', 'saved_model.pb'), 'no model');
      const versions = [1, 2, 3];
      await withConfigFile([{ name: 'm', basePath: a, versions }], ['--max_num_load_retries=0'], (server) =>
        withDoorClients(server, async ({ grpc }) => {
          await assert.rejects(reload(server, { name: 'm', basePath: b, versions }), { status: Code.UNKNOWN });
          assert.equal(await answerTo(grpc, { model: 'm', version: 1n }), ANSWERS.half_plus_two);
          assert.equal(await answerTo(grpc, { model: 'm', version: 2n }), ANSWERS.refused);
          await assert.rejects(answerTo(grpc, { model: 'm', version: 3n }), { status: Code.NOT_FOUND });
          await rm(join(b, '1'), { recursive: true });
          await reload(server, { name: 'm', basePath: b, versions: [2] });
          await assert.rejects(answerTo(grpc, { model: 'm', version: 1n }), { status: Code.NOT_FOUND });
        }),
      );
    }));
});

describe('The resource-preserving policy', LIMIT, () => {
  it('unloads the old place first', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two' });
      const b = await makeModel(folder, 'b', { 1: 'refused' });
      const flags = ['--aspired_version_policy=resource_preserving'];
      await withConfigFile([{ name: 'm', basePath: a }], flags, async (server) => {
        await reload(server, { name: 'm', basePath: b });
        await withDoorClients(server, async ({ rest }) =>
          assert.equal(await answerTo(rest, { model: 'm' }), ANSWERS.refused),
        );
        assert.match(server.logs(), /at \S+\/a\/1 is unloaded[\s\S]*Loading servable \{name: m version: 1\}/);
      });
    }));
});

describe('The metrics of a model that moves', LIMIT, () => {
  it('tell one state for each version, and add up its requests', () =>
    withTempDir(async (folder) => {
      const a = await makeModel(folder, 'a', { 1: 'half_plus_two' });
      const b = await makeModel(folder, 'b', { 1: 'refused' });
      await withConfigFile([{ name: 'm', basePath: a }], [], (server) =>
        withDoorClients(server, async ({ rest }) => {
          await answerTo(rest, { model: 'm' });
          await reload(server, { name: 'm', basePath: b });
          await answerTo(rest, { model: 'm' });
          await until(() => /at \S+\/a\/1 is unloaded/.test(server.logs()), server);
          const text = await (await fetch(`http://127.0.0.1:${server.ports.rest}/metrics`)).text();
          assert.deepEqual(text.match(/^tensorgate_model_state\{.*model="m".*/gm), [
            'tensorgate_model_state{model="m",version="1",state="AVAILABLE"} 1',
          ]);
          assert.match(text, /^tensorgate_model_loads_total\{model="m",status="success"\} 2$/m);
          assert.match(text, /^:tensorflow:serving:request_count\{model_name="m",status="OK"\} 2$/m);
        }),
      );
    }));
});

async function until(condition: () => boolean | Promise<boolean>, server: TestServer): Promise<void> {
  const giveUp = Date.now() + 60_000;
  while (!(await condition())) {
    assert.ok(Date.now() < giveUp, server.logs());
    await sleep(20);
  }
}
