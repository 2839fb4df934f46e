/**
 * Strangers at the open doors: gRPC messages of every method and REST requests, sent to a whole server with real models in
 * this process. Never a crash, never a 5xx or INTERNAL for what the client did wrong, and good requests go on being answered.
 */
import http from 'node:http';
import { after, before, describe, it, type TestContext } from 'node:test';
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
import { checkProperty, type PropertyOptions } from '../support/check-property.js';
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

/** FUZZ_SECONDS is for all properties together; without it each has so many rounds. */
const SECONDS = process.env.FUZZ_SECONDS;
const PROPERTIES = 8;
const ROUNDS = 250;
const RELOADS = 15;
/** With it a server that goes by version numbers alone serves a model from another model's folder after a few rounds. */
const SEED_OF_MOVES = 8;
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

/** Sends samples, several at once; after each round a good request is answered. */
async function fuzz<T>(
  test: TestContext,
  samples: fc.Arbitrary<T>,
  send: (sample: T) => Promise<void>,
  works: () => Promise<void>,
  options: PropertyOptions = {},
): Promise<void> {
  const property = fc.asyncProperty(fc.array(samples, { minLength: 1, maxLength: AT_ONCE }), async (list) => {
    await Promise.all([...list.map(send), works()]);
  });
  const limit = SECONDS === undefined ? { numRuns: ROUNDS } : { forMillis: (Number(SECONDS) * 1000) / PROPERTIES };
  await checkProperty(test, property, { ...limit, hasState: true, ...options });
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
  it('of Predict', (t) =>
    fuzz(
      t,
      fc.oneof(encoded(PredictRequestMessage), encoded(PredictRequestMessage, predictRequest)),
      sendGrpc(`${PREDICTION}/Predict`),
      grpcWorks,
    ));

  it('of Classify and Regress', (t) => {
    const requests = fc.oneof(
      encoded(ClassificationRequest, exampleRequest),
      encoded(ClassificationRequest),
      encoded(RegressionRequest),
    );
    const path = fc.constantFrom(`${PREDICTION}/Classify`, `${PREDICTION}/Regress`);
    return fuzz(t, fc.tuple(path, requests), ([method, message]) => sendGrpc(method)(message), grpcWorks);
  });

  it('of MultiInference', (t) =>
    fuzz(
      t,
      fc.oneof(encoded(MultiInferenceRequest), encoded(MultiInferenceRequest, multiInferenceRequest)),
      sendGrpc(`${PREDICTION}/MultiInference`),
      grpcWorks,
    ));

  it('of GetModelMetadata, GetModelStatus and the health check', (t) => {
    const calls = fc.oneof(
      fc.tuple(fc.constant(`${PREDICTION}/GetModelMetadata`), encoded(GetModelMetadataRequest)),
      fc.tuple(fc.constant(`${MODEL}/GetModelStatus`), encoded(GetModelStatusRequest)),
      fc.tuple(fc.constant('/grpc.health.v1.Health/Check'), encoded(HealthCheckRequest)),
    );
    return fuzz(t, calls, ([path, message]) => sendGrpc(path)(message), grpcWorks);
  });

  it('of HandleReloadConfigRequest, with the models as they were once they are configured again', async (t) => {
    const good = { config: { model_config_list: { config: MODELS.map((name) => modelConfig(name)) } } };
    const reload = (message: Uint8Array) => grpc.call(`${MODEL}/HandleReloadConfigRequest`, message);
    const send = (message: Uint8Array) =>
      // A model that cannot be loaded is UNKNOWN, as in TensorFlow Serving.
      assertGrpcHarmless(grpc, `${MODEL}/HandleReloadConfigRequest`, message, [Code.UNKNOWN]);
    const property = fc.asyncProperty(fc.array(reloadMessage, { minLength: 1, maxLength: AT_ONCE }), async (list) => {
      await Promise.all(list.map(send));
      await reload(encodeMessage(ReloadConfigRequest, good));
      await grpcWorks();
      await restWorks();
    });
    const limit = SECONDS === undefined ? { numRuns: RELOADS } : { forMillis: (Number(SECONDS) * 1000) / PROPERTIES };
    await checkProperty(t, property, { ...limit, hasState: true, seed: SEED_OF_MOVES });
  });
});

const modelConfig = (name: string) => ({ name, base_path: modelPath(name), model_platform: 'tensorflow' });

/** Most configurations are to be taken: what is refused changes nothing. */
const mostly = (good: readonly string[], bad: readonly string[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...good) }, fc.constantFrom(...bad));

/** Bases that hold a model, none, or are no paths; a request log would be a file of its own, so there is none that works. */
const config = messageOf(ModelServerConfig).chain((any) =>
  fc
    .array(
      fc.record(
        {
          name: mostly(MODELS, ['other', '']),
          base_path: mostly(MODELS.map(modelPath), ['/no/such/folder', 'relative', '']),
          model_platform: mostly(['tensorflow'], ['other', '']),
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
    .chain((list) => {
      const some = fc.constant({ model_config_list: { config: list } });
      return fc.oneof({ weight: 4, arbitrary: some }, fc.constant(any));
    }),
);
const reloadRequest = fc.record(
  { config, metric_names: fc.array(fc.constantFrom(...WORDS)) },
  { requiredKeys: ['config'] },
);
const reloadMessage = fc.oneof(
  encoded(ReloadConfigRequest, reloadRequest),
  reloadRequest.map((message) => encodeMessage(ReloadConfigRequest, message as Init<ReloadConfigRequest>)),
);

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

  it('of :predict', (t) =>
    fuzz(
      t,
      postRequest(['predict'], ['instances', 'inputs', 'instances', 'inputs', 'signature_name', 'x']),
      send,
      restWorks,
    ));

  it('of :classify and :regress', (t) =>
    fuzz(
      t,
      postRequest(['classify', 'regress'], ['examples', 'examples', 'context', 'signature_name']),
      send,
      restWorks,
    ));

  it('of any method, path, packing and headers', (t) => fuzz(t, anyRequest, send, restWorks));
});
