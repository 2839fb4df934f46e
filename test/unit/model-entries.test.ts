import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ModelEntry, toModelEntries } from '../../src/config/model-entries.js';
import { Code } from '../../src/errors.js';
import { parseTextProto } from '../../src/formats/text-proto.js';
import { ModelServerConfig } from '../../src/gen/messages.js';

function entries(text: string, old: readonly ModelEntry[] = []): ModelEntry[] | undefined {
  return toModelEntries(parseTextProto(ModelServerConfig, text), old);
}

/** One model with these fields besides its name. */
function model(fields: string, name = 'm'): string {
  return `config { name: "${name}" ${fields} }`;
}

const GOOD = 'base_path: "/m" model_platform: "tensorflow"';

function policyOf(text: string): unknown {
  return entries(`model_config_list { ${model(`${GOOD} ${text}`)} }`)?.[0]?.versionPolicy;
}

describe('A ModelServerConfig', () => {
  it('that is empty changes nothing', () => assert.equal(entries(''), undefined));

  it('with an empty list serves nothing', () => assert.deepEqual(entries('model_config_list {}'), []));

  it('gives name, base path, labels and logging of each model', () => {
    const text = model(
      `${GOOD} version_labels { key: "stable" value: 3 } logging_config { sampling_config { sampling_rate: 0.5 } }`,
    );
    const [entry] = entries(`model_config_list { ${text} }`) ?? [];
    assert.equal(entry?.name, 'm');
    assert.equal(entry.basePath, '/m');
    assert.deepEqual([...(entry.versionLabels ?? [])], [['stable', 3n]]);
    assert.equal(entry.loggingConfig?.sampling_config?.sampling_rate, 0.5);
  });

  it('serves the latest version by default, and counts 0 latest versions as 1', () => {
    assert.deepEqual(policyOf(''), { kind: 'latest', numVersions: 1 });
    assert.deepEqual(policyOf('model_version_policy { latest { } }'), { kind: 'latest', numVersions: 1 });
    assert.deepEqual(policyOf('model_version_policy { latest { num_versions: 2 } }'), {
      kind: 'latest',
      numVersions: 2,
    });
  });

  it('serves all or specific versions', () => {
    assert.deepEqual(policyOf('model_version_policy { all {} }'), { kind: 'all' });
    assert.deepEqual(policyOf('model_version_policy { specific { versions: [2, 1] } }'), {
      kind: 'specific',
      versions: [2n, 1n],
    });
  });

  it('may give the platform by the old model_type', () => {
    assert.equal(entries(`model_config_list { ${model('base_path: "/m" model_type: TENSORFLOW')} }`)?.length, 1);
  });

  it('may have a file:// URI as base path', () => {
    const text = model('base_path: "file:///models/m" model_platform: "tensorflow"');
    assert.equal(entries(`model_config_list { ${text} }`)?.[0]?.basePath, '/models/m');
  });

  const NEITHER =
    'Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform. Add ' +
    'model_platform: "tensorflow" to model m.';
  const BOTH = 'Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.';
  const refused: [string, string, string][] = [
    [
      'has a base path in a bucket',
      model('base_path: "gs://bucket/m" model_platform: "tensorflow"'),
      'The base path of model m is gs://bucket/m, but this server reads models from the local file system only. Copy the model ' +
        'there before the start, with an init container or a sidecar for example, and give that folder.',
    ],
    ['lists a model twice', model(GOOD) + model(GOOD), 'Illegal to list model m multiple times in config list'],
    [
      'has a relative base path',
      model('base_path: "models/m" model_platform: "tensorflow"'),
      'Expected model m to have an absolute path or URI; got base_path()=models/m',
    ],
    ['has no platform', model('base_path: "/m"'), NEITHER],
    ['gives the platform in both ways', model(`${GOOD} model_type: TENSORFLOW`), BOTH],
    [
      'has another model_type',
      model('base_path: "/m" model_type: OTHER'),
      'ModelServerConfig::model_type choice 2 not supported.',
    ],
    [
      'has an unknown platform',
      model('base_path: "/m" model_platform: "torch"'),
      'Model m requests unsupported platform torch',
    ],
    [
      'changes the platform of a model',
      model('base_path: "/m" model_platform: "torch"', 'old'),
      "Illegal to change a model's platform. For model old platform was tensorflow and new platform requested is torch",
    ],
    ['has a model without a name', model(GOOD, ''), 'A model in the config list has no name. Give each config a name.'],
  ];
  for (const [name, text, message] of refused) {
    it(`is refused if it ${name}`, () => {
      const old: ModelEntry = { name: 'old', basePath: '/old', versionPolicy: { kind: 'latest' } };
      assert.throws(() => entries(`model_config_list { ${text} }`, [old]), { code: Code.INVALID_ARGUMENT, message });
    });
  }

  it('is refused, and does not crash the server, if it is a custom_model_config', () => {
    assert.throws(() => entries('custom_model_config { type_url: "x/y.Z" }'), {
      code: Code.INVALID_ARGUMENT,
      message: 'custom_model_config is not supported. Give the models in model_config_list.',
    });
  });
});
