import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeExampleRequest, decodeMultiInferenceRequest } from '../../src/doors/grpc/decode-inference.js';
import {
  encodeClassificationResponse,
  encodeMultiInferenceResponse,
  encodeRegressionResponse,
} from '../../src/doors/grpc/encode-inference.js';
import { Code, ServingError } from '../../src/errors.js';
import { decodeMessage, encodeMessage } from '../../src/formats/protobuf.js';
import {
  ClassificationRequest,
  ClassificationResponse,
  MultiInferenceRequest,
  MultiInferenceResponse,
  RegressionResponse,
} from '../../src/gen/messages.js';
import type { ExampleInput } from '../../src/tensor/inference.js';
import { Cancellation } from '../../src/tensor/predict-request.js';
import { callUnary, withGrpcDoor } from '../support/grpc-door.js';
import { field } from '../support/grpc-requests.js';

const CONTEXT = { deadlineMillis: Number.POSITIVE_INFINITY, cancellation: new Cancellation() };

const decode = (message: Uint8Array) => decodeExampleRequest(message, CONTEXT, 'ClassificationRequest');

/** The bytes that stand for each example, as text: the decoder must not care what they are. */
function examplesIn({ body, ranges }: ExampleInput): string[] {
  return Array.from({ length: ranges.length / 2 }, (_, i) =>
    Buffer.from(body.subarray(ranges[2 * i], ranges[2 * i + 1])).toString(),
  );
}

function contextIn({ body, context }: ExampleInput): string | undefined {
  return context && Buffer.from(body.subarray(...context)).toString();
}

const text = (value: string) => Buffer.from(value);
const SPEC = field(1, field(1, text('m')));

function isInvalid(pattern: RegExp) {
  return (error: unknown) =>
    error instanceof ServingError && error.code === Code.INVALID_ARGUMENT && pattern.test(error.message);
}

describe('A ClassificationRequest or RegressionRequest', () => {
  it('gives its spec and the ranges of its Examples, which are not looked into', () => {
    const list = field(1, field(1, text('first')), field(1), field(1, text('third')));
    const { modelSpec, signatureName, input } = decode(Buffer.concat([SPEC, field(2, list)]));
    assert.deepEqual([modelSpec, signatureName], [{ name: 'm' }, '']);
    assert.deepEqual(examplesIn(input), ['first', '', 'third']);
    assert.equal(input.context, undefined);
  });

  it('is read as a protobuf library writes it, version and signature included', () => {
    const message = encodeMessage(ClassificationRequest, {
      model_spec: { name: 'm', version: { value: 7n }, signature_name: 's' },
      input: { example_list: { examples: [{ features: { feature: new Map([['x', {}]]) } }, {}] } },
    });
    const { modelSpec, signatureName, input } = decode(message);
    assert.deepEqual([modelSpec, signatureName], [{ name: 'm', version: 7n }, 's']);
    assert.equal(input.ranges.length, 4);
  });

  it('may have a context, before or behind the Examples', () => {
    const example = field(1, text('e'));
    const context = field(2, text('c'));
    for (const list of [field(2, example, context), field(2, context, example)]) {
      const { input } = decode(Buffer.concat([field(2, list), SPEC]));
      assert.deepEqual([examplesIn(input), contextIn(input)], [['e'], 'c']);
    }
  });

  it('merges what comes again, and of the two lists takes the last', () => {
    const again = decode(
      Buffer.concat([
        SPEC,
        field(2, field(2, field(1, text('a')), field(2, text('c')))),
        field(1, field(3, text('s'))),
        field(2, field(2, field(2, text('d')), field(1, text('b')))),
      ]),
    );
    assert.deepEqual([again.modelSpec, again.signatureName], [{ name: 'm' }, 's']);
    assert.deepEqual([examplesIn(again.input), contextIn(again.input)], [['a', 'b'], 'cd']);
    const other = decode(
      Buffer.concat([
        SPEC,
        field(2, field(2, field(1, text('a')), field(2, text('c'))), field(1, field(1, text('z')))),
      ]),
    );
    assert.deepEqual([examplesIn(other.input), contextIn(other.input)], [['z'], undefined]);
  });

  it('without an Input has no Examples', () => {
    assert.deepEqual(decode(SPEC).input.ranges, []);
    assert.deepEqual(decode(Buffer.concat([SPEC, field(2)])).input.ranges, []);
  });

  it('must have a spec with a name', () => {
    assert.throws(() => decode(field(2, field(1, field(1)))), isInvalid(/^Missing ModelSpec$/));
    assert.throws(() => decode(field(1, field(3, text('s')))), isInvalid(/^ModelSpec has no name specified\.$/));
  });

  it('that is malformed is INVALID_ARGUMENT and named', () => {
    const whole = Buffer.concat([SPEC, field(2, field(2, field(1, text('abc')), field(2, text('c'))))]);
    for (let end = SPEC.length + 1; end < whole.length; end++) {
      assert.throws(() => decode(whole.subarray(0, end)), isInvalid(/^The ClassificationRequest is malformed/));
    }
    assert.throws(() => decode(Buffer.from([0x10, 1])), isInvalid(/wire type/));
  });
});

