/** Signatures whose inputs and outputs are not all plain tensors: sparse, ragged, handles, variants. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Code } from '../../src/errors.js';
import { binding } from '../../src/native/binding.js';
import { inspectModel } from '../../src/servables/inspect.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { readSavedModel } from '../../src/servables/saved-model-file.js';
import { writeSubmission } from '../../src/servables/submission.js';
import { DataType } from '../../src/tensor/dtype.js';
import { Encoding, OutputFormat, Priority } from '../../src/tensor/predict-request.js';
import {
  answerJson,
  copyOutputs,
  floats,
  type TestInput,
  type TestOutput,
  type TestRequestOptions,
  testRequest,
  unpackStrings,
  withModel,
  withPool,
} from '../support/in-process-model.js';
import { modelPath } from '../support/models.js';

const LIMIT = { timeout: 60_000 };
const NO_LIMITS = { mostWaiting: 0, mostRunning: 0, longestWaitMicros: 0 };
const invalid = (message: RegExp) => ({ code: Code.INVALID_ARGUMENT, message });

type Nested = number | string | readonly Nested[];

/** What TensorFlow itself answered: scripts/models/composites.py. */
interface KnownAnswer {
  readonly signature: string;
  readonly inputs: Readonly<Record<string, readonly Nested[]>>;
  readonly outputs: Readonly<Record<string, readonly Nested[]>>;
}

