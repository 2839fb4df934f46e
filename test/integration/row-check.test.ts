/** The second line behind the proof: rows that mind each other's company are found at warm-up, whatever has been proven. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { binding, type LoadedSession } from '../../src/native/binding.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { Cancellation, OutputFormat } from '../../src/tensor/predict-request.js';
import { checkRows } from '../../src/warmup/row-check.js';
import { createWarmUp } from '../../src/warmup/warm-up.js';
import { WarmUpMetrics } from '../../src/warmup/warm-up-metrics.js';
import { captureLog } from '../support/capture-log.js';
import { encodePredict } from '../support/door-clients.js';
import { answerJson, loaderOf, withPool } from '../support/in-process-model.js';
import { withTempDir } from '../support/models.js';
import { constant, node, operation, type TextModel, writeTextModel } from '../support/text-models.js';
import { writeWarmUpRequests } from '../support/warm-up-files.js';

const LIMIT = { timeout: 60_000 };
const FLOAT = 'DT_FLOAT';

/** Has the addon claim that the rows of all signatures are proven to be independent. */
function claimProofs(t: TestContext): void {
  const load = binding.loadSession;
  t.mock.method(binding, 'loadSession', async (options: Parameters<typeof load>[0]): Promise<LoadedSession> => {
    const session = await load(options);
    return { ...session, rowProofs: session.rowProofs.map((proof) => ({ ...proof, proven: true, reason: '' })) };
  });
}

interface LoadOptions {
  readonly prepare?: (version: string) => void;
  readonly synthetic?: boolean;
}

/** What fn makes of the model once it is warmed up, and what the log says by then. */
async function load(
  t: TestContext,
  textModel: TextModel,
  { prepare = () => {}, synthetic = true }: LoadOptions,
  fn: (model: SavedModel, log: string) => void | Promise<void>,
): Promise<void> {
  claimProofs(t);
  const warmUp = createWarmUp({
    enabled: true,
    synthetic,
    iterations: 3,
    checkMethodNames: false,
    outputFormat: OutputFormat.TYPED_FIELDS,
    metrics: new WarmUpMetrics(),
  });
  return withTempDir((folder) =>
    withPool(1, async (pool) => {
      const version = await writeTextModel(folder, textModel);
      prepare(version);
      const captured = captureLog();
      const loader = loaderOf(version, pool, ['serve'], { batching: 'auto', warmUp });
      try {
        await fn(await loader.load(), captured.lines().join('\n'));
      } finally {
        await loader.unload();
        captured.restore();
      }
    }),
  );
}

function model(nodes: readonly string[], dtype = FLOAT, output = FLOAT): TextModel {
  return { inputs: [{ name: 'x', dtype }], outputs: [{ name: 'y', dtype: output }], nodes: nodes.join('\n') };
}

const AXIS = constant('axis', 'DT_INT32', 'int_val: 0');
const AXES = operation('axes', 'Const', [], {
  dtype: 'type: DT_INT32',
  value: 'tensor { dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: 0 }',
});
const sum = (...inputs: string[]) => operation('sum', 'Sum', inputs, { T: `type: ${FLOAT}`, Tidx: 'type: DT_INT32' });

const SOFTMAX = model([node('y', 'Softmax', FLOAT, ['x'])]);

const MIXED: [string, TextModel][] = [
  ['a softmax over the rows', SOFTMAX],
  ['a sum over the rows', model([AXIS, sum('x', 'axis'), node('y', 'AddV2', FLOAT, ['x', 'sum'])])],
  [
    'a running sum',
    model([AXIS, operation('y', 'Cumsum', ['x', 'axis'], { T: `type: ${FLOAT}`, Tidx: 'type: DT_INT32' })]),
  ],
  [
    'the rows the other way round',
    model([AXES, operation('y', 'ReverseV2', ['x', 'axes'], { T: `type: ${FLOAT}`, Tidx: 'type: DT_INT32' })]),
  ],
  [
    'integers less the largest of the rows',
    model(
      [
        AXIS,
        operation('max', 'Max', ['x', 'axis'], { T: 'type: DT_INT64', Tidx: 'type: DT_INT32' }),
        node('y', 'Sub', 'DT_INT64', ['x', 'max']),
      ],
      'DT_INT64',
      'DT_INT64',
    ),
  ],
  [
    'strings of which only the first is kept',
    model(
      [
        AXIS,
        operation('first', 'GatherV2', ['x', 'axis', 'axis'], {
          Tparams: 'type: DT_STRING',
          Tindices: 'type: DT_INT32',
          Taxis: 'type: DT_INT32',
          batch_dims: 'i: 0',
        }),
        operation('shape', 'Shape', ['x'], { T: 'type: DT_STRING', out_type: 'type: DT_INT32' }),
        operation('y', 'Fill', ['shape', 'first'], { T: 'type: DT_STRING', index_type: 'type: DT_INT32' }),
      ],
      'DT_STRING',
      'DT_STRING',
    ),
  ],
  [
    'an output with twice as many rows',
    model([
      AXIS,
      operation('y', 'ConcatV2', ['x', 'x', 'axis'], { N: 'i: 2', T: `type: ${FLOAT}`, Tidx: 'type: DT_INT32' }),
    ]),
  ],
];

