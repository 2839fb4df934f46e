/** Requests that wait together share a run, and get bit for bit what each gets alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { batchPolicyOf } from '../../src/batching/batch-policy.js';
import { Code } from '../../src/errors.js';
import { parseTextProto } from '../../src/formats/text-proto.js';
import { BatchingParameters } from '../../src/gen/messages.js';
import { binding } from '../../src/native/binding.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { DataType } from '../../src/tensor/dtype.js';
import { OutputFormat, type PredictRequest } from '../../src/tensor/predict-request.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import { checkProperty, fuzzRuns } from '../support/check-property.js';
import {
  copyOutputs,
  floats,
  type TestInput,
  testRequest,
  withModel,
  withModels,
} from '../support/in-process-model.js';

const RUNS = fuzzRuns(100);

/** The outcome of a request as one comparable value. */
async function outcome(model: SavedModel, request: PredictRequest): Promise<unknown> {
  try {
    return (await model.predict(request, copyOutputs)).map((output) => ({
      ...output,
      bytes: output.bytes.toString('hex'),
    }));
  } catch (error) {
    return { code: (error as { code: Code }).code, message: (error as Error).message };
  }
}

function allAtOnce(model: SavedModel, requests: readonly PredictRequest[]): Promise<unknown[]> {
  return Promise.all(requests.map((request) => outcome(model, request)));
}

async function oneByOne(model: SavedModel, requests: readonly PredictRequest[]): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (const request of requests) outcomes.push(await outcome(model, request));
  return outcomes;
}

/** How many requests workers have taken in a go, on average, while `fn` ran. */
async function meanBatch(pool: WorkerPool, fn: () => Promise<unknown>): Promise<number> {
  const before = binding.queueStats(pool.queue);
  await fn();
  const after = binding.queueStats(pool.queue);
  return (after.taken - before.taken) / (after.batches - before.batches);
}

const x = (values: readonly number[], shape = [values.length]): TestInput => ({
  name: 'x',
  dtype: DataType.FLOAT,
  shape,
  bytes: floats(...values),
});

function json(body: unknown): PredictRequest {
  return {
    kind: 'json',
    modelSpec: { name: 'model' },
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    deadlineMillis: Number.POSITIVE_INFINITY,
  };
}

/** BatchingParameters under which the same must come out: none, and some that part, fill up and cut. */
const SETTINGS = {
  'by default': '',
  'in batches of few rows': 'max_batch_size { value: 5 }',
  'in batches that are filled up':
    'max_batch_size { value: 16 } allowed_batch_sizes: 3 allowed_batch_sizes: 7 allowed_batch_sizes: 16',
  'in pieces':
    'max_batch_size { value: 64 } max_execution_batch_size { value: 3 } enable_large_batch_splitting { value: true } ' +
    'allowed_batch_sizes: 2 allowed_batch_sizes: 3 max_enqueued_batches { value: 1000 }',
  'waiting for one another': 'max_batch_size { value: 24 } batch_timeout_micros { value: 1500 }',
};