describe('A MultiInferenceRequest', () => {
  it('gives its tasks in their order, those without a model too', () => {
    const message = encodeMessage(MultiInferenceRequest, {
      tasks: [
        { model_spec: { name: 'm', signature_name: 's', version: { value: 2n } }, method_name: 'a' },
        { method_name: 'b' },
        { model_spec: { name: 'n', version_label: 'l' }, method_name: '' },
      ],
      input: { example_list: { examples: [{}] } },
    });
    const { tasks, input } = decodeMultiInferenceRequest(message, CONTEXT);
    assert.deepEqual(tasks, [
      { modelSpec: { name: 'm', version: 2n }, signatureName: 's', methodName: 'a' },
      { modelSpec: { name: '' }, signatureName: '', methodName: 'b' },
      { modelSpec: { name: 'n', versionLabel: 'l' }, signatureName: '', methodName: '' },
    ]);
    assert.equal(input.ranges.length, 2);
  });
});

const ANSWERER = { modelName: 'größe', modelVersion: 300n, signatureName: 'serving_default' };
const WIRE_SPEC = {
  name: 'größe',
  version: { value: 300n },
  version_label: undefined,
  signature_name: 'serving_default',
};

describe('The responses', () => {
  const classification = {
    exampleCount: 2,
    classCount: 2,
    labels: ['a', '', 'c', 'x'.repeat(5000)].map(text),
    scores: Float32Array.of(0, 1.5, -0, -2),
  };

  it('are read by a protobuf library', () => {
    const { result, model_spec } = decodeMessage(
      ClassificationResponse,
      encodeClassificationResponse({ ...classification, ...ANSWERER }),
    );
    assert.deepEqual(model_spec, WIRE_SPEC);
    assert.deepEqual(
      result?.classifications.map(({ classes }) => classes.map(({ label, score }) => [label, score])),
      [
        [
          ['a', 0],
          ['', 1.5],
        ],
        [
          ['c', -0],
          ['x'.repeat(5000), -2],
        ],
      ],
    );
    const regression = decodeMessage(
      RegressionResponse,
      encodeRegressionResponse({ values: Float32Array.of(0.5, 0, 2), ...ANSWERER }),
    );
    assert.deepEqual(
      regression.result?.regressions.map(({ value }) => value),
      [0.5, 0, 2],
    );
    assert.deepEqual(regression.model_spec, WIRE_SPEC);
  });

  it('leave labels or scores out where the signature has none', () => {
    const { result } = decodeMessage(
      ClassificationResponse,
      encodeClassificationResponse({ ...classification, labels: undefined, ...ANSWERER }),
    );
    assert.deepEqual(result?.classifications[0]?.classes[1], { label: '', score: 1.5 });
  });

  it('of MultiInference hold a result of the one or the other kind for each task', () => {
    const { results } = decodeMessage(
      MultiInferenceResponse,
      encodeMultiInferenceResponse([
        { ...ANSWERER, regression: { values: Float32Array.of(4) } },
        { ...ANSWERER, signatureName: 'classify', classification },
      ]),
    );
    assert.deepEqual(results[0]?.regression_result?.regressions, [{ value: 4 }]);
    assert.equal(results[0]?.classification_result, undefined);
    assert.equal(results[1]?.classification_result?.classifications.length, 2);
    assert.equal(results[1]?.model_spec?.signature_name, 'classify');
  });
});

describe('The gRPC methods', () => {
  const PATH = '/tensorflow.serving.PredictionService/';

  it('pass requests on and send what comes back', async () => {
    const api = {
      classify: async () => ({ ...ANSWERER, exampleCount: 1, classCount: 0, labels: undefined, scores: undefined }),
      regress: async () => ({ ...ANSWERER, values: Float32Array.of(3) }),
      multiInference: async () => [{ ...ANSWERER, regression: { values: Float32Array.of(5) } }],
    };
    await withGrpcDoor(api, async ({ client }) => {
      const classified = decodeMessage(ClassificationResponse, await callUnary(client, `${PATH}Classify`, SPEC));
      assert.deepEqual(classified.result?.classifications, [{ classes: [] }]);
      const regressed = decodeMessage(RegressionResponse, await callUnary(client, `${PATH}Regress`, SPEC));
      assert.deepEqual(regressed.result?.regressions, [{ value: 3 }]);
      const inferred = decodeMessage(
        MultiInferenceResponse,
        await callUnary(client, `${PATH}MultiInference`, field(1, SPEC)),
      );
      assert.deepEqual(inferred.results[0]?.regression_result?.regressions, [{ value: 5 }]);
    });
  });

  it('refuse Classify and Regress without a spec: Missing ModelSpec', async () => {
    await withGrpcDoor({}, async ({ client }) => {
      for (const method of ['Classify', 'Regress']) {
        await assert.rejects(callUnary(client, PATH + method, new Uint8Array()), {
          code: Code.INVALID_ARGUMENT,
          details: 'Missing ModelSpec',
        });
      }
    });
  });
});
