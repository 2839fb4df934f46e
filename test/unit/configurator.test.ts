import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MetricIncrease } from '../../src/api/api.js';
import { reloadConfig } from '../../src/api/reload-config.js';
import { ConfigFileWatch } from '../../src/config/config-file-watch.js';
import { Configurator, type ConfiguratorOptions, type ConfiguredManager } from '../../src/config/configurator.js';
import { describeConfig } from '../../src/config/effective-config.js';
import type { LabelledModel } from '../../src/core/model-labels.js';
import { Code, invalidArgument, type ServingError } from '../../src/errors.js';
import { parseTextProto } from '../../src/formats/text-proto.js';
import { ModelServerConfig } from '../../src/gen/messages.js';
import { type CapturedLog, captureLog } from '../support/capture-log.js';
import { withTempDir } from '../support/models.js';

/** A Manager of which the test says which versions are available. */
class FakeManager implements ConfiguredManager {
  labels: readonly LabelledModel[] = [];
  readonly available = new Set<string>();
  readonly broken = new Map<string, ServingError>();
  waitedFor: string[] = [];
  /** What settled() waits for, by name of the model; none: it does not wait. */
  readonly loads = new Map<string, Promise<void>>();
  /** Base paths that nothing is served from. */
  readonly elsewhere = new Set<string>();
  setVersionLabels(labels: readonly LabelledModel[]): void {
    this.labels = labels;
  }
  labelledVersion(name: string, label: string): bigint | undefined {
    return this.labels.find((model) => model.name === name)?.versionLabels?.get(label);
  }
  isAvailable(name: string, version: bigint): boolean {
    return this.available.has(`${name} ${version}`);
  }
  isServedFrom(name: string, basePath: string): boolean {
    return !this.elsewhere.has(basePath) && [...this.available].some((entry) => entry.startsWith(`${name} `));
  }
  isMoving(): boolean {
    return false;
  }
  async settled(names: ReadonlySet<string>): Promise<void> {
    this.waitedFor = [...names];
    await Promise.all(this.waitedFor.map((name) => this.loads.get(name)));
  }
  failures() {
    return [...this.broken].map(([name, error]) => ({ id: { name, version: 1n }, error }));
  }
}

let manager: FakeManager;
let updates: string[];
let forgotten: string[];
/** What the source finds wrong with base folders, by name of the model. */
let problems: Map<string, string>;
let captured: CapturedLog;
beforeEach(() => {
  captured = captureLog();
  manager = new FakeManager();
  updates = [];
  forgotten = [];
  problems = new Map();
});
afterEach(() => captured.restore());

function create(options: Partial<ConfiguratorOptions> = {}): Configurator {
  const source = {
    update: async (models: readonly { readonly name: string }[]) => {
      updates.push(models.map(({ name }) => name).join());
      return problems;
    },
    forget: (names: ReadonlySet<string>) => {
      forgotten.push(...names);
    },
  };
  return new Configurator({ manager, source, models: [], origin: 'flags', ...options });
}

