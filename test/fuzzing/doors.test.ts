/**
 * Strangers at the open doors: gRPC messages of every method and REST requests, sent to a whole server with real models in
 * this process. Never a crash, never a 5xx or INTERNAL for what the client did wrong, and good requests go on being answered.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Code } from '../../src/errors.js';
import { encodeMessage, type Init, type MessageType } from '../../src/formats/protobuf.js';
import {
  ClassificationRequest,
  type Example,
  type Feature,
  GetModelMetadataRequest,
  GetModelStatusRequest,
  HealthCheckRequest,
  ModelServerConfig,
  MultiInferenceRequest,
  RegressionRequest,
  ReloadConfigRequest,
} from '../../src/gen/messages.js';
import { setLogLevel } from '../../src/log.js';
import { DataType } from '../../src/tensor/dtype.js';
import { jsonText, messageOf, mutated, WORDS } from '../support/arbitraries.js';
import { createGrpcClient, type GrpcDoorClient, PredictRequestMessage } from '../support/door-clients.js';
import {
  assertGrpcHarmless,
  assertGrpcWorks,
  assertRestHarmless,
  assertRestWorks,
  type RestRequest,
} from '../support/fuzz-doors.js';
import { withInProcessServer } from '../support/in-process-server.js';
import { modelPath } from '../support/models.js';

/** For all properties together. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 24);
const PROPERTIES = 8;
/** Sent at once, as many as a connection might. */
const AT_ONCE = 8;

const MODELS = ['half_plus_two', 'multi_io', 'strings', 'examples'];
const PREDICTION = '/tensorflow.serving.PredictionService';
const MODEL = '/tensorflow.serving.ModelService';

let grpc: GrpcDoorClient;
let restPort = 0;
let stop = (): void => {};
let stopped: Promise<void> = Promise.resolve();
const agent = new http.Agent({ keepAlive: true });

before(async () => {
  setLogLevel('error');
  // Nor a line of TensorFlow's for each request that the model refuses.
  process.env.TF_CPP_MIN_LOG_LEVEL = '3';
  await new Promise<void>((resolve, reject) => {
    stopped = withInProcessServer(MODELS, async (ports) => {
      grpc = createGrpcClient(ports.grpc);
      restPort = ports.rest;
      const told = new Promise<void>((tell) => {
        stop = tell;
      });
      resolve();
      await told;
      grpc.close();
      agent.destroy();
    });
    stopped.catch(reject);
  });
});

after(async () => {
  stop();
  await stopped;
});

/** Sends samples, several at once, for this property's share of the time; after each round a good request is answered. */
async function fuzz<T>(samples: fc.Arbitrary<T>, send: (sample: T) => Promise<void>, works: () => Promise<void>) {
  let rounds = 0;
  const property = fc.asyncProperty(fc.array(samples, { minLength: 1, maxLength: AT_ONCE }), async (list) => {
    rounds += 1;
    await Promise.all([...list.map(send), works()]);
  });
  await fc.assert(property, {
    numRuns: 1_000_000_000,
    interruptAfterTimeLimit: (SECONDS * 1000) / PROPERTIES,
    markInterruptAsFailure: false,
  });
  assert.ok(rounds > 10, `Only ${rounds} rounds were run`);
}

const sendGrpc = (path: string) => (message: Uint8Array) => assertGrpcHarmless(grpc, path, message);
const grpcWorks = () => assertGrpcWorks(grpc);
const restWorks = () => assertRestWorks(agent, restPort);

const encoded = <T extends object>(type: MessageType<T>, messages: fc.Arbitrary<unknown> = messageOf(type)) =>
  mutated(messages.map((message) => encodeMessage(type, message as Init<T>)));

// Predict: tensors that come close to what the models take.

/** Neither so large that memory is taken in earnest nor always fitting. */
const dim = fc.constantFrom(0n, 1n, 1n, 2n, 3n, 7n, -1n, 2n ** 40n, 2n ** 62n);

const tensor = fc.record(
  {
    dtype: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(DataType.FLOAT, DataType.INT32, DataType.STRING) },
      fc.constantFrom(...Object.values(DataType)),
    ),
    tensor_shape: fc.record({ dim: fc.array(fc.record({ size: dim }), { maxLength: 4 }) }),
    tensor_content: fc.uint8Array({ maxLength: 24 }),
    float_val: fc.array(fc.float(), { maxLength: 7 }),
    int_val: fc.array(fc.integer(), { maxLength: 7 }),
    int64_val: fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 7 }),
    string_val: fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 7 }),
  },
  { requiredKeys: ['dtype'] },
);

