/** Sparse, ragged and handle outputs through the doors of a server: what clients see of them. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeMessage, encodeMessage } from '../../src/formats/protobuf.js';
import {
  ClassificationRequest,
  ClassificationResponse,
  Example,
  GetModelMetadataRequest,
  GetModelMetadataResponse,
  MultiInferenceRequest,
  MultiInferenceResponse,
  PredictResponse,
  SignatureDefMap,
} from '../../src/gen/messages.js';
import { CLASSIFY_METHOD } from '../../src/tensor/inference.js';
import {
  createGrpcClient,
  DoorError,
  type GrpcDoorClient,
  type PredictCall,
  withDoorClients,
} from '../support/door-clients.js';
import { untilRecords } from '../support/log-records.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const SERVICE = '/tensorflow.serving.PredictionService';

const WORDS: PredictCall = {
  model: 'composites',
  inputs: { text: { dtype: 'string', shape: [2], values: ['a bc', 'd'] } },
};
const HANDLES: PredictCall = {
  model: 'composites',
  signature: 'handles',
  inputs: { x: { dtype: 'float', shape: [2], values: [1, -2] } },
};
const LENGTH = { shape: [2], values: [4, 1] };
const FLAT_VALUES = { shape: [3], values: ['a', 'bc', 'd'] };
const ROW_SPLITS = { shape: [3], values: [0, 2, 3] };
const ONE_EXAMPLE = { example_list: { examples: [decodeMessage(Example, new Uint8Array())] } };

/** A server of both models, whose requests for `composites` are all logged into `folder`. */
async function withComposites(fn: (server: TestServer, grpc: GrpcDoorClient, folder: string) => Promise<void>) {
  await withTempDir(async (folder) => {
    const logs = join(folder, 'logs');
    await mkdir(logs);
    const logging = `logging_config { log_collector_config { filename_prefix: "${join(logs, 'm')}" } sampling_config { sampling_rate: 1 } }`;
    const entry = (name: string, more = '') =>
      `config { name: "${name}" base_path: "${modelPath(name)}" model_platform: "tensorflow" ${more} }`;
    const path = join(folder, 'models.config');
    await writeFile(path, `model_config_list { ${entry('composites', logging)} ${entry('composites_v1')} }`);
    await withServer([`--model_config_file=${path}`, '--graphpipe_model=composites'], async (server) => {
      const grpc = createGrpcClient(server.ports.grpc);
      await fn(server, grpc, logs).finally(() => grpc.close());
    });
  });
}

