/** Which signatures share runs: by proof, by what they declare, or not at all; and where that is said. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { batchPolicyOfVersion } from '../../src/servables/batching-of-version.js';
import { inspectModel } from '../../src/servables/inspect.js';
import { formatRunSharing } from '../../src/servables/run-sharing.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { captureLog } from '../support/capture-log.js';
import { answerJson, type LoaderChanges, loaderOf, withPool } from '../support/in-process-model.js';
import { modelPath, withModelCopy, withTempDir } from '../support/models.js';
import { node, writeTextModel } from '../support/text-models.js';
import { withServer } from '../support/with-server.js';

const LIMIT = { timeout: 60_000 };

/** Loads the model in `basePath` and calls back with it, and with what the log said of sharing. */
async function load(
  basePath: string,
  changes: LoaderChanges,
  fn: (model: SavedModel, said: string[]) => void | Promise<void>,
): Promise<void> {
  await withPool(1, async (pool) => {
    const captured = captureLog();
    const loader = loaderOf(join(basePath, '1'), pool, ['serve'], { batching: 'auto', ...changes });
    try {
      const model = await loader.load();
      await fn(
        model,
        captured.lines().filter((line) => line.includes('share runs')),
      );
    } finally {
      await loader.unload();
      captured.restore();
    }
  });
}

const sharing = (model: SavedModel, signature = 'serving_default') => formatRunSharing(model.sharing(signature));

describe('Requests share runs', LIMIT, () => {
  it('where that is proven; what is not is said once, with the operation and the remedies', async () => {
    await load(modelPath('half_plus_two'), {}, (model, said) => {
      assert.equal(sharing(model), 'proven');
      assert.deepEqual(said, []);
    });
    await load(modelPath('batch_shape'), {}, (model, said) => {
      assert.match(sharing(model), /^off \(Fill "Fill" in function .*\)$/);
      assert.equal(said.filter((line) => line.includes("'serving_default'")).length, 1);
      assert.match(
        said.find((line) => line.includes("'serving_default'")) ?? '',
        /^I Requests for signature 'serving_default' of servable \{name: model version: 1\} do not share runs: Fill "Fill" .*\. If .* --enable_batching=true for all models, .* batching_params\.pbtxt in the version's folder and --enable_per_model_batching_parameters\.$/,
      );
    });
  });

  it('where they are declared as rows, if that is asked for', async () => {
    await load(modelPath('batch_shape'), { batching: 'true' }, (model, said) => {
      assert.equal(sharing(model), 'declared');
      assert.deepEqual(said, []);
    });
  });

  it('never with false', async () => {
    await load(modelPath('half_plus_two'), { batching: 'false' }, (model, said) => {
      assert.equal(sharing(model), 'off (batching is turned off)');
      assert.equal(model.largestBatchOf('serving_default'), 1);
      assert.deepEqual(said, []);
    });
  });

  it('not where shapes do not allow it, whatever is asked for', async () => {
    for (const batching of ['auto', 'true'] as const) {
      await load(modelPath('multi_io'), { batching }, (model, said) => {
        assert.equal(sharing(model, 'fixed'), "off (input 'm' is not declared with a first dimension of unknown size)");
        assert.deepEqual(said, []);
      });
      await load(modelPath('no_batch'), { batching }, (model) =>
        assert.equal(sharing(model), "off (output 'y' is not declared with a first dimension of unknown size)"),
      );
    }
  });

  it('where the version has BatchingParameters of its own; the others wait for a proof, or share none with true', async () => {
    const batchPolicy = (path: string) => batchPolicyOfVersion(path, undefined);
    await withModelCopy('batch_shape', async (basePath) => {
      await load(basePath, { batchPolicy }, (model) => assert.match(sharing(model), /^off \(Fill/));
      await writeFile(join(basePath, '1/batching_params.pbtxt'), 'max_batch_size { value: 8 }');
      for (const batching of ['auto', 'true'] as const) {
        await load(basePath, { batching, batchPolicy }, (model, said) => {
          assert.equal(sharing(model), 'declared');
          assert.equal(model.largestBatchOf('serving_default'), 8);
          assert.deepEqual(said, []);
        });
      }
    });
    await load(modelPath('half_plus_two'), { batchPolicy }, (model) => assert.equal(sharing(model), 'proven'));
    await load(modelPath('half_plus_two'), { batchPolicy, batching: 'true' }, (model) =>
      assert.equal(sharing(model), 'off (the version has no batching_params.pbtxt)'),
    );
  });

  it('until a run shows that an output lacks the rows of the inputs', async () => {
    await load(modelPath('unique'), { batching: 'true' }, async (model) => {
      assert.equal(sharing(model), 'declared');
      await Promise.all(Array.from({ length: 20 }, () => answerJson(model, { inputs: { x: [1] } })));
      assert.equal(sharing(model), 'off (in a run, an output did not have the rows of the inputs)');
    });
  });

  it('not in a TensorFlow Lite model, unless that is asked for', async () => {
    assert.match(
      inspectModel(join(modelPath('lite_mixed'), '1')),
      /^ {4}batching: off \(graphs of TensorFlow Lite are not analysed\)$/m,
    );
  });
});

describe('GET /v1/config', LIMIT, () => {
  interface Config {
    readonly loaded_models: {
      name: string;
      versions: { version: string; signatures: Record<string, { batching: string }> }[];
    }[];
  }

  async function configOf(...flags: string[]): Promise<Config['loaded_models']> {
    return withServer(flags, async ({ ports }) => {
      const config = (await (await fetch(`http://127.0.0.1:${ports.rest}/v1/config`)).json()) as Config;
      return config.loaded_models;
    });
  }

  it('says of each signature of what is loaded how its requests share runs', async () => {
    const model = [`--model_base_path=${modelPath('half_plus_two')}`, '--model_name=half'];
    for (const [flags, batching] of [
      [[], 'proven'],
      [['--enable_batching=auto'], 'proven'],
      [['--enable_batching'], 'declared'],
      [['--enable_batching', '1'], 'declared'],
      [['--enable_batching=false'], 'off (batching is turned off)'],
    ] as const) {
      assert.deepEqual(await configOf(...model, ...flags), [
        { name: 'half', versions: [{ version: '1', signatures: { serving_default: { batching } } }] },
      ]);
    }
  });
});

describe('tensorgate inspect', LIMIT, () => {
  it('says what is proven, without TensorFlow', () => {
    assert.match(inspectModel(join(modelPath('digits'), '1')), /^ {4}batching: proven$/m);
    assert.match(
      inspectModel(join(modelPath('unique'), '1')),
      /^ {4}batching: off \(Unique "Unique" in function .*\)$/m,
    );
  });

  it('says that it cannot tell it of a text', async () => {
    const nodes = node('y', 'Identity', 'DT_FLOAT', ['x']);
    const [x, y] = ['x', 'y'].map((name) => ({ name, dtype: 'DT_FLOAT' }));
    await withTempDir(async (folder) => {
      const version = await writeTextModel(folder, { inputs: [x as never], outputs: [y as never], nodes });
      assert.match(
        inspectModel(version),
        /^ {4}batching: not known: saved_model\.pbtxt is only read by TensorFlow; .*GET \/v1\/config$/m,
      );
      await load(folder, {}, (model) => assert.equal(sharing(model), 'proven'));
    });
  });
});