const ALIASES: Readonly<Record<string, readonly string[]>> = {
  half_plus_two: ['x'],
  multi_io: ['x', 'scale', 'm', 'a', 'n'],
  strings: ['text'],
  examples: ['inputs'],
};
const SIGNATURES = ['', '', 'serving_default', 'defaults', 'fixed', 'scalar', 'classify', 'dense_input', 'none'];

const predictRequest = fc.constantFrom(...MODELS).chain((name) =>
  fc.record({
    model_spec: fc.record({ name: fc.constant(name), signature_name: fc.constantFrom(...SIGNATURES) }),
    inputs: fc
      .array(fc.tuple(fc.constantFrom(...(ALIASES[name] ?? []), 'other', ''), tensor), { maxLength: 4 })
      .map((entries) => new Map(entries)),
    output_filter: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      fc.array(fc.constantFrom('y', 'total', 'upper', 'none', ''), { maxLength: 3 }),
    ),
  }),
);

// Examples, whole ones among them.

const feature: fc.Arbitrary<Init<Feature>> = fc.oneof(
  fc.record({ float_list: fc.record({ value: fc.array(fc.float(), { maxLength: 3 }) }) }),
  fc.record({ int64_list: fc.record({ value: fc.array(fc.constantFrom(0n, -1n, 2n ** 62n), { maxLength: 3 }) }) }),
  fc.record({ bytes_list: fc.record({ value: fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 3 }) }) }),
);
const example = fc
  .array(fc.tuple(fc.constantFrom('x', 'y', 'name', ''), feature), { maxLength: 3 })
  .map((entries): Init<Example> => ({ features: { feature: new Map(entries) } }));
const input = fc.oneof(
  fc.record({ example_list: fc.record({ examples: fc.array(example, { maxLength: 4 }) }) }),
  fc.record({
    example_list_with_context: fc.record({ examples: fc.array(example, { maxLength: 4 }), context: example }),
  }),
);
const examplesSpec = fc.record({
  name: fc.constant('examples'),
  signature_name: fc.constantFrom('', 'classify', 'classes', 'regress', 'dense_input', 'none'),
});
const exampleRequest = fc.record({ model_spec: examplesSpec, input });
const multiInferenceRequest = fc.record({
  tasks: fc.array(
    fc.record({
      model_spec: examplesSpec,
      method_name: fc.constantFrom(...WORDS.filter((word) => word.includes('/'))),
    }),
    { maxLength: 4 },
  ),
  input,
});

describe('fuzzed gRPC messages', () => {
  it('of Predict', () =>
    fuzz(
      fc.oneof(encoded(PredictRequestMessage), encoded(PredictRequestMessage, predictRequest)),
      sendGrpc(`${PREDICTION}/Predict`),
      grpcWorks,
    ));

  it('of Classify and Regress', () => {
    const requests = fc.oneof(
      encoded(ClassificationRequest, exampleRequest),
      encoded(ClassificationRequest),
      encoded(RegressionRequest),
    );
    const path = fc.constantFrom(`${PREDICTION}/Classify`, `${PREDICTION}/Regress`);
    return fuzz(fc.tuple(path, requests), ([method, message]) => sendGrpc(method)(message), grpcWorks);
  });

  it('of MultiInference', () =>
    fuzz(
      fc.oneof(encoded(MultiInferenceRequest), encoded(MultiInferenceRequest, multiInferenceRequest)),
      sendGrpc(`${PREDICTION}/MultiInference`),
      grpcWorks,
    ));

  it('of GetModelMetadata, GetModelStatus and the health check', () => {
    const calls = fc.oneof(
      fc.tuple(fc.constant(`${PREDICTION}/GetModelMetadata`), encoded(GetModelMetadataRequest)),
      fc.tuple(fc.constant(`${MODEL}/GetModelStatus`), encoded(GetModelStatusRequest)),
      fc.tuple(fc.constant('/grpc.health.v1.Health/Check'), encoded(HealthCheckRequest)),
    );
    return fuzz(calls, ([path, message]) => sendGrpc(path)(message), grpcWorks);
  });

  it('of HandleReloadConfigRequest, with the models as they were once they are configured again', async () => {
    const good = { config: { model_config_list: { config: MODELS.map((name) => modelConfig(name)) } } };
    const restore = () => grpc.call(`${MODEL}/HandleReloadConfigRequest`, encodeMessage(ReloadConfigRequest, good));
    const send = (message: Uint8Array) =>
      // A model that cannot be loaded is UNKNOWN, as in TensorFlow Serving.
      assertGrpcHarmless(grpc, `${MODEL}/HandleReloadConfigRequest`, message, [Code.UNKNOWN]);
    try {
      await fuzz(encoded(ReloadConfigRequest, reloadRequest), send, () => Promise.resolve());
    } finally {
      await restore();
    }
    await grpcWorks();
    await restWorks();
  });
});

