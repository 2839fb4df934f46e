/** The API's tf.Example methods on a real model, whose signatures are wrong in each possible way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Api } from '../../src/api/api.js';
import { createApi } from '../../src/api/create-api.js';
import type { Reloading } from '../../src/api/reload-config.js';
import type { Manager } from '../../src/core/manager.js';
import { Code, codeName, ServingError } from '../../src/errors.js';
import { encodeMessage, type Init } from '../../src/formats/protobuf.js';
import { Example, type Feature } from '../../src/gen/messages.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { DataType } from '../../src/tensor/dtype.js';
import { CLASSIFY_METHOD, type ExampleInput, PREDICT_METHOD, REGRESS_METHOD } from '../../src/tensor/inference.js';
import { copyOutputs, floats, testRequest, withModel } from '../support/in-process-model.js';

/** An Api over one model, which a handle counts the claims on. */
function apiOf(model: SavedModel, checkMethodNames: boolean): { api: Api; claims: () => number } {
  let claims = 0;
  const acquire = () => {
    claims++;
    return { id: model.id, servable: model, release: () => claims-- };
  };
  const manager = { acquire } as unknown as Manager<SavedModel>;
  return {
    api: createApi({ manager, reloading: {} as Reloading, obstacles: () => [], options: { checkMethodNames } }, 'grpc'),
    claims: () => claims,
  };
}

async function withApi(use: (api: Api) => Promise<void>, checkMethodNames = false, name = 'examples'): Promise<void> {
  await withModel(name, async (model) => {
    const { api, claims } = apiOf(model, checkMethodNames);
    await use(api);
    assert.equal(claims(), 0);
  });
}

function example(features: Record<string, number | bigint | string>): Uint8Array {
  const feature = new Map<string, Init<Feature>>();
  for (const [name, value] of Object.entries(features)) {
    if (typeof value === 'number') feature.set(name, { float_list: { value: [value] } });
    else if (typeof value === 'bigint') feature.set(name, { int64_list: { value: [value] } });
    else feature.set(name, { bytes_list: { value: [Buffer.from(value)] } });
  }
  return encodeMessage(Example, { features: { feature } });
}

function inputOf(examples: readonly Uint8Array[], context?: Uint8Array): ExampleInput {
  const ranges: number[] = [];
  let end = 0;
  for (const { length } of examples) {
    ranges.push(end, end + length);
    end += length;
  }
  const body = Buffer.concat(context === undefined ? examples : [...examples, context]);
  return { body, ranges, ...(context === undefined ? {} : { context: [end, body.length] as const }) };
}

const TWO = inputOf([example({ x: 1, n: 3n, word: 'one' }), example({ x: -2.5 })]);
const BASE = { modelSpec: { name: 'model' }, deadlineMillis: Number.POSITIVE_INFINITY };
const request = (signatureName: string, input = TWO) => ({ ...BASE, signatureName, input });

async function assertRefused(call: Promise<unknown>, code: Code, message: string | RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ServingError, String(error));
    assert.equal(codeName(error.code), codeName(code));
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

