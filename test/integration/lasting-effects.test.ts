/** Warm-up leaves no trace: what changes anything that outlasts a run is not run but for a client, or for a warm-up file. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OutputFormat } from '../../src/tensor/predict-request.js';
import { createWarmUp } from '../../src/warmup/warm-up.js';
import { WarmUpMetrics } from '../../src/warmup/warm-up-metrics.js';
import { captureLog } from '../support/capture-log.js';
import { runNode } from '../support/child-program.js';
import { encodePredict } from '../support/door-clients.js';
import { answerJson, loaderOf, withPool } from '../support/in-process-model.js';
import { modelPath, withTempDir } from '../support/models.js';
import * as stateful from '../support/stateful-models.js';
import { type TextModel, writeTextModel } from '../support/text-models.js';
import { writeWarmUpRequests } from '../support/warm-up-files.js';
import { withServer } from '../support/with-server.js';

const LIMIT = { timeout: 60_000 };
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const WARM_UP = createWarmUp({
  enabled: true,
  synthetic: true,
  iterations: 0,
  checkMethodNames: false,
  outputFormat: OutputFormat.TYPED_FIELDS,
  metrics: new WarmUpMetrics(),
});
const REQUEST = encodePredict({ model: 'm', inputs: { x: { dtype: 'float', shape: [1], values: [0] } } });

interface Loaded {
  /** To one request, 0, after the load with its warm-up. */
  readonly first: number;
  readonly log: string;
}

interface LoadOptions {
  /** Changes the version's folder before the load. */
  readonly prepare?: (folder: string) => void;
  /** Of the request; default: one in row form. */
  readonly body?: object;
}

async function load(model: TextModel, { prepare, body = { instances: [0] } }: LoadOptions = {}): Promise<Loaded> {
  return withTempDir((folder) =>
    withPool(1, async (pool) => {
      const version = await writeTextModel(folder, model);
      prepare?.(version);
      const captured = captureLog();
      const loader = loaderOf(version, pool, ['serve'], { warmUp: WARM_UP });
      try {
        const reply = await answerJson(await loader.load(), body);
        const { predictions } = reply as { predictions?: [number] };
        return { first: predictions?.[0] ?? Number.NaN, log: captured.lines().join('\n') };
      } finally {
        await loader.unload();
        captured.restore();
      }
    }),
  );
}