const TABLE = operation('table', 'Const', [], {
  dtype: `type: ${FLOAT}`,
  value: `tensor { dtype: ${FLOAT} tensor_shape { dim { size: 2 } } float_val: 1 float_val: 3 }`,
});

/** Numbers from `first` on are places in a table of two; of what is found there, a softmax over the rows, or just that. */
function lookup(first: number, mixes: boolean): TextModel {
  return model(
    [
      TABLE,
      AXIS,
      constant('offset', 'DT_INT32', `int_val: ${first}`),
      node('place', 'Sub', 'DT_INT32', ['x', 'offset']),
      operation('found', 'GatherV2', ['table', 'place', 'axis'], {
        Tparams: `type: ${FLOAT}`,
        Tindices: 'type: DT_INT32',
        Taxis: 'type: DT_INT32',
      }),
      node('y', mixes ? 'Softmax' : 'Identity', FLOAT, ['found']),
    ],
    'DT_INT32',
  );
}

const requestOf = (...values: number[]) =>
  encodePredict({ model: 'm', inputs: { x: { dtype: 'int32', shape: [values.length], values } } });

describe('A signature that is wrongly proven', LIMIT, () => {
  for (const [what, textModel] of MIXED) {
    it(`does not share runs: ${what}`, (t) =>
      load(t, textModel, {}, (model, log) => {
        const { kind, reason = '' } = model.sharing('serving_default');
        assert.equal(kind, 'off');
        assert.match(reason, /^found at warm-up: (a row of )?output 'y' /);
        assert.match(
          log,
          /^E Requests for signature 'serving_default' of servable \{name: model version: 1\} do not share runs: .*Please report this/m,
        );
      }));
  }

  it('answers requests that come together as if each were alone', (t) =>
    load(t, SOFTMAX, {}, async (model) => {
      const requests = Array.from({ length: 20 }, (_, i) => answerJson(model, { instances: [i] }));
      for (const answer of await Promise.all(requests)) assert.deepEqual(answer, { predictions: [1] });
    }));

  it('is found with integers that lie in range, where larger ones do not', (t) =>
    load(t, lookup(0, true), {}, (model) => assert.equal(model.sharing('serving_default').kind, 'off')));

  it('is found with the rows of a warm-up file, where made-up values are all refused', async (t) => {
    const file = {
      prepare: (version: string) =>
        void writeWarmUpRequests(version, [
          ['Predict', requestOf(100)],
          ['Predict', requestOf(101)],
        ]),
    };
    await load(t, lookup(100, true), {}, (model) => assert.equal(model.sharing('serving_default').kind, 'proven'));
    t.mock.restoreAll();
    await load(t, lookup(100, true), file, (model) => assert.equal(model.sharing('serving_default').kind, 'off'));
    t.mock.restoreAll();
    const withoutOnes = { ...file, synthetic: false };
    await load(t, lookup(100, true), withoutOnes, (model) =>
      assert.equal(model.sharing('serving_default').kind, 'off'),
    );
  });

  it('is not looked for with --synthetic_warmup=false and without a file', (t) =>
    load(t, SOFTMAX, { synthetic: false }, (model) => assert.equal(model.sharing('serving_default').kind, 'proven')));
});

describe('A signature that is rightly proven', LIMIT, () => {
  const INDEPENDENT: [string, TextModel, LoadOptions][] = [
    ['a sum of x and x', model([node('y', 'AddV2', FLOAT, ['x', 'x'])]), {}],
    [
      'one that gives NaN and infinity',
      model([node('root', 'Sqrt', FLOAT, ['x']), node('y', 'Reciprocal', FLOAT, ['root'])]),
      {},
    ],
    ['one that refuses all made-up values', lookup(100, false), {}],
    [
      'one with a warm-up file whose requests have several rows, some of them equal',
      lookup(100, false),
      {
        prepare: (version) =>
          void writeWarmUpRequests(version, [
            ['Predict', requestOf(100, 101)],
            ['Predict', requestOf(100)],
          ]),
      },
    ],
  ];
  for (const [what, textModel, options] of INDEPENDENT) {
    it(`goes on sharing runs, and nothing is said: ${what}`, (t) =>
      load(t, textModel, options, (model, log) => {
        assert.deepEqual(model.sharing('serving_default'), { kind: 'proven' });
        assert.doesNotMatch(log, /share runs/);
      }));
  }

  it('is not waited for by a version that nobody wants any more, nor beyond the limit', (t) =>
    load(t, model([node('y', 'AddV2', FLOAT, ['x', 'x'])]), {}, async (model) => {
      const cancellation = new Cancellation();
      await checkRows(model, { cancellation, recorded: [], madeUp: true, limitMillis: -1 });
      assert.equal(model.sharing('serving_default').kind, 'proven');
      cancellation.cancel();
      await assert.rejects(checkRows(model, { cancellation, recorded: [], madeUp: true }), { code: 1 });
    }));
});