describe('Classify', () => {
  it('gives labels and scores, row by row, and what answered', async () => {
    await withApi(async (api) => {
      const { labels, scores, ...rest } = await api.classify(request(''));
      assert.deepEqual(labels?.map(String), ['one', 'n', 'sum', '', 'n', 'sum']);
      assert.deepEqual([...(scores ?? [])], [1, 3, 4, -2.5, 0, -2.5]);
      const answerer = { modelName: 'model', modelVersion: 1n, signatureName: 'serving_default' };
      assert.deepEqual(rest, { exampleCount: 2, classCount: 3, ...answerer });
    });
  });

  it('needs one or two outputs, at least one of classes and scores', async () => {
    await withApi(async (api) => {
      assert.equal((await api.classify(request('scores'))).labels, undefined);
      assert.equal((await api.classify(request('classes'))).scores, undefined);
      const refused = (signature: string, message: string | RegExp) =>
        assertRefused(api.classify(request(signature)), Code.INVALID_ARGUMENT, message);
      await refused('three_outputs', 'Expected one or two output Tensors, found 3');
      await refused('predict', 'Expected one or two output Tensors, found 3');
      await refused(
        'misnamed_outputs',
        /^Expected classification signature outputs to contain at least one of "classes" or "scores"\. Signature was: /,
      );
    });
  });

  it('needs exactly one input with the alias `inputs`', async () => {
    await withApi(async (api) => {
      await assertRefused(api.classify(request('two_inputs')), Code.INVALID_ARGUMENT, 'Expected one input Tensor.');
      await assertRefused(
        api.classify(request('misnamed_input')),
        Code.INVALID_ARGUMENT,
        /^No classification inputs found in SignatureDef: misnamed_input /,
      );
    });
  });

  it('needs outputs [batch, n] of string and float, of the same n, batch being the number of examples', async () => {
    await withApi(async (api) => {
      const refused = (signature: string, message: string) =>
        assertRefused(api.classify(request(signature)), Code.INVALID_ARGUMENT, message);
      await refused('flat_scores', 'Expected Tensor shape: [batch_size num_classes] but got [2]');
      await refused('flat_classes', 'Expected Tensor shape: [batch_size num_classes] but got [2]');
      await refused('integer_scores', 'Expected scores Tensor of DT_FLOAT. Got: DT_INT64');
      await refused('float_classes', 'Expected classes Tensor of DT_STRING. Got: DT_FLOAT');
      await refused('first_scores', 'Expected scores output batch size of 2. Got: 1');
      await refused('first_classes', 'Expected classes output batch size of 2. Got: 1');
      await refused('uneven', 'Tensors class and score should match in dim_size(1). Got 2 vs. 3');
    });
  });

  it('refuses a signature that is not there, and no examples: Input is empty.', async () => {
    await withApi(async (api) => {
      const missing = 'No signature was found with the name: nope';
      await assertRefused(api.classify(request('nope')), Code.INVALID_ARGUMENT, missing);
      await assertRefused(api.regress(request('nope')), Code.INVALID_ARGUMENT, missing);
      for (const input of [inputOf([]), inputOf([], example({ x: 1 }))]) {
        await assertRefused(api.classify(request('', input)), Code.INVALID_ARGUMENT, 'Input is empty.');
        await assertRefused(api.regress(request('regress', input)), Code.INVALID_ARGUMENT, 'Input is empty.');
      }
    });
  });
});

describe('Regress', () => {
  it('gives a value for each example, from [batch] and [batch, 1]', async () => {
    await withApi(async (api) => {
      for (const signature of ['regress', 'regress_vector']) {
        const { values, signatureName } = await api.regress(request(signature));
        assert.deepEqual([[...values], signatureName], [[2.5, 0.75], signature]);
      }
    });
  });

  it('needs one input `inputs` and one output `outputs`', async () => {
    await withApi(async (api) => {
      const refused = (signature: string, message: string | RegExp) =>
        assertRefused(api.regress(request(signature)), Code.INVALID_ARGUMENT, message);
      await refused('two_inputs', 'Expected one input Tensor.');
      await refused('misnamed_regress_input', /^No regression inputs found in SignatureDef: misnamed_regress_input /);
      await refused('classify', 'Expected one output Tensor.');
      await refused('scores', /^No regression outputs found in SignatureDef: scores /);
      await refused('dense_input', /DT_STRING/);
    });
  });

  it('needs an output that is float, [batch] or [batch, 1], batch being the number of examples', async () => {
    await withApi(async (api) => {
      const refused = (signature: string, message: string) =>
        assertRefused(api.regress(request(signature)), Code.INVALID_ARGUMENT, message);
      await refused(
        'wide_regress',
        'Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,3]',
      );
      await refused('first_regress', 'Input batch size did not match output batch size: 2 vs. 1');
      await refused('integer_regress', 'Expected output Tensor of DT_FLOAT.  Got: DT_INT64');
    });
  });
});