describe('A signature that changes what outlasts a run', LIMIT, () => {
  const cases: [string, TextModel, string, string][] = [
    ['counts', stateful.counts(), 'AssignAddVariableOp', 'add'],
    ['counts in a function', stateful.countsInFunction(), 'AssignAddVariableOp', 'counting/add'],
    ['fills a queue', stateful.fillsQueue(), 'QueueEnqueueV2', 'put'],
    ['fills a table', stateful.fillsTable(), 'LookupTableInsertV2', 'put'],
  ];
  for (const [what, model, op, node] of cases) {
    it(`is not run before its first client: one that ${what}`, async () => {
      const { first, log } = await load(model);
      assert.equal(first, 1);
      assert.ok(
        log.includes(`is not warmed up: its operation ${op} (node ${node}) changes what outlasts a run. `),
        log,
      );
      assert.match(log, /tensorgate record-warmup/);
    });

    it(`is run where a warm-up file asks for it: one that ${what}`, async () => {
      const { first, log } = await load(model, {
        prepare: (version) => writeWarmUpRequests(version, [['Predict', REQUEST]]),
      });
      // The table has the same key again.
      assert.equal(first, what === 'fills a table' ? 1 : 2);
      assert.match(log, /Warmed up .* records=1 runs=1 /);
    });
  }

  const INFO = 'dtype: DT_FLOAT tensor_shape { dim { size: -1 } }';
  const COMPOSITES = {
    'a sparse output':
      'coo_sparse { values_tensor_name: "y:0" indices_tensor_name: "one:0" dense_shape_tensor_name: "one:0" }',
    'a composite output': `composite_tensor { components { name: "one:0" ${INFO} } components { name: "y:0" ${INFO} } }`,
  };
  for (const [what, encoding] of Object.entries(COMPOSITES)) {
    it(`is not run before its first client: one that counts in a component of ${what}`, async () => {
      const declareComposite = (version: string) => {
        const path = join(version, 'saved_model.pbtxt');
        const text = readFileSync(path, 'utf8');
        const composite = text.replace(
          /outputs \{ key: "y" value \{ name: "y:0"/,
          `outputs { key: "y" value { ${encoding}`,
        );
        assert.notEqual(composite, text);
        writeFileSync(path, composite);
      };
      const { log } = await load(stateful.counts(), { prepare: declareComposite, body: { inputs: [0] } });
      assert.match(
        log,
        /is not warmed up: its operation AssignAddVariableOp \(node add\) changes what outlasts a run\. /,
      );
    });
  }

  it('makes no file at the start, nor when a later version comes, and makes it for a client', async () => {
    await withTempDir(async (folder) => {
      const base = join(folder, 'm');
      const [first, second] = [join(folder, 'first.txt'), join(folder, 'second.txt')];
      await writeTextModel(base, stateful.writesFile(first));
      await withServer([`--model_base_path=${base}`, '--model_name=m'], async ({ ports, logs }) => {
        assert.match(
          logs(),
          /I Signature 'serving_default' of servable \{name: m version: 1\} is not warmed up: its operation WriteFile \(node write\)/,
        );
        assert.ok(!existsSync(first));
        const later = await writeTextModel(join(folder, 'later'), stateful.writesFile(second));
        await rename(later, join(base, '2'));
        const url = `http://127.0.0.1:${ports.rest}/v1/models/m`;
        while (!/AVAILABLE/.test(await (await fetch(`${url}/versions/2`)).text()));
        assert.ok(!existsSync(second));
        const config = await (await fetch(`http://127.0.0.1:${ports.rest}/v1/config`)).json();
        const [{ versions }] = (config as { loaded_models: [{ versions: [{ signatures: object }] }] }).loaded_models;
        assert.equal(
          (versions[0].signatures as { serving_default: { changes_state: string } }).serving_default.changes_state,
          'WriteFile (node write)',
        );
        const reply = await fetch(`${url}:predict`, { method: 'POST', body: '{"instances": [1]}' });
        assert.deepEqual(await reply.json(), { predictions: [1] });
        assert.equal(readFileSync(second, 'utf8'), 'written');
        assert.ok(!existsSync(first));
      });
    });
  });

  it('is not asked by tensorgate tune with a request that is made up', async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, 'written.txt');
      await writeTextModel(folder, stateful.writesFile(path));
      const { status, stderr } = await runNode([MAIN, 'tune', folder, '--seconds=0.05', '--rounds=1', '--in_flight=1']);
      assert.equal(status, 1);
      assert.match(
        stderr,
        /No request is made up for signature serving_default: its operation WriteFile \(node write\) .*--requests=FILE/,
      );
      assert.ok(!existsSync(path));
    });
  });

  it('is one that draws random numbers by a seed: the first answer is what it is without a warm-up', async () => {
    const { first, log } = await load(stateful.draws(7));
    assert.match(log, /not warmed up: its operation RandomUniform \(node random\)/);
    assert.equal(first, (await load(stateful.draws(7))).first);
  });
});

describe('A signature without lasting effects', LIMIT, () => {
  it('is warmed up: one that reads a variable, and one that draws random numbers without a seed', async () => {
    for (const model of [stateful.readsVariable(), stateful.draws(0)])
      assert.match((await load(model)).log, /Warmed up servable .* with ones\. signatures=1 /);
  });

  for (const model of ['digits', 'strings', 'control_flow_v1', 'control_flow_v2', 'variables_v1', 'unique', 'slow']) {
    it(`is warmed up: those of ${model}`, async () => {
      await withServer([`--model_base_path=${modelPath(model)}`], async ({ logs }) => {
        assert.match(logs(), /Warmed up servable .* with ones\./);
        assert.doesNotMatch(logs(), /outlasts/);
      });
    });
  }
});