describe('Composite outputs, through the doors', LIMIT, () => {
  it('come as components, by name or by default', () =>
    withComposites((server) =>
      withDoorClients(server, async ({ grpc, rest, graphpipe }) => {
        const all = { length: LENGTH, 'tok/flat_values': FLAT_VALUES, 'tok/row_splits_0': ROW_SPLITS };
        assert.deepEqual(await grpc.predict(WORDS), all);
        assert.deepEqual(await rest.predict(WORDS), all);
        assert.deepEqual(await graphpipe.predict(WORDS), { 0: LENGTH, 1: FLAT_VALUES, 2: ROW_SPLITS });
        const outputs = ['tok/row_splits_0', 'tok/flat_values'];
        for (const client of [grpc, graphpipe]) {
          const some = { 'tok/row_splits_0': ROW_SPLITS, 'tok/flat_values': FLAT_VALUES };
          assert.deepEqual(await client.predict({ ...WORDS, outputs }), some, client.door);
          assert.deepEqual(await client.predict({ ...HANDLES, outputs: ['b'] }), {
            b: { shape: [2], values: [2, -4] },
          });
          const refused = (call: PredictCall, message: RegExp) =>
            assert.rejects(client.predict(call), (error) => error instanceof DoorError && message.test(error.message));
          await refused(
            { ...WORDS, outputs: ['tok'] },
            /'tok' is a ragged tensor.*tok\/flat_values, tok\/row_splits_0/,
          );
          await refused({ ...HANDLES, outputs: ['b', 'list'] }, /'list' .* DT_VARIANT.*: a, b, c, d, e, f\./);
          await refused(HANDLES, /'handle' .* DT_RESOURCE.*: a, b, c, d, e, f\./);
        }
        await assert.rejects(rest.predict(HANDLES), /'handle' .* DT_RESOURCE/);
      }),
    ));

  it('are in the log of requests as they were answered, and these can be sent again', () =>
    withComposites(async (server, grpc, folder) => {
      const body = JSON.stringify({ inputs: ['a bc', 'd'] });
      const url = `http://127.0.0.1:${server.ports.rest}/v1/models/composites:predict`;
      assert.equal((await fetch(url, { method: 'POST', body })).status, 200);
      const [record] = await untilRecords(folder, 1);
      assert.ok(record !== undefined);
      const names = ['length', 'tok/flat_values', 'tok/row_splits_0'];
      for (const response of [record.response, await grpc.call(`${SERVICE}/Predict`, record.request)])
        assert.deepEqual([...decodeMessage(PredictResponse, response).outputs.keys()].sort(), names);
    }));

  it('do not keep Classify and MultiInference from theirs', () =>
    withComposites(async (_server, grpc) => {
      const model_spec = { name: 'composites_v1', signature_name: 'classify' };
      const request = { model_spec, input: ONE_EXAMPLE };
      const expected = [
        { label: '', score: 0 },
        { label: '', score: 1 },
      ];
      const reply = await grpc.call(`${SERVICE}/Classify`, encodeMessage(ClassificationRequest, request));
      assert.deepEqual(decodeMessage(ClassificationResponse, reply).result?.classifications[0]?.classes, expected);
      const tasks = [{ model_spec, method_name: CLASSIFY_METHOD }];
      const multi = encodeMessage(MultiInferenceRequest, { tasks, input: ONE_EXAMPLE });
      const { results } = decodeMessage(MultiInferenceResponse, await grpc.call(`${SERVICE}/MultiInference`, multi));
      assert.deepEqual(results[0]?.classification_result?.classifications[0]?.classes, expected);
    }));

  it('are in the metadata as the model declares them, over gRPC and REST', () =>
    withComposites(async (server, grpc) => {
      const signatures = async (name: string) => {
        const request = { model_spec: { name }, metadata_field: ['signature_def'] };
        const reply = await grpc.call(`${SERVICE}/GetModelMetadata`, encodeMessage(GetModelMetadataRequest, request));
        const any = decodeMessage(GetModelMetadataResponse, reply).metadata.get('signature_def');
        const rest = await fetch(`http://127.0.0.1:${server.ports.rest}/v1/models/${name}/metadata`);
        const printed = ((await rest.json()) as RestMetadata).metadata.signature_def.signature_def;
        return { defs: decodeMessage(SignatureDefMap, any?.value ?? assert.fail()).signature_def, printed };
      };
      const { defs, printed } = await signatures('composites');
      const tok = defs.get('serving_default')?.outputs.get('tok');
      assert.equal(tok?.name, undefined);
      assert.equal(tok?.composite_tensor?.components.length, 2);
      const { composite_tensor, ...rest } = printed.serving_default?.outputs.tok ?? assert.fail();
      assert.deepEqual(rest, { dtype: 'DT_INVALID' });
      assert.equal(composite_tensor?.type_spec.type_spec_class, 'RAGGED_TENSOR_SPEC');
      assert.deepEqual(
        composite_tensor?.components.map(({ dtype, name }) => [dtype, name]),
        [
          ['DT_STRING', tok?.composite_tensor?.components[0]?.name],
          ['DT_INT64', tok?.composite_tensor?.components[1]?.name],
        ],
      );
      const v1 = await signatures('composites_v1');
      const { total, twice } = v1.printed.serving_default?.outputs ?? assert.fail();
      assert.deepEqual(total?.tensor_shape, { dim: [{ size: '-1', name: 'rows' }], unknown_rank: false });
      assert.equal(twice?.name, undefined);
      assert.deepEqual(twice?.coo_sparse, v1.defs.get('serving_default')?.outputs.get('twice')?.coo_sparse);
    }));

  it('are described to GraphPipe clients by their components', () =>
    withComposites(async (server) => {
      const reply = await fetch(`http://127.0.0.1:${server.ports.graphpipe}/`);
      const { Outputs } = (await reply.json()) as { Outputs: { Name: string; Description: string }[] };
      assert.deepEqual(
        Outputs.map(({ Name }) => Name),
        ['length', 'tok/flat_values', 'tok/row_splits_0'],
      );
      assert.match(Outputs[1]?.Description ?? '', /, DT_STRING, of the ragged tensor tok$/);
    }));
});

interface PrintedTensor {
  readonly name?: string;
  readonly dtype: string;
  readonly tensor_shape?: object;
  readonly coo_sparse?: object;
  readonly composite_tensor?: {
    readonly type_spec: { readonly type_spec_class: string };
    readonly components: readonly PrintedTensor[];
  };
}

interface RestMetadata {
  readonly metadata: {
    readonly signature_def: {
      readonly signature_def: Readonly<Record<string, { readonly outputs: Readonly<Record<string, PrintedTensor>> }>>;
    };
  };
}