describe("An example's feature", () => {
  it("wins over the context's, which all examples share", async () => {
    await withApi(async (api) => {
      const input = inputOf([example({ n: 2n }), example({ x: 5 }), example({})], example({ x: 1, word: 'shared' }));
      const { labels, scores } = await api.classify(request('', input));
      assert.deepEqual(labels?.filter((_, i) => i % 3 === 0).map(String), ['shared', 'shared', 'shared']);
      assert.deepEqual([...(scores ?? [])], [1, 2, 3, 5, 0, 5, 1, 0, 1]);
    });
  });

  it('is not multiplied without limit by a context: more than 2 GiB are refused', async () => {
    await withApi(async (api) => {
      const body = new Uint8Array(1_000_000);
      const ranges = Array(2 * 3000).fill(0);
      const input: ExampleInput = { body, ranges, context: [0, body.length] };
      await assertRefused(
        api.classify(request('', input)),
        Code.RESOURCE_EXHAUSTED,
        /3000 examples take 3000000000 bytes/,
      );
    });
  });
});

describe('MultiInference', () => {
  const task = (signatureName: string, methodName: string, name = 'model') => ({
    modelSpec: { name },
    signatureName,
    methodName,
  });
  const infer = (api: Api, tasks: readonly ReturnType<typeof task>[], input = TWO) =>
    api.multiInference({ deadlineMillis: Number.POSITIVE_INFINITY, tasks, input });

  it('serves all tasks by one run, in their order', async () => {
    await withModel('examples', async (model) => {
      const { api } = apiOf(model, false);
      let runs = 0;
      const predict = model.predict.bind(model);
      model.predict = (...args) => {
        runs++;
        return predict(...args);
      };
      const tasks = [task('regress', REGRESS_METHOD), task('', CLASSIFY_METHOD), task('scores', CLASSIFY_METHOD)];
      const [first, second, third] = await infer(api, tasks);
      assert.equal(runs, 1);
      assert.deepEqual([...(first?.regression?.values ?? [])], [2.5, 0.75]);
      assert.equal(first?.classification, undefined);
      assert.equal(second?.signatureName, 'serving_default');
      assert.deepEqual(second?.classification?.labels?.map(String), ['one', 'n', 'sum', '', 'n', 'sum']);
      assert.deepEqual(third?.classification?.scores, second?.classification?.scores);
      assert.equal(third?.classification?.labels, undefined);
    });
  });

  it('feeds the examples to the input of each task, as signatures of TF2 each have one of their own', async () => {
    await withApi(async (api) => {
      const tasks = [task('other_input', REGRESS_METHOD), task('regress', REGRESS_METHOD), task('', CLASSIFY_METHOD)];
      const [lengths, halves, classes] = await infer(api, tasks);
      const sizes = [example({ x: 1, n: 3n, word: 'one' }), example({ x: -2.5 })].map((bytes) => bytes.length);
      assert.deepEqual([...(lengths?.regression?.values ?? [])], sizes);
      assert.deepEqual([...(halves?.regression?.values ?? [])], [2.5, 0.75]);
      assert.deepEqual(classes?.classification?.labels?.map(String), ['one', 'n', 'sum', '', 'n', 'sum']);
      assert.equal(lengths?.signatureName, 'other_input');
    });
  });

  it('may be asked more often than there are ways to put tasks together', async () => {
    await withApi(async (api) => {
      for (let i = 0; i < 300; i++) {
        const order = i % 2 === 0 ? ['regress', 'regress_vector'] : ['regress_vector', 'regress'];
        await infer(
          api,
          order.map((name) => task(name, REGRESS_METHOD)),
        );
      }
    });
  });

  it('has all tasks name one model, and the first one pick the version', async () => {
    await withApi(async (api) => {
      const refused = (second: ReturnType<typeof task>, message: string) =>
        assertRefused(infer(api, [task('regress', REGRESS_METHOD), second]), Code.INVALID_ARGUMENT, message);
      const others = 'All ModelSpecs in a MultiInferenceRequest must access the same model name.';
      await refused(task('', CLASSIFY_METHOD, 'other'), others);
      await refused(task('', CLASSIFY_METHOD, ''), 'Found ModelSpec with an empty model name.');
      await refused(task('', CLASSIFY_METHOD, 'Model'), others);
    });
    await withModel('examples', async (model) => {
      const asked: unknown[] = [];
      const acquire = (spec: unknown) => {
        asked.push(spec);
        return { id: model.id, servable: model, release: () => {} };
      };
      const manager = { acquire } as unknown as Manager<SavedModel>;
      const api = createApi(
        { manager, reloading: {} as Reloading, obstacles: () => [], options: { checkMethodNames: false } },
        'grpc',
      );
      const first = { ...task('regress', REGRESS_METHOD), modelSpec: { name: 'model', version: 5n } };
      const second = { ...task('', CLASSIFY_METHOD), modelSpec: { name: 'model', version: 7n } };
      await infer(api, [first, second]);
      assert.deepEqual(asked, [{ name: 'model', version: 5n }]);
    });
  });

  it('takes a signature once', async () => {
    await withApi(async (api) => {
      const refused = (tasks: readonly ReturnType<typeof task>[], message: string) =>
        assertRefused(infer(api, tasks), Code.INVALID_ARGUMENT, message);
      const regress = task('regress', REGRESS_METHOD);
      await refused([regress, regress], 'Duplicate evaluation of signature: regress');
      const byDefault = [task('', CLASSIFY_METHOD), task('serving_default', CLASSIFY_METHOD)];
      await refused(byDefault, 'Duplicate evaluation of signature: serving_default');
      await refused([regress, task('nope', REGRESS_METHOD)], 'Requested signature not found in model graph: nope');
    });
  });

  it('checks a signature as Classify and Regress do, and knows no other methods', async () => {
    await withApi(async (api) => {
      const refused = (tasks: readonly ReturnType<typeof task>[], code: Code, message: string) =>
        assertRefused(infer(api, tasks), code, message);
      await refused([task('two_inputs', CLASSIFY_METHOD)], Code.INVALID_ARGUMENT, 'Expected one input Tensor.');
      await refused([task('classify', REGRESS_METHOD)], Code.INVALID_ARGUMENT, 'Expected one output Tensor.');
      await refused(
        [task('first_regress', REGRESS_METHOD)],
        Code.INVALID_ARGUMENT,
        'Input batch size did not match output batch size: 2 vs. 1',
      );
      await refused(
        [task('predict', PREDICT_METHOD)],
        Code.UNIMPLEMENTED,
        `Unsupported signature method_name: ${PREDICT_METHOD}`,
      );
      await refused([], Code.INVALID_ARGUMENT, 'ModelSpec has no name specified.');
    });
  });
});