describe('requests that wait together', { timeout: 120_000 }, () => {
  it('share runs, and each gets its own rows', async () => {
    await withModel('half_plus_two', async (model, pool) => {
      const requests = Array.from({ length: 500 }, (_, i) => testRequest([x(Array(1 + (i % 4)).fill(i))]));
      const alone = await oneByOne(model, requests);
      const mean = await meanBatch(pool, async () => assert.deepEqual(await allAtOnce(model, requests), alone));
      assert.ok(mean > 4, `${mean} requests in a go`);
    });
  });

  it('are not joined where an output is declared to have no rows', async () => {
    await withModel('no_batch', async (model, pool) => {
      const requests = Array.from({ length: 100 }, (_, i) => testRequest([x([i, 2, 3, -i], [2, 2])]));
      const alone = await oneByOne(model, requests);
      const mean = await meanBatch(pool, async () => assert.deepEqual(await allAtOnce(model, requests), alone));
      assert.equal(mean, 1);
    });
  });

  it('are run again one by one once a model is seen to break its promise of rows, and never joined after that', async () => {
    await withModel('unique', async (model, pool) => {
      const requests = Array.from({ length: 100 }, (_, i) => testRequest([x([1, i % 7, 1])]));
      const alone = await oneByOne(model, requests);
      assert.deepEqual(await allAtOnce(model, requests), alone);
      const mean = await meanBatch(pool, async () => assert.deepEqual(await allAtOnce(model, requests), alone));
      assert.equal(mean, 1);
    });
  });

  it('fail alone: a run that fails for a batch is done again for each of its requests', async () => {
    await withModel('digits', async (model) => {
      const images = (rows: number, columns: number): TestInput => ({
        name: 'images',
        dtype: DataType.FLOAT,
        shape: [rows, columns],
        bytes: floats(...Array(rows * columns).fill(1)),
      });
      const requests = Array.from({ length: 60 }, (_, i) => testRequest([images(1, i % 3 === 0 ? 63 : 64)]));
      await oneByOne(model, requests.slice(0, 2));
      const outcomes = await allAtOnce(model, requests);
      for (const [i, result] of outcomes.entries()) {
        if (i % 3 !== 0) assert.ok(Array.isArray(result), String(i));
        else assert.equal((result as { code: Code }).code, Code.INVALID_ARGUMENT);
      }
    });
  });

  it('are dropped singly when their deadline has passed', async () => {
    await withModel('half_plus_two', async (model) => {
      const requests = Array.from({ length: 40 }, (_, i) =>
        testRequest([x([i])], i % 2 === 0 ? {} : { deadlineMillis: Date.now() - 1 }),
      );
      for (const [i, result] of (await allAtOnce(model, requests)).entries()) {
        if (i % 2 === 0) assert.ok(Array.isArray(result));
        else assert.equal((result as { code: Code }).code, Code.DEADLINE_EXCEEDED);
      }
    });
  });

  it('of strings share runs, too', async () => {
    await withModel('batch_shape', async (model) => {
      const request = (...texts: string[]) =>
        testRequest(
          [
            {
              name: 'text',
              dtype: DataType.STRING,
              shape: [texts.length, 1],
              strings: texts.map((t) => Buffer.from(t)),
            },
          ],
          { signatureName: 'words', outputFilter: ['rows'] },
        );
      await outcome(model, request('the first run of a model is not shared'));
      const outcomes = await allAtOnce(model, [
        request('a'),
        request('b', 'a longer text than fits an element'),
        request(''),
      ]);
      const rows = outcomes.map((outputs) => (outputs as { bytes: string }[])[0]?.bytes.slice(0, 2));
      assert.deepEqual(rows, ['04', '04', '04']);
    });
  });

  for (const [name, text] of Object.entries(SETTINGS)) {
    it(`get bit for bit what each gets alone, whatever the mix, ${name}`, async (t) => {
      const batchPolicy = text === '' ? undefined : batchPolicyOf(parseTextProto(BatchingParameters, text));
      const models = [
        { model: 'multi_io', batchPolicy },
        { model: 'multi_io', batchPolicy, version: 2n },
        { model: 'strings', batchPolicy },
        { model: 'batch_shape', batchPolicy },
        { model: 'digits', batchPolicy },
      ];
      await withModels(
        models,
        async (loaded) => {
          const parts = fc.array(anyPart, { minLength: 2, maxLength: 40 });
          await checkProperty(
            t,
            fc.asyncProperty(parts, async (chosen) => {
              const run = ({ model, request }: Part) => outcome(loaded[model] as SavedModel, request);
              const together = await Promise.all(chosen.map(run));
              for (const [i, part] of chosen.entries()) assert.deepEqual(together[i], await run(part), part.what);
            }),
            { numRuns: RUNS, hasState: true },
          );
        },
        2,
      );
    });
  }
});

/** A request for one of the models that the properties have loaded. */
interface Part {
  readonly model: number;
  readonly request: PredictRequest;
  readonly what: string;
}