/** A load that ends when the test says so. */
function pendingLoad(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

/** `m` or `m stable=1 canary=2`. */
function config(...models: string[]): ModelServerConfig {
  return parseTextProto(ModelServerConfig, configText(...models));
}

function configText(...models: string[]): string {
  const entries = models.map((text) => {
    const [name, ...labels] = text.split(' ');
    const map = labels
      .map((label) => label.split('='))
      .map(([key, value]) => `version_labels { key: "${key}" value: ${value} }`);
    return `config { name: "${name}" base_path: "/${name}" model_platform: "tensorflow" ${map.join(' ')} }`;
  });
  return `model_config_list { ${entries.join('\n')} }`;
}

describe('A configuration that comes while the server runs', () => {
  it('is put in force, and the call waits for the new models alone', async () => {
    manager.available.add('a 1').add('b 1');
    const configurator = create();
    await configurator.reload(config('a'), 'test');
    await configurator.reload(config('a', 'b'), 'test');
    assert.deepEqual(updates, ['a', 'a,b']);
    assert.deepEqual(manager.waitedFor, ['b']);
    assert.deepEqual(
      configurator.state.models.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('fails with UNKNOWN and the reasons if new models do not become available, and is in force nevertheless', async () => {
    manager.broken.set('b', invalidArgument('Broken file.'));
    const configurator = create();
    await assert.rejects(configurator.reload(config('b', 'c'), 'test'), {
      code: Code.UNKNOWN,
      message:
        '2 model(s) did not become available: {{{name: b version: 1} due to error: Broken file.}, ' +
        '{{name: c} due to error: No versions of servable c found under base path}, }',
    });
    assert.equal(configurator.state.models.length, 2);
    assert.equal(configurator.state.lastError?.code, Code.UNKNOWN);
  });

  it('changes nothing at all if it is refused', async () => {
    manager.available.add('a 1');
    const configurator = create();
    await configurator.reload(config('a stable=1'), 'good');
    const { since } = configurator.state;
    await assert.rejects(configurator.reload(config('a', 'a'), 'bad'), { code: Code.INVALID_ARGUMENT });
    assert.deepEqual(updates, ['a']);
    assert.equal(manager.labelledVersion('a', 'stable'), 1n);
    assert.equal(configurator.state.origin, 'good');
    assert.equal(configurator.state.since, since);
    assert.match(configurator.state.lastError?.message ?? '', /multiple times/);
  });

  const LOGGING: [string, string, RegExp][] = [
    ['an unknown collector', 'log_collector_config { type: "kafka" filename_prefix: "/tmp/l" }', /^type of .*"kafka"/],
    ['a custom configuration', 'custom_logging_config {}', /has a custom_logging_config, .*Remove it/],
    ['no prefix', 'sampling_config { sampling_rate: 0.5 }', /has no filename_prefix\. Give/],
    ['a rate beyond 1', 'sampling_config { sampling_rate: 1.5 }', /^sampling_rate .* is 1\.5\. Give .* from 0 to 1/],
    ['a rate below 0', 'sampling_config { sampling_rate: -1 }', /^sampling_rate .* is -1\. Give .* from 0 to 1/],
    [
      'a folder that is not there',
      'sampling_config { sampling_rate: 1 } log_collector_config { filename_prefix: "/no/such/log" }',
      /^filename_prefix .* is \/no\/such\/log, but the folder \/no\/such does not exist\. Make the folder .* or choose/,
    ],
    [
      'a file in the folder’s place',
      'sampling_config { sampling_rate: 1 } log_collector_config { filename_prefix: "/dev/null/log" }',
      /^filename_prefix .* \/dev\/null is no folder/,
    ],
  ];
  for (const [what, logging, message] of LOGGING) {
    it(`is refused for ${what} in a logging_config, naming model and field, before anything changes`, async () => {
      manager.available.add('a 1').add('b 1');
      const configurator = create();
      await configurator.reload(config('a stable=1'), 'good');
      const bad = configText('a', 'b').replace('name: "b"', `name: "b" logging_config { ${logging} }`);
      await assert.rejects(
        configurator.reload(parseTextProto(ModelServerConfig, bad), 'bad'),
        (error: ServingError) => {
          assert.equal(error.code, Code.INVALID_ARGUMENT);
          assert.match(error.message, message);
          assert.match(error.message, /logging_config of model b\b/);
          return true;
        },
      );
      assert.deepEqual(updates, ['a']);
      assert.equal(manager.labelledVersion('a', 'stable'), 1n);
      assert.equal(configurator.state.origin, 'good');
    });
  }

  it('does nothing if it is empty', async () => {
    const configurator = create();
    await configurator.reload(parseTextProto(ModelServerConfig, ''), 'test');
    assert.deepEqual(updates, []);
    assert.deepEqual(captured.lines(), ['I Taking no action for empty config. origin=test']);
  });

  it('is put in force after the one before it, never together with it', async () => {
    manager.available.add('a 1').add('b 1');
    const configurator = create();
    await Promise.all([configurator.reload(config('a'), 'first'), configurator.reload(config('b'), 'second')]);
    assert.deepEqual(updates, ['a', 'b']);
    assert.equal(configurator.state.origin, 'second');
  });

  it('need not wait for the models of the one before it, and takes out one of them that cannot be loaded', async () => {
    manager.available.add('a 1');
    const load = pendingLoad();
    manager.loads.set('bad', load.promise);
    const configurator = create();
    const first = assert.rejects(configurator.reload(config('a', 'bad'), 'first'), {
      code: Code.UNKNOWN,
      message:
        '1 model(s) did not become available: {{{name: bad} due to error: A later configuration has taken it out.}, }',
    });
    await configurator.reload(config('a'), 'second');
    load.resolve();
    await first;
    assert.deepEqual(updates, ['a,bad', 'a']);
    assert.equal(configurator.state.origin, 'second');
    assert.equal(configurator.state.lastError, undefined);
  });

  it('waits for models that the one before it still waits for, if it has them too', async () => {
    const load = pendingLoad();
    manager.loads.set('a', load.promise);
    const configurator = create();
    const first = configurator.reload(config('a'), 'first');
    let isSecondThrough = false;
    const second = configurator.reload(config('a'), 'second').then(() => (isSecondThrough = true));
    await sleep(20);
    assert.equal(isSecondThrough, false);
    manager.available.add('a 1');
    load.resolve();
    await Promise.all([first, second]);
  });
});

describe('A model that gets another base path', () => {
  const at = (basePath: string, ...labels: string[]) =>
    parseTextProto(
      ModelServerConfig,
      configText(['a', ...labels].join(' ')).replace('base_path: "/a"', `base_path: "${basePath}"`),
    );

  beforeEach(() => manager.available.add('a 1'));

  it('is waited for', async () => {
    const configurator = create();
    await configurator.reload(at('/a'), 'test');
    manager.waitedFor = [];
    await configurator.reload(at('/b'), 'test');
    assert.deepEqual(manager.waitedFor, ['a']);
    await configurator.reload(at('/b/../b/'), 'test');
    assert.deepEqual(manager.waitedFor, []);
  });

  it('fails the call, and each later one, until it is served from there', async () => {
    const configurator = create();
    await configurator.reload(at('/a'), 'test');
    manager.elsewhere.add('/b');
    problems.set('a', 'The base folder is full of cats.');
    const message =
      '1 model(s) did not become available: {{{name: a} due to error: No versions of servable a found under base path: ' +
      'The base folder is full of cats.}, }';
    for (let i = 0; i < 2; i++) {
      await assert.rejects(configurator.reload(at('/b'), 'test'), { code: Code.UNKNOWN, message });
      assert.equal(configurator.state.lastError?.message, message);
      assert.equal(configurator.state.models[0]?.basePath, '/b');
    }
    await configurator.reload(at('/a'), 'test');
    assert.equal(configurator.state.lastError, undefined);
  });

  it('is not waited for any more once a later configuration has it elsewhere', async () => {
    const configurator = create();
    await configurator.reload(at('/a'), 'test');
    manager.elsewhere.add('/b');
    const load = pendingLoad();
    manager.loads.set('a', load.promise);
    const first = assert.rejects(configurator.reload(at('/b'), 'test'), {
      code: Code.UNKNOWN,
      message: /\{name: a\} due to error: A later configuration has given it another base path\./,
    });
    const second = configurator.reload(at('/a'), 'test');
    await sleep(20);
    load.resolve();
    await Promise.all([first, second]);
    assert.equal(configurator.state.lastError, undefined);
  });

  it('may have labels for versions that come with it, but for none that are not available in the end', async () => {
    await withTempDir(async (folder) => {
      for (const version of ['1', '2']) mkdirSync(join(folder, version));
      const configurator = create();
      await configurator.reload(at('/a', 'stable=1'), 'test');
      const both = (...labels: string[]) => {
        const config = at(folder, ...labels);
        const policy = parseTextProto(
          ModelServerConfig,
          'model_config_list { config { model_version_policy { all {} } } }',
        );
        const [model] = config.model_config_list?.config ?? [];
        const [{ model_version_policy } = {}] = policy.model_config_list?.config ?? [];
        return { ...config, model_config_list: { config: [{ ...model, model_version_policy }] } } as ModelServerConfig;
      };
      const refused = { code: Code.FAILED_PRECONDITION };
      await assert.rejects(configurator.reload(both('stable=7'), 'test'), refused);
      assert.equal(configurator.state.models[0]?.basePath, '/a');
      await assert.rejects(configurator.reload(both('stable=2'), 'test'), refused);
      assert.equal(configurator.state.models[0]?.basePath, folder);
      await configurator.reload(at('/a'), 'test');
      manager.available.add('a 2');
      await configurator.reload(both('stable=2'), 'test');
      assert.equal(manager.labelledVersion('a', 'stable'), 2n);
    });
  });
});

describe('A model that gets another name', () => {
  it('keeps the old one until it is served under the new one', async () => {
    manager.available.add('a 1');
    const configurator = create();
    await configurator.reload(config('a s=1'), 'test');
    const load = pendingLoad();
    manager.loads.set('b', load.promise);
    const renamed = parseTextProto(ModelServerConfig, configText('b').replace('"/b"', '"/a"'));
    const done = configurator.reload(renamed, 'test');
    await sleep(20);
    assert.deepEqual([updates.at(-1), forgotten], ['b,a', []]);
    assert.equal(manager.labelledVersion('a', 's'), 1n);
    manager.available.add('b 1');
    load.resolve();
    await done;
    assert.deepEqual(forgotten, ['a']);
    assert.equal(manager.labelledVersion('a', 's'), undefined);
    assert.deepEqual(
      configurator.state.models.map(({ name }) => name),
      ['b'],
    );
  });

  it('is left to a later configuration if that comes first', async () => {
    manager.available.add('a 1');
    const configurator = create();
    await configurator.reload(config('a'), 'test');
    const load = pendingLoad();
    manager.loads.set('b', load.promise);
    const renamed = parseTextProto(ModelServerConfig, configText('b').replace('"/b"', '"/a"'));
    const first = assert.rejects(configurator.reload(renamed, 'test'), { code: Code.UNKNOWN });
    await configurator.reload(config('a'), 'test');
    load.resolve();
    await first;
    assert.deepEqual(forgotten, ['b'], 'which is renamed back');
  });
});

describe('A version label', () => {
  const REFUSED = {
    code: Code.FAILED_PRECONDITION,
    message:
      /^Request to assign label to version 2 of model a, which is not currently available for inference\. Assign it once .* or start the server with --allow_version_labels_for_unavailable_models/,
  };

  it('is given to a version that is available, and moved to another such one', async () => {
    manager.available.add('a 1').add('a 2');
    const configurator = create();
    await configurator.reload(config('a stable=1'), 'test');
    await configurator.reload(config('a stable=2 canary=2'), 'test');
    assert.equal(manager.labelledVersion('a', 'stable'), 2n);
    await configurator.reload(config('a'), 'test');
    assert.equal(manager.labelledVersion('a', 'stable'), undefined);
  });

  it('is refused to a version that is not available', async () => {
    manager.available.add('a 1');
    await assert.rejects(create().reload(config('a canary=2'), 'test'), REFUSED);
  });

  it('is given to it with --allow_version_labels_for_unavailable_models, unless it points elsewhere already', async () => {
    manager.available.add('a 1');
    const configurator = create({ allowLabelsForUnavailable: true });
    await configurator.reload(config('a stable=1 canary=2'), 'test');
    assert.equal(manager.labelledVersion('a', 'canary'), 2n);
    await configurator.reload(config('a stable=1 canary=2'), 'again');
    await assert.rejects(configurator.reload(config('a stable=2'), 'test'), REFUSED);
    assert.equal(manager.labelledVersion('a', 'stable'), 1n);
  });

  it('in the first configuration counts from the start, and is only warned of if its version is not available', () => {
    const first = [
      { name: 'a', basePath: '/a', versionPolicy: { kind: 'all' }, versionLabels: new Map([['next', 2n]]) },
    ] as const;
    const configurator = create({ models: first });
    assert.equal(manager.labelledVersion('a', 'next'), 2n);
    configurator.checkFirstLabels(false);
    assert.deepEqual(captured.lines(), ['W Label next finds nothing for now: version 2 of model a is not available.']);
    assert.throws(() => configurator.checkFirstLabels(true), REFUSED);
    manager.available.add('a 2');
    configurator.checkFirstLabels(true);
    create({ models: first, allowLabelsForUnavailable: true }).checkFirstLabels(true);
  });
});

describe('HandleReloadConfigRequest', () => {
  function reload(
    message: ModelServerConfig | undefined,
    names: string[] = [],
    values: Record<string, number[]> = {},
  ): Promise<MetricIncrease[]> {
    const metricValue = (name: string) => values[name]?.shift() ?? 0;
    return reloadConfig({ configurator: create(), metricValue }, message, names);
  }

  it('says by how much each named metric grew meanwhile, 0 for an unknown one', async () => {
    manager.available.add('a 1');
    assert.deepEqual(await reload(config('a'), ['x', 'y'], { x: [3, 10] }), [
      { name: 'x', increase: 7n },
      { name: 'y', increase: 0n },
    ]);
  });

  it('takes a model_config_list only', async () => {
    const refused = {
      code: Code.INVALID_ARGUMENT,
      message:
        'ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported',
    };
    await assert.rejects(reload(undefined), refused);
    await assert.rejects(reload(parseTextProto(ModelServerConfig, 'custom_model_config {}')), refused);
  });
});

describe('The configuration file', () => {
  async function withFile(
    fn: (path: string, configurator: Configurator, watch: ConfigFileWatch) => Promise<void>,
  ): Promise<void> {
    await withTempDir(async (folder) => {
      const path = join(folder, 'models.config');
      manager.available.add('a 1').add('b 1');
      const configurator = create();
      await fn(path, configurator, new ConfigFileWatch({ path, configurator, pollWaitSeconds: 1 }));
    });
  }

  it('is put in force when it has changed, and only then', () =>
    withFile(async (path, _configurator, watch) => {
      writeFileSync(path, configText('a'));
      await watch.look();
      await watch.look();
      writeFileSync(path, configText('a', 'b'));
      await watch.look();
      assert.deepEqual(updates, ['a', 'a,b']);
    }));

  it('is not looked at all the time where the wait is longer than a timer can be', () =>
    withFile(async (path, configurator) => {
      writeFileSync(path, configText('a'));
      const watch = new ConfigFileWatch({ path, configurator, pollWaitSeconds: 365 * 86_400 });
      watch.start();
      await sleep(100);
      watch.close();
      assert.deepEqual(updates, []);
    }));

  it('is put in force again after a HandleReloadConfigRequest', () =>
    withFile(async (path, configurator, watch) => {
      writeFileSync(path, configText('a'));
      await watch.look();
      await configurator.reload(config('b'), 'HandleReloadConfigRequest');
      await watch.look();
      assert.deepEqual(updates, ['a', 'b', 'a']);
    }));

  it('that cannot be parsed leaves the old configuration in force and is said once, with its name, line and column', () =>
    withFile(async (path, configurator, watch) => {
      writeFileSync(path, configText('a'));
      await watch.look();
      writeFileSync(path, 'model_config_list {\n  config { nmae: "x" }\n}');
      await watch.look();
      await watch.look();
      assert.equal(configurator.state.models[0]?.name, 'a');
      assert.deepEqual(
        captured.lines().filter((line) => line.startsWith('E')),
        [
          `E The model config file ${path} is not in force: INVALID_ARGUMENT: Invalid protobuf file: '${path}'. Error parsing ` +
            'text-format tensorflow.serving.ModelServerConfig: 2:16: Message type "tensorflow.serving.ModelConfig" has no field named "nmae".',
        ],
      );
    }));

  it('that vanishes leaves the old configuration in force', () =>
    withFile(async (_path, configurator, watch) => {
      await watch.look();
      assert.equal(configurator.state.origin, 'flags');
      assert.match(
        captured.lines().join(),
        /^E The model config file .* is not in force: NOT_FOUND: The file .* cannot be read \(ENOENT\)/,
      );
    }));

  it('is looked at while models of it are being loaded, and taken when it has been put right', () =>
    withFile(async (path, configurator, watch) => {
      const load = pendingLoad();
      manager.loads.set('bad', load.promise);
      writeFileSync(path, configText('a', 'bad'));
      await watch.look();
      await watch.look();
      writeFileSync(path, configText('a'));
      await watch.look();
      assert.deepEqual(updates, ['a,bad', 'a']);
      load.resolve();
      await sleep(20);
      assert.equal(configurator.state.lastError, undefined);
      assert.doesNotMatch(captured.lines().join(), /did not become available/);
    }));

  it('with models that cannot be loaded is in force, and the log says so and why', () =>
    withFile(async (path, configurator, watch) => {
      manager.broken.set('c', invalidArgument('Broken file.'));
      writeFileSync(path, configText('a', 'c'));
      await watch.look();
      await sleep(20);
      assert.equal(configurator.state.models.length, 2);
      assert.match(
        captured.lines().join(),
        /E The model config file .*models\.config is in force, but UNKNOWN: 1 model\(s\) did not become available: .*Broken file\./,
      );
    }));

  it('that is refused for a label is tried again, and taken once the version is available', () =>
    withFile(async (path, _configurator, watch) => {
      writeFileSync(path, configText('a canary=2'));
      await watch.look();
      await watch.look();
      assert.deepEqual(updates, []);
      manager.available.add('a 2');
      await watch.look();
      assert.deepEqual(updates, ['a']);
      await watch.look();
      assert.deepEqual(updates, ['a']);
    }));
});

describe('The effective configuration', () => {
  it('is ModelServerConfig as JSON, with its origin and the last error', async () => {
    const text = `model_config_list { config { name: "a" base_path: "/a" model_platform: "tensorflow"
      model_version_policy { specific { versions: 9007199254740993 } } version_labels { key: "s" value: 1 } } }`;
    manager.available.add('a 1');
    const configurator = create();
    await configurator.reload(parseTextProto(ModelServerConfig, text), '/etc/models.config');
    await assert.rejects(configurator.reload(config('a', 'a'), 'x'));
    const { since, ...described } = describeConfig(configurator.state) as { since: string };
    assert.ok(Math.abs(Date.now() - Date.parse(since)) < 10_000);
    assert.deepEqual(JSON.parse(JSON.stringify(described)), {
      origin: '/etc/models.config',
      last_error: {
        error_code: 'INVALID_ARGUMENT',
        error_message: 'Illegal to list model a multiple times in config list',
      },
      model_config_list: {
        config: [
          {
            name: 'a',
            base_path: '/a',
            model_platform: 'tensorflow',
            model_version_policy: { specific: { versions: ['9007199254740993'] } },
            version_labels: { s: '1' },
          },
        ],
      },
    });
  });
});