describe('--enable_signature_method_name_check', () => {
  it('has Classify, Regress and MultiInference insist on their method', async () => {
    await withApi(async (api) => {
      const classification = (was: string) =>
        `Expected classification signature method_name to be ${CLASSIFY_METHOD}. Was: ${was}`;
      const regression = (was: string) =>
        `Expected regression signature method_name to be ${REGRESS_METHOD}. Was: ${was}`;
      const refused = (call: Promise<unknown>, message: string) => assertRefused(call, Code.INVALID_ARGUMENT, message);
      await refused(api.classify(request('other_method')), classification('of/our/own'));
      await refused(api.classify(request('regress')), classification(REGRESS_METHOD));
      await refused(api.regress(request('classify')), regression(CLASSIFY_METHOD));
      const tasks = [{ modelSpec: { name: 'model' }, signatureName: 'regress', methodName: CLASSIFY_METHOD }];
      const inferred = api.multiInference({ deadlineMillis: Number.POSITIVE_INFINITY, tasks, input: TWO });
      await refused(inferred, classification(REGRESS_METHOD));
      assert.equal((await api.classify(request('classify'))).exampleCount, 2);
      assert.equal((await api.regress(request('regress'))).values.length, 2);
    }, true);
  });

  it('has Predict insist on one of the three, by gRPC and by REST', async () => {
    const bad = testRequest([{ name: 'inputs', dtype: DataType.STRING, shape: [1], strings: [example({})] }], {
      signatureName: 'other_method',
    });
    const json = (name: string) => ({
      ...BASE,
      kind: 'json' as const,
      body: Buffer.from(`{"signature_name": "${name}", "inputs": [""]}`),
    });
    const text =
      `Expected prediction signature method_name to be one of {${PREDICT_METHOD}, ${CLASSIFY_METHOD}, ` +
      `${REGRESS_METHOD}}. Was: of/our/own`;
    await withApi(async (api) => {
      await assertRefused(api.predict(bad, copyOutputs), Code.INTERNAL, text);
      await assertRefused(api.predict(json('other_method'), copyOutputs), Code.INTERNAL, text);
      await api.predict({ ...bad, signatureName: 'regress' }, copyOutputs);
      await api.predict(json('predict'), copyOutputs);
    }, true);
    await withApi(async (api) => {
      await api.predict(bad, copyOutputs);
      await api.predict(json('other_method'), copyOutputs);
      assert.equal((await api.classify(request('other_method'))).classCount, 3);
    });
  });
});