const modelConfig = (name: string) => ({ name, base_path: modelPath(name), model_platform: 'tensorflow' });

/** Bases that hold a model, none, or are no paths; a request log would be a file of its own, so there is none that works. */
const config = messageOf(ModelServerConfig).chain((any) =>
  fc
    .array(
      fc.record(
        {
          name: fc.constantFrom(...MODELS, 'other', ''),
          base_path: fc.constantFrom(...MODELS.map(modelPath), '/no/such/folder', 'relative', ''),
          model_platform: fc.constantFrom('tensorflow', 'tensorflow', 'other', ''),
          model_version_policy: fc.oneof(
            fc.record({ latest: fc.record({ num_versions: fc.constantFrom(0, 1, 2, 2 ** 32 - 1) }) }),
            fc.record({ specific: fc.record({ versions: fc.array(fc.constantFrom(0n, 1n, -1n, 7n)) }) }),
          ),
          version_labels: fc
            .array(fc.tuple(fc.constantFrom('a', ''), fc.constantFrom(1n, 7n)))
            .map((all) => new Map(all)),
          logging_config: fc.record({
            log_collector_config: fc.record({ filename_prefix: fc.constant('/no/such/log') }),
          }),
        },
        { requiredKeys: ['name', 'base_path', 'model_platform'] },
      ),
      { maxLength: 3 },
    )
    .map((list) => ('custom_model_config' in any ? any : { model_config_list: { config: list } })),
);
const reloadRequest = fc.record({ config, metric_names: fc.array(fc.constantFrom(...WORDS)) }, { requiredKeys: [] });

// REST

const KEYS = ['instances', 'inputs', 'signature_name', 'examples', 'context', 'x', 'text', 'm', 'b64', 'y'];
const anyText = jsonText(KEYS);
const memberOf = (keys: readonly string[]) =>
  fc.tuple(fc.constantFrom(...keys), anyText).map(([key, value]) => `${JSON.stringify(key)}: ${value}`);
const bodyOf = (keys: readonly string[]) =>
  mutated(
    fc.oneof(
      fc.array(memberOf(keys), { maxLength: 4 }).map((members) => Buffer.from(`{${members.join(', ')}}`)),
      anyText.map((text) => Buffer.from(text)),
    ),
  );

const postRequest = (verbs: readonly string[], keys: readonly string[]): fc.Arbitrary<RestRequest> =>
  fc
    .tuple(fc.constantFrom(...MODELS, 'none'), fc.constantFrom(...verbs), bodyOf(keys), fc.boolean())
    .map(([model, verb, body, isPacked]) => ({
      method: 'POST',
      path: `/v1/models/${model}:${verb}`,
      ...(isPacked ? { headers: { 'content-encoding': 'gzip' }, body: gzipSync(body) } : { body }),
    }));

const PATH_PIECES = [
  '/',
  '/v1',
  '/v1/models',
  '/V1/Models/half_plus_two',
  '/half_plus_two',
  '/versions/1',
  '/versions/99999999999999999999',
  '/labels/a',
  '/metadata',
  ':predict',
  ':',
  '%',
  '%2f',
  '%ff',
  '%00',
  '?a=1',
  '//',
  '/..',
  '~',
];
const anyRequest: fc.Arbitrary<RestRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
  path: fc
    .array(fc.constantFrom(...PATH_PIECES), { maxLength: 6 })
    .map((pieces) => `/${pieces.join('')}`.replace(/^\/\//, '/')),
  headers: fc.record(
    { 'content-encoding': fc.constantFrom('gzip', 'br', ''), origin: fc.constantFrom('http://a', 'x') },
    { requiredKeys: [] },
  ),
  body: mutated(fc.constantFrom(gzipSync('{"instances": [1]}'), Buffer.from('{"instances": [1.0]}'), Buffer.alloc(0))),
});

describe('fuzzed REST requests', () => {
  const send = (request: RestRequest) => assertRestHarmless(agent, restPort, request);

  it('of :predict', () =>
    fuzz(
      postRequest(['predict'], ['instances', 'inputs', 'instances', 'inputs', 'signature_name', 'x']),
      send,
      restWorks,
    ));

  it('of :classify and :regress', () =>
    fuzz(postRequest(['classify', 'regress'], ['examples', 'examples', 'context', 'signature_name']), send, restWorks));

  it('of any method, path, packing and headers', () => fuzz(anyRequest, send, restWorks));
});