const ANSWERS: readonly KnownAnswer[] = readFileSync(join(modelPath('composites'), 'answers.json'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
/** All of them but that of the signature with outputs that cannot be sent. */
const WHOLE = ANSWERS.filter(({ signature }) => signature !== 'handles');

function answerOf(signature: string): KnownAnswer {
  return ANSWERS.find((answer) => answer.signature === signature) ?? assert.fail(signature);
}

function shapeOf(value: Nested): number[] {
  return Array.isArray(value) ? [value.length, ...(value.length > 0 ? shapeOf(value[0]) : [])] : [];
}

function flatten(value: Nested): (number | string)[] {
  return typeof value === 'object' ? value.flatMap(flatten) : [value];
}

function inputsOf({ inputs }: KnownAnswer): TestInput[] {
  return Object.entries(inputs).map(([name, value]) => {
    const flat = flatten(value);
    const shape = shapeOf(value);
    return typeof flat[0] === 'string'
      ? { name, dtype: DataType.STRING, shape, strings: flat.map((text) => Buffer.from(String(text))) }
      : { name, dtype: DataType.FLOAT, shape, bytes: floats(...(flat as number[])) };
  });
}

/** The output as JSON has it. */
function nested({ dtype, shape, bytes }: TestOutput): Nested {
  const memory = Uint8Array.from(bytes).buffer;
  const count = shape.reduce((product, dim) => product * dim, 1);
  const read: Partial<Record<DataType, () => Nested[]>> = {
    [DataType.STRING]: () => unpackStrings(bytes, count).map(String),
    [DataType.FLOAT]: () => [...new Float32Array(memory)],
    [DataType.INT32]: () => [...new Int32Array(memory)],
    [DataType.INT64]: () => [...new BigInt64Array(memory)].map(Number),
  };
  let values = read[dtype]?.() ?? assert.fail(`dtype ${dtype}`);
  for (const dim of shape.slice(1).reverse())
    values = Array.from({ length: values.length / dim }, (_, i) => values.slice(i * dim, (i + 1) * dim));
  return values;
}

async function ask(
  model: SavedModel,
  answer: KnownAnswer,
  options: TestRequestOptions = {},
): Promise<Record<string, Nested>> {
  const request = testRequest(inputsOf(answer), { signatureName: answer.signature, ...options });
  const outputs = await model.predict(request, copyOutputs);
  return Object.fromEntries(outputs.map((output) => [output.alias, nested(output)]));
}

describe('Sparse and ragged outputs', LIMIT, () => {
  it('come as their components where nothing is asked for by name, as Python has them', () =>
    withModel('composites', async (model) => {
      for (const answer of WHOLE) assert.deepEqual(await ask(model, answer), answer.outputs, answer.signature);
    }));

  it('come as their components over REST in column form', () =>
    withModel('composites', async (model) => {
      for (const { signature, inputs, outputs } of WHOLE)
        assert.deepEqual(await answerJson(model, { signature_name: signature, inputs }), { outputs }, signature);
    }));

  it('are written in base64 over REST where their own name ends in _bytes', () =>
    withModel('composites', async (model) => {
      const answer = await answerJson(model, { signature_name: 'bytes', inputs: ['a bc'] });
      const values = [{ b64: 'YQ==' }, { b64: 'YmM=' }];
      assert.deepEqual(answer, { outputs: { 'raw_bytes/flat_values': values, 'raw_bytes/row_splits_0': [0, 2] } });
    }));

  it('can be had component by component', () =>
    withModel('composites', async (model) => {
      for (const answer of WHOLE)
        for (const [name, value] of Object.entries(answer.outputs))
          assert.deepEqual(await ask(model, answer, { outputFilter: [name] }), { [name]: value });
    }));

  it('are refused by their own names, with those of the components', () =>
    withModel('composites', async (model) => {
      const refused = (signature: string, name: string, message: RegExp) =>
        assert.rejects(ask(model, answerOf(signature), { outputFilter: [name] }), invalid(message));
      await refused(
        'sparse',
        'sp',
        /^Output 'sp' is a sparse tensor, .* Ask for these: sp\/values, sp\/indices, sp\/shape\.$/,
      );
      await refused(
        'characters',
        'chars',
        /'chars' is a ragged tensor.*: chars\/flat_values, chars\/row_splits_0, chars\/row_splits_1\./,
      );
      await refused('slices', 'slices', /a set of indexed slices.*: slices\/values, slices\/indices\./);
      await refused(
        'sparse',
        'sp/none',
        /has no output 'sp\/none'. Its outputs are: sp\/values, sp\/indices, sp\/shape, sum\./,
      );
    }));

  it('are refused in row form, which would cut the components up', () =>
    withModel('composites', async (model) => {
      // Two rows, two values, two indices: a server that looks at sizes alone would answer.
      const body = { signature_name: 'slices', instances: [1, 2] };
      const message =
        /^Signature "slices" has the set of indexed slices 'slices', .* "inputs" in place of "instances"\.$/;
      await assert.rejects(answerJson(model, body), invalid(message));
    }));

  it('never share a run', () =>
    withModel('composites', async (model) => {
      // Each component has as many values as there are rows, so that a shared run could be cut up.
      const asked = Array.from({ length: 64 }, (_, i) => ({ signature: 'slices', inputs: { x: [i] }, outputs: {} }));
      const all = await Promise.all(asked.map((answer) => ask(model, answer)));
      for (const [i, outputs] of all.entries())
        assert.deepEqual(outputs, { 'slices/values': [i], 'slices/indices': [0], y: [2 * i] });
    }));

  it('stay in their components under the names of graph tensors, and when mixed with these', () =>
    withModel('composites', async (model) => {
      const answer = answerOf('sparse');
      const { 'sp/values': values, 'sp/shape': shape } = answer.outputs;
      const tensor = model.signature('sparse')?.outputs.find(({ alias }) => alias === 'sp/values')?.tensorName ?? '';
      const mixed = { outputFilter: ['sp/shape', tensor], allowGraphTensors: true };
      assert.deepEqual(await ask(model, answer, mixed), { 'sp/shape': shape, [tensor]: values });
      for (const outputFilter of [['sp'], [tensor, 'sp']])
        await assert.rejects(ask(model, answer, { ...mixed, outputFilter }), invalid(/'sp' is a sparse tensor/));
    }));
});

describe('Outputs that cannot leave the process', LIMIT, () => {
  const handles = answerOf('handles');

  it('keep others from nothing that are asked for by name', () =>
    withModel('composites', async (model) => {
      const outputFilter = ['f', 'a'];
      assert.deepEqual(Object.entries(await ask(model, handles, { outputFilter })), [
        ['f', handles.outputs.f],
        ['a', handles.outputs.a],
      ]);
    }));

  it('keep others from nothing when so many sets were asked for that all outputs are fetched', () =>
    withModel('composites', async (model) => {
      const names = Object.keys(handles.outputs);
      for (let set = 1; set < 2 ** names.length; set++) {
        const outputFilter = names.filter((_, bit) => set & (1 << bit));
        const expected = Object.fromEntries(outputFilter.map((name) => [name, handles.outputs[name]]));
        assert.deepEqual(await ask(model, handles, { outputFilter }), expected);
      }
    }));

  it('are refused with their kind and the way to the others', () =>
    withModel('composites', async (model) => {
      const refused = (outputFilter: string[], message: RegExp) =>
        assert.rejects(ask(model, handles, { outputFilter }), invalid(message));
      await refused(['a', 'list'], /output 'list' .* DT_VARIANT.* \(output_filter\) .*: a, b, c, d, e, f\.$/);
      await refused(['handle'], /output 'handle' .* DT_RESOURCE/);
      await refused(['maybe'], /output 'maybe\/0' .*, of the optional 'maybe'\) is of type DT_VARIANT/);
      await refused(['maybe/0'], /output 'maybe\/0'/);
      await refused([], /output 'handle' .* DT_RESOURCE.*: a, b, c, d, e, f\.$/);
      const closed = { ...handles, signature: 'closed' };
      await assert.rejects(ask(model, closed), invalid(/output 'list' .* DT_VARIANT.* Use a signature without it\.$/));
    }));

  it('are refused in JSON, which cannot leave them out', () =>
    withModel('composites', async (model) => {
      for (const values of [{ inputs: [1] }, { instances: [1] }]) {
        const body = { signature_name: 'handles', ...values };
        await assert.rejects(answerJson(model, body), invalid(/output 'handle' .* DT_RESOURCE.*over gRPC/));
      }
    }));

  it('are refused by the addon itself', () =>
    withPool(1, async (pool) => {
      const directory = join(modelPath('composites'), '1');
      const { id } = await binding.loadSession({
        directory,
        tags: ['serve'],
        config: new Uint8Array(),
        interruptible: false,
      });
      const lane = binding.openLane(pool.queue, { model: 'm', limits: NO_LIMITS });
      const signatures = readSavedModel(directory)[0]?.signatures;
      const { inputs, outputs } = signatures?.find(({ name }) => name === 'handles') ?? assert.fail();
      const prepared = binding.prepareSignature(id, 'handles', inputs, outputs, true, true);
      try {
        const refusals = prepared.outputRefusals ?? assert.fail();
        const input = {
          name: '',
          dtype: DataType.FLOAT,
          shape: [1],
          encoding: Encoding.RAW,
          start: 0,
          end: 4,
          fill: false,
        };
        const submit = (fetches: number[]) => {
          const words = writeSubmission(OutputFormat.RAW, Priority.NORMAL, Number.POSITIVE_INFINITY, fetches, [input]);
          binding.submit(lane, prepared.id, 0, words, floats(1));
        };
        for (const [index, refusal] of refusals.entries())
          if (refusal !== undefined)
            for (const fetches of [[], [index], [0, index]]) assert.throws(() => submit(fetches), invalid(/DT_/));
        assert.equal(refusals.filter((refusal) => refusal === undefined).length, 6);
      } finally {
        binding.removeSignature(prepared.id);
        binding.closeLane(lane);
        await binding.releaseSession(id);
      }
    }));
});

describe('Sparse and ragged inputs', LIMIT, () => {
  const SPARSE = {
    'sp/values': [1.5, 2, 0.5],
    'sp/indices': [
      [0, 1],
      [1, 0],
      [1, 2],
    ],
    'sp/shape': [2, 3],
  };
  const TWICE = { 'twice/values': [3, 4, 1], 'twice/indices': SPARSE['sp/indices'], 'twice/shape': [2, 3] };
  const RAGGED = { 'rag/flat_values': [1, 2, 3], 'rag/row_splits_0': [0, 2, 2, 3] };

  it('are sent as their components', () =>
    withModel('composites_v1', async (model) => {
      assert.deepEqual(await answerJson(model, { inputs: SPARSE }), { outputs: { total: [1.5, 2.5], ...TWICE } });
      assert.deepEqual(await answerJson(model, { signature_name: 'ragged', inputs: RAGGED }), { outputs: [3, 0, 3] });
      const int64 = (name: string, shape: number[], ...values: bigint[]) => {
        const bytes = new Uint8Array(BigInt64Array.from(values).buffer);
        return { name, dtype: DataType.INT64, shape, bytes };
      };
      const inputs = [
        int64('sp/indices', [1, 2], 1n, 2n),
        int64('sp/shape', [2], 2n, 3n),
        { name: 'sp/values', dtype: DataType.FLOAT, shape: [1], bytes: floats(7) },
      ];
      const [total] = await model.predict(testRequest(inputs, { outputFilter: ['total'] }), copyOutputs);
      assert.deepEqual(total && nested(total), [0, 7]);
    }));

  it('are refused by their own names, with those of the components', () =>
    withModel('composites_v1', async (model) => {
      const whole = { name: 'sp', dtype: DataType.FLOAT, shape: [1], bytes: floats(1) };
      for (const allowGraphTensors of [false, true])
        await assert.rejects(
          model.predict(testRequest([whole], { allowGraphTensors }), copyOutputs),
          invalid(/^Input 'sp' is a sparse tensor, .* Send these: sp\/values, sp\/indices, sp\/shape\.$/),
        );
      await assert.rejects(answerJson(model, { inputs: { sp: [1] } }), invalid(/lacks the input "sp\/values"/));
      const instances = [{ 'rag/flat_values': 1, 'rag/row_splits_0': 0 }];
      await assert.rejects(
        answerJson(model, { signature_name: 'ragged', instances }),
        invalid(/ragged tensor 'rag', .* "inputs" in place of "instances"/),
      );
    }));
});

describe('tensorgate inspect', () => {
  it('shows kinds and components', () => {
    const text = inspectModel(join(modelPath('composites'), '1'));
    assert.match(
      text,
      /^ +sp +sparse tensor of\n +sp\/values +DT_FLOAT +\[-1\] .*\n +sp\/indices +DT_INT64 +\[-1,2\] .*\n +sp\/shape +DT_INT64 +\[2\] .*\n +sum /m,
    );
    assert.match(text, /^ +tok +ragged tensor of\n +tok\/flat_values +DT_STRING /m);
    assert.match(text, /^ +list +DT_VARIANT .* {2}\(stays in the process\)$/m);
    assert.match(text, /^ +maybe +optional of\n +maybe\/0 +DT_VARIANT .* {2}\(stays in the process\)$/m);
  });
});