describe('A signature with defaults', () => {
  const x = { name: 'x', dtype: DataType.FLOAT, shape: [2], bytes: floats(1, 3) };
  const scale = { name: 'scale', dtype: DataType.FLOAT, shape: [], bytes: floats(3) };
  const y = async (api: Api, inputs: Parameters<typeof testRequest>[0], options = {}) =>
    (await api.predict(testRequest(inputs, { signatureName: 'defaults', ...options }), copyOutputs))[0]?.bytes;

  it('may be sent fewer inputs', async () => {
    await withApi(
      async (api) => {
        assert.deepEqual(await y(api, [x]), floats(2, 6));
        assert.deepEqual(await y(api, [x, scale]), floats(3, 9));
        assert.deepEqual(await y(api, [scale, x]), floats(3, 9));
      },
      false,
      'multi_io',
    );
  });

  it('may be sent fewer by GraphPipe too', async () => {
    await withApi(
      async (api) => assert.deepEqual(await y(api, [x], { allowGraphTensors: true }), floats(2, 6)),
      false,
      'multi_io',
    );
  });

  it('may be sent fewer over REST, in all rows or none', async () => {
    const { deadlineMillis, modelSpec } = BASE;
    const rest = async (api: Api, body: object) => {
      const text = Buffer.from(JSON.stringify({ signature_name: 'defaults', ...body }));
      const [reply] = await api.predict({ kind: 'json', modelSpec, deadlineMillis, body: text }, copyOutputs);
      return JSON.parse(String(reply?.bytes));
    };
    await withApi(
      async (api) => {
        assert.deepEqual(await rest(api, { instances: [{ x: 1 }, { x: 3 }] }), { predictions: [2, 6] });
        assert.deepEqual(await rest(api, { inputs: { x: [1, 3] } }), { outputs: [2, 6] });
        assert.deepEqual(await rest(api, { inputs: { x: [1, 3], scale: 3 } }), { outputs: [3, 9] });
        const some = rest(api, { instances: [{ x: 1, scale: 3 }, { x: 3 }] });
        await assertRefused(some, Code.INVALID_ARGUMENT, /^instances\[1\] lacks the input "scale"/);
        await assertRefused(rest(api, { inputs: { scale: 3 } }), Code.INVALID_ARGUMENT, /lacks the input "x"/);
      },
      false,
      'multi_io',
    );
  });

  it('must still be sent the others, and none that it does not have', async () => {
    await withApi(
      async (api) => {
        await assertRefused(y(api, [scale]), Code.INVALID_ARGUMENT, /^Input 'x' .* is missing/);
        await assertRefused(y(api, []), Code.INVALID_ARGUMENT, /^Input 'x' .* is missing/);
        await assertRefused(y(api, [x, { ...scale, name: 'z' }]), Code.INVALID_ARGUMENT, /has no input 'z'/);
      },
      false,
      'multi_io',
    );
  });
});