const anyText = fc.oneof(fc.string({ maxLength: 40 }), fc.constant(''), fc.constant('x'.repeat(300)));

/** For `strings`: tensors, or JSON. */
const anyTexts: fc.Arbitrary<PredictRequest> = fc
  .tuple(fc.array(anyText, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([texts, asJson]) => {
    if (asJson) return json({ instances: texts });
    const strings = texts.map((text) => Buffer.from(text));
    return testRequest([{ name: 'text', dtype: DataType.STRING, shape: [texts.length], strings }]);
  });

/** For `batch_shape`: inputs of several inner shapes, no rows among them; two inputs that need not fit; nonsense. */
const anyShape: fc.Arbitrary<PredictRequest> = fc.oneof(
  fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 3 }), fc.integer()).map(([rows, columns, value]) => {
    const bytes = floats(...Array.from({ length: rows * columns }, (_, i) => value + i));
    return testRequest([{ name: 'x', dtype: DataType.FLOAT, shape: [rows, columns], bytes }], { outputFilter: ['y'] });
  }),
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })).map(([a, b]) => {
    const input = (name: string, rows: number) => ({ ...x(Array(rows).fill(rows)), name });
    return testRequest([input('a', a), input('b', b)], { signatureName: 'pair' });
  }),
  fc.constantFrom(json({ inputs: { a: [1], b: [2] }, signature_name: 'pair' }), json('no JSON at all')),
);

/** For `digits`: images, now and then of a size that fails. Zeros and ones, whose sums are exact in any order. */
const anyImages: fc.Arbitrary<PredictRequest> = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom(64, 64, 64, 63))
  .map(([rows, columns]) =>
    testRequest(
      [
        {
          name: 'images',
          dtype: DataType.FLOAT,
          shape: [rows, columns],
          bytes: floats(...Array(rows * columns).fill(1)),
        },
      ],
      { outputFilter: ['classes'] },
    ),
  );

/** A request for multi_io's serving_default: 1 to 5 rows, now and then with a row too few, in one of the forms. */
const anyRequest: fc.Arbitrary<PredictRequest> = fc
  .record({
    rows: fc.array(fc.tuple(fc.float({ noNaN: true }), fc.integer({ min: -1000, max: 1000 }), fc.boolean()), {
      minLength: 1,
      maxLength: 5,
    }),
    short: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    form: fc.constantFrom('raw', 'typed', 'json', 'filtered'),
  })
  .map(({ rows, short, form }) => {
    const a = rows.flatMap(([value]) => [value, 1, -value]);
    const b = rows.map(([, number]) => number);
    if (short) b.pop();
    const flags = rows.map(([, , flag]) => flag);
    if (form === 'json')
      return json({ inputs: { a: rows.map(([value]) => [Math.fround(value), 1, -value]), b, flag: flags } });
    const inputs: TestInput[] = [
      { name: 'a', dtype: DataType.FLOAT, shape: [rows.length, 3], bytes: floats(...a) },
      { name: 'b', dtype: DataType.INT32, shape: [b.length], bytes: Buffer.from(Int32Array.from(b).buffer) },
      { name: 'flag', dtype: DataType.BOOL, shape: [rows.length], bytes: Uint8Array.from(flags, Number) },
    ];
    return testRequest(inputs, {
      outputFormat: form === 'typed' ? OutputFormat.TYPED_FIELDS : OutputFormat.RAW,
      outputFilter: form === 'filtered' ? ['sum', 'label_bytes'] : [],
    });
  });

const anyPart: fc.Arbitrary<Part> = fc
  .oneof(
    fc.tuple(fc.constantFrom(0, 1), anyRequest),
    fc.tuple(fc.constant(2), anyTexts),
    fc.tuple(fc.constant(3), anyShape),
    fc.tuple(fc.constant(4), anyImages),
  )
  .map(([model, request]) => ({ model, request, what: `a request for model ${model}` }));
